"""Sequential consistency: one order of everything that keeps every process's own (Lamport 1979).

It is not local: keys cannot be judged one by one.  Deciding it is NP-complete
even when it is known which write every read saw (Gibbons & Korach 1997), so this
is a search with a budget, for histories of some hundreds of operations.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic

from checker.base import Budget, Inconsistent, Model, State, ValueModel
from checker.linearizability.minimal import NOT_MINIMAL, Reduced, Reduction
from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid, Verdict
from histories.call import Failed, Ok
from histories.history import History
from histories.notation import clock_for, describe_op
from histories.op import Op, answer_of

_LOOKS_AT_CLOCK_EVERY = 256
_STATES_MAX: Final = 5_000
_WORK_MAX: Final = 200_000
"""Operations looked at in all, and configurations, for fewer that show it: some seconds."""


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
    evidence = _minimal(history.ops, model, budget)
    again = _Search(evidence.ops, model, budget)
    again.run()
    return Invalid((_anomaly(again, evidence),))


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


class _Oracle(Generic[State]):
    """Whether parts have no order that keeps that of every process."""

    def __init__(self, ops: Sequence[Op], model: Model[State], budget: Budget) -> None:
        self._ops = ops
        self._model = model
        self._budget = replace(budget, states_max=min(budget.states_max, _STATES_MAX))
        self._work = 0
        self.left_open = False

    def is_bad(self, positions: Sequence[int]) -> bool:
        search = _Search([self._ops[at] for at in positions], self._model, self._budget)
        answer = search.run()
        self._work += len(positions) + len(search.seen)
        self.left_open |= answer is None
        return answer is False

    def is_spent(self) -> bool:
        return self._work > _WORK_MAX or self._budget.deadline()


def _minimal(ops: Sequence[Op], model: Model[State], budget: Budget) -> Reduced:
    """A part without order, from which nothing can go."""
    possible = [op for op in ops if not isinstance(op.outcome, Failed)]
    oracle = _Oracle(possible, model, budget)
    return Reduction(possible, _sources(possible, model), oracle).halved()


def _sources(ops: Sequence[Op], model: Model[State]) -> list[list[int]]:
    """Per op all that may have brought what it saw, whenever that was; if that is not told by
    values, all that may have changed its object."""
    bringing: dict[Hashable, list[int]] = {}
    for position, op in enumerate(ops):
        if isinstance(model, ValueModel):
            brought = model.installs(op.call, answer_of(op))
        else:
            brought = None if model.observes_only(op.call, answer_of(op)) else True
        if brought is not None:
            bringing.setdefault((op.call.key, brought), []).append(position)
    return [
        bringing.get(
            (
                op.call.key,
                model.needs(op.call, answer_of(op)) if isinstance(model, ValueModel) else True,
            ),
            [],
        )
        for op in ops
    ]


def _anomaly(search: _Search[Any], evidence: Reduced) -> Anomaly:
    clock = clock_for(evidence.ops)
    done = 0 if search.farthest is None else sum(search.farthest.done)
    count = len(evidence.ops)
    some = f"some order explains {done:,} of them, but then" if done else "to begin with,"
    return Anomaly(
        kind="not sequentially consistent",
        source="Lamport 1979",
        evidence=tuple(op.index for op in evidence.ops),
        explanation=(
            f"no order of the {count:,} operations shown explains all answers and keeps the order "
            f"of every process: {some} none of the next calls of the processes fits"
        ),
        details=(
            *([] if evidence.is_minimal else [NOT_MINIMAL]),
            *(
                f"next of process {op.process} is {describe_op(op, clock)}, but the state is "
                f"{search.state_of(op)} then"
                for op in search.blocked()
            ),
        ),
    )
