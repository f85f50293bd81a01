"""Sequential consistency: one order of everything that keeps every process's own (Lamport 1979).

It is not local: keys cannot be judged one by one.  Deciding it is NP-complete
even when it is known which write every read saw (Gibbons & Korach 1997), so this
is a search with a budget, for histories of some hundreds of operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic

from checker.base import Budget, Inconsistent, Model, State
from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid, Verdict
from histories.call import Failed, Ok
from histories.history import History
from histories.notation import describe_op
from histories.op import Op

_LOOKS_AT_CLOCK_EVERY = 256


def check_sequential(history: History, model: Model[State], budget: Budget) -> Verdict:
    """Whether there is an order of all answered operations, and of some indeterminate
    ones, in which every key behaves as ``model`` and every process's calls keep theirs.

    An indeterminate operation may take effect at any time after its call, or never:
    it is its process's last.
    """
    if not any(isinstance(op.outcome, Ok) for op in history.ops):
        return Unknown(UnknownCause.NOTHING_TO_CHECK, "nothing was answered")
    search = _Search(history.ops, model, budget)
    answer = search.run()
    if answer is None:
        explored = len(search.seen)
        return Unknown(search.cause, f"stopped after {explored:,} configurations")
    if answer:
        return Valid(f"{len(history.ops):,} ops of {len(search.programs):,} processes")
    return Invalid((_anomaly(search),))


@dataclass(frozen=True, slots=True)
class _At(Generic[State]):
    """How far every process is, and the state of every key."""

    done: tuple[int, ...]
    states: tuple[State, ...]


class _Search(Generic[State]):
    def __init__(self, ops: Sequence[Op], model: Model[State], budget: Budget) -> None:
        self._model = model
        self._budget = budget
        self.cause = UnknownCause.TIME_LIMIT
        self.seen: set[_At[State]] = set()
        self.farthest: _At[State] | None = None
        programs: dict[int, list[Op]] = {}
        keys: dict[str, int] = {}
        for op in ops:
            keys.setdefault(op.call.key, len(keys))
            if not isinstance(op.outcome, Failed):
                programs.setdefault(op.process, []).append(op)
        self.programs = list(programs.values())
        self._keys = keys

    def run(self) -> bool | None:
        """Whether there is an order; None if the budget ran out."""
        first = self._settled(
            _At((0,) * len(self.programs), (self._model.initial,) * len(self._keys))
        )
        work = [first]
        self.farthest = first
        while work:
            at = work.pop()
            if at in self.seen:
                continue
            self.seen.add(at)
            if sum(at.done) > sum(self.farthest.done):
                self.farthest = at
            if all(
                self._is_over(program, done)
                for program, done in zip(self.programs, at.done, strict=True)
            ):
                return True
            if len(self.seen) > self._budget.states_max:
                self.cause = UnknownCause.MEMORY_LIMIT
                return None
            if len(self.seen) % _LOOKS_AT_CLOCK_EVERY == 0 and self._budget.deadline():
                return None
            work.extend(
                self._settled(after)
                for number in reversed(range(len(self.programs)))
                if (after := self._after(at, number)) is not None
            )
        return False

    @staticmethod
    def _is_over(program: Sequence[Op], done: int) -> bool:
        return all(not isinstance(op.outcome, Ok) for op in program[done:])

    def _after(self, at: _At[State], number: int) -> _At[State] | None:
        """One operation more of one process, if it can be next."""
        program, done = self.programs[number], at.done[number]
        if done == len(program):
            return None
        op = program[done]
        key = self._keys[op.call.key]
        outcome = op.outcome if isinstance(op.outcome, Ok) else None
        after = self._model.step(at.states[key], op.call, outcome)
        if isinstance(after, Inconsistent):
            return None
        return _At(
            (*at.done[:number], done + 1, *at.done[number + 1 :]),
            (*at.states[:key], after, *at.states[key + 1 :]),
        )

    def _settled(self, at: _At[State]) -> _At[State]:
        """Every observer that can be next goes next: it changes nothing for the others."""
        moved = True
        while moved:
            moved = False
            for number, program in enumerate(self.programs):
                while at.done[number] < len(program):
                    op = program[at.done[number]]
                    outcome = op.outcome if isinstance(op.outcome, Ok) else None
                    if not self._model.observes_only(op.call, outcome):
                        break
                    after = self._after(at, number)
                    if after is None:
                        break
                    at, moved = after, True
        return at

    def blocked(self) -> list[Op]:
        """What could not be next where the search came farthest."""
        assert self.farthest is not None, "the search has run"
        return [
            program[done]
            for program, done in zip(self.programs, self.farthest.done, strict=True)
            if not self._is_over(program, done)
        ]

    def state_of(self, op: Op) -> str:
        assert self.farthest is not None, "the search has run"
        return self._model.describe(self.farthest.states[self._keys[op.call.key]])


def _anomaly(search: _Search[Any]) -> Anomaly:
    blocked = search.blocked()
    done = 0 if search.farthest is None else sum(search.farthest.done)
    return Anomaly(
        kind="not sequentially consistent",
        source="Lamport 1979",
        evidence=tuple(sorted(op.index for program in search.programs for op in program)),
        explanation=(
            "no order of the operations keeps the order of every process; at most "
            f"{done:,} of them have one, and then none of these can be next"
        ),
        details=tuple(f"{describe_op(op)}: the state was {search.state_of(op)}" for op in blocked),
    )
