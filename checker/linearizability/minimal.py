"""The smallest part of a bad history that is still bad, and is bad for the same reason.

A part proves something about the whole only if it is *value-closed*: whoever may
have installed a value that is seen in the part belongs to it.  Then any
linearization of the whole, restricted to the part, is one of the part; so if the
part has none, the whole has none.  Dropping a write whose value is still read
would instead make up a read of nowhere.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from checker.base import Budget, Model, State, ValueModel
from checker.linearizability.search import Stuck, search
from histories.call import Failed, Ok
from histories.op import FOREVER, Nanos, Op

_NEVER: Final = Nanos(-(2**63))


def minimal_part(
    ops: Sequence[Op], stuck: Stuck, model: Model[State], budget: Budget
) -> tuple[Op, ...]:
    """The evidence: a value-closed part without linearization, 1-minimal as such.

    No single operation can be left out, except by making up a value that nobody
    wrote.  For a model that is no ``ValueModel`` only observers are left out.
    When the deadline of the budget comes first, the part is larger, but true.

    Cost: O(k log n) searches for k operations that remain.
    """
    sources = _needed(ops, model)
    dependents: list[list[int]] = [[] for _ in ops]
    for position, needed in enumerate(sources):
        for source in needed:
            dependents[source].append(position)
    kept = set(range(len(ops)))
    prefix = _closure((at for at in kept if ops[at].invoked <= stuck.op.completed), sources)
    if _is_bad([ops[at] for at in sorted(prefix)], model, budget):
        kept = prefix
    size = len(ops)
    while size > 1:
        size = (size + 1) // 2
        for start in range(len(ops) - size, -size, -size):  # later ones first: they explain less
            chunk = [at for at in range(max(start, 0), start + size) if at in kept]
            if not chunk or budget.deadline():
                continue
            without = kept - _closure(chunk, dependents)
            if _is_bad([ops[at] for at in sorted(without)], model, budget):
                kept = without
    return tuple(ops[at] for at in sorted(kept))


def _is_bad(ops: Sequence[Op], model: Model[State], budget: Budget) -> bool:
    return isinstance(search(ops, model, budget), Stuck)


def _closure(positions: Iterable[int], leads_to: Sequence[Sequence[int]]) -> set[int]:
    """These positions and all that they lead to, directly or not."""
    reached: set[int] = set()
    work = list(positions)
    while work:
        position = work.pop()
        if position not in reached:
            reached.add(position)
            work.extend(leads_to[position])
    return reached


def _needed(ops: Sequence[Op], model: Model[State]) -> list[list[int]]:
    """Per position the positions of the ops that it cannot be judged without."""
    if isinstance(model, ValueModel):
        sources = _Sources(ops, model)
        return [sources.of(op) for op in ops]
    mutators = [
        position
        for position, op in enumerate(ops)
        if not (isinstance(op.outcome, Ok) and model.observes_only(op.call, op.outcome))
    ]
    if not mutators:
        return [[] for _ in ops]
    needed = [[mutators[0]] for _ in ops]
    needed[mutators[0]] = mutators[1:]
    return needed


@dataclass(slots=True)
class _Installers:
    """Who may have installed one value, each list in the order of invocation."""

    answered: list[tuple[int, Op]] = field(default_factory=list)
    latest_end: list[Nanos] = field(default_factory=list)
    """Of ``answered``, up to and including each."""
    optional: list[tuple[int, Op]] = field(default_factory=list)
    failed: list[tuple[int, Op]] = field(default_factory=list)


class _Sources:
    """Who may have installed the value that an operation needs."""

    def __init__(self, ops: Sequence[Op], model: ValueModel) -> None:
        self._model = model
        self._installers: dict[Hashable, _Installers] = {}
        certain: list[tuple[Nanos, Nanos, Hashable]] = []
        for position, op in enumerate(ops):
            value = model.installs(op.call, _answer(op))
            if value is None:
                continue
            installers = self._installers.setdefault(value, _Installers())
            if isinstance(op.outcome, Ok):
                installers.answered.append((position, op))
                before = installers.latest_end[-1] if installers.latest_end else op.completed
                installers.latest_end.append(max(before, op.completed))
                certain.append((op.completed, op.invoked, value))
            elif isinstance(op.outcome, Failed):
                installers.failed.append((position, op))
            else:
                installers.optional.append((position, op))
        self._overwriters = _Overwriters(certain)
        self._needed_until = self._latest_needs(ops)

    def of(self, op: Op) -> list[int]:
        """Positions of the installers that ``op`` cannot be judged without.

        They are those that may have served it.  If none may have, then the last
        one before it, so that the evidence shows what became of its value; or
        else one that failed.
        """
        if isinstance(op.outcome, Failed):
            return []
        needed = self._model.needs(op.call, _answer(op))
        installers = None if needed is None else self._installers.get(needed)
        if installers is None:
            return []
        latest = self._latest_effect(op)
        began_in_time = bisect_right(installers.answered, latest, key=lambda each: each[1].invoked)
        horizon = self._overwriters.latest_start(needed, before=op.invoked)
        serving: list[int] = []
        for at in reversed(range(began_in_time)):
            if installers.latest_end[at] < horizon:
                break
            position, source = installers.answered[at]
            if source.completed >= horizon and source is not op:
                serving.append(position)
        serving += [
            position
            for position, source in installers.optional
            if source.invoked <= latest and source is not op
        ]
        if not serving:
            earlier = installers.answered[:began_in_time]
            serving = [position for position, source in earlier if source is not op][-1:]
        if not serving and needed != self._model.initial:
            serving = [position for position, _ in installers.failed[:1]]
        return serving

    def _latest_effect(self, op: Op) -> Nanos:
        """When ``op`` must have taken effect, if it is to matter to anyone."""
        if op.completed != FOREVER:
            return op.completed
        return self._needed_until.get(self._model.installs(op.call, None), _NEVER)

    def _latest_needs(self, ops: Sequence[Op]) -> dict[Hashable, Nanos]:
        """Until when some operation may find each value."""
        until: dict[Hashable, Nanos] = {}
        for op in ops:
            value = self._model.needs(op.call, _answer(op))
            if value is not None and not isinstance(op.outcome, Failed):
                until[value] = max(until.get(value, _NEVER), op.completed)
        return until


def _answer(op: Op) -> Ok | None:
    return op.outcome if isinstance(op.outcome, Ok) else None


class _Overwriters:
    """What certainly replaced a value: installers with an answer, by completion."""

    def __init__(self, certain: Iterable[tuple[Nanos, Nanos, Hashable]]) -> None:
        self._completed: list[Nanos] = []
        self._best: list[tuple[Nanos, Hashable, Nanos]] = []
        """Up to each: the latest start, its value, the latest start of another value."""
        latest, value, runner_up = _NEVER, None, _NEVER
        for completed, invoked, installed in sorted(certain, key=lambda each: each[:2]):
            if installed == value:
                latest = max(latest, invoked)
            elif invoked > latest:
                latest, value, runner_up = invoked, installed, latest
            else:
                runner_up = max(runner_up, invoked)
            self._completed.append(completed)
            self._best.append((latest, value, runner_up))

    def latest_start(self, value: Hashable, *, before: Nanos) -> Nanos:
        """When the last installer of another value that ended ``before`` began.

        A source of ``value`` that completed earlier than that was overwritten.
        """
        count = bisect_left(self._completed, before)
        if not count:
            return _NEVER
        latest, installed, runner_up = self._best[count - 1]
        return runner_up if installed == value else latest
