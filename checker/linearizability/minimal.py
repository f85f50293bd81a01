"""The smallest part of a bad history that is still bad, and is bad for the same reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, Protocol

import numpy as np

from checker.base import Budget, Model, State
from checker.linearizability.dependencies import dependencies
from checker.linearizability.engines import SMALL_OPS_MAX, find, refuter
from checker.linearizability.search import Exhausted, Stretch, Stuck
from checker.models.catalogue import known_as
from histories.call import Indeterminate, Ok
from histories.columns import Columns, to_columns
from histories.op import FOREVER, Nanos, Op, changed

NOT_MINIMAL: Final = "the search for fewer operations that show it was given up: it took too long"
_OPEN: Final = Indeterminate("no answer by then")
_WINDOW_AT_FIRST: Final = 64
_STATES_MAX: Final = 5_000
_EASY_STATES_MAX: Final = 500
"""What needs more, a near-linear algorithm is asked, if there is one."""
_WORK_MAX: Final = 1_000_000
"""Operations looked at in all, and configurations: some seconds."""
_WORK_IN_PYTHON_MAX: Final = 100_000
"""From then on the kernel looks at them, a hundred times as fast, once it is there."""


@dataclass(frozen=True, slots=True)
class Reduced:
    """A closed part without linearization.

    ``is_minimal``: No single operation can be left out, except with those that
    cannot be judged without it.  If not, looking for less took too long.
    """

    ops: tuple[Op, ...]
    is_minimal: bool


def minimal_part(
    ops: Sequence[Op],
    stuck: Stuck | None,
    model: Model[State],
    budget: Budget,
    *,
    is_first: bool = False,
) -> Reduced:
    """The evidence: a part of ``ops``, which have no linearization, as small as can be.

    ``stuck`` is where the search found that out, if it was a search; ``is_first`` says that
    it did not know what was to come, so that what was called later is hardly needed.

    Cost: O(k log n) searches for k operations that remain, in the shortest window
    that is bad by itself.
    """
    reduced = _reduced(ops, stuck, model, budget, is_first)
    while reduced.is_minimal:
        # Of fewer ops more may be known: whom a lock's owner does without, say.
        again = _Oracle(reduced.ops, model, budget)
        less = Reduction(reduced.ops, dependencies(reduced.ops, model), again).halved()
        if len(less.ops) == len(reduced.ops):
            break
        reduced = less
    return reduced


def minimal_stretch(
    stretch: Stretch, whole: Sequence[Op], model: Model[State], budget: Budget
) -> tuple[Reduced, Stuck | None]:
    """As little of a stretch as still has no linearization, and where that gets stuck.

    With an operation stay those of the stretch that may have served it: in the part as
    in the whole it then finds what one of them left, or what was there before all.
    """
    oracle = _StretchOracle(stretch, budget)
    reduced = Reduction(stretch.ops, dependencies(stretch.ops, model), oracle).halved()
    kept = {op.index for op in reduced.ops}
    positions = [at for at, op in enumerate(stretch.ops) if op.index in kept]
    original = {op.index: op for op in whole if op.index in kept}
    ops = tuple(original[index] for index in sorted(kept))
    return replace(reduced, ops=ops), stretch.stuck(positions, budget)


class _StretchOracle:
    def __init__(self, stretch: Stretch, budget: Budget) -> None:
        self._stretch = stretch
        self._budget = budget
        self._work = 0

    @property
    def left_open(self) -> bool:
        return self._stretch.left_open

    def is_bad(self, positions: Sequence[int]) -> bool:
        self._work += len(positions)
        return self._stretch.stuck(positions, self._budget) is not None

    def is_spent(self) -> bool:
        return self._work > _WORK_IN_PYTHON_MAX or self._budget.deadline()


def _reduced(
    ops: Sequence[Op], stuck: Stuck | None, model: Model[State], budget: Budget, is_first: bool
) -> Reduced:
    def reduction(part: Sequence[Op]) -> Reduction:
        return Reduction(part, dependencies(part, model), _Oracle(part, model, budget))

    if stuck is not None:
        part = _beginning(ops, stuck.op.completed) if is_first else ops
        window = reduction(part).window(stuck)
        if window is not None:
            reduced = reduction(window).halved()
            whole = {op.index: op for op in ops}
            return replace(reduced, ops=tuple(whole[op.index] for op in reduced.ops))
    return reduction(ops).halved()


def _beginning(ops: Sequence[Op], until: Nanos) -> list[Op]:
    """What was known by then; linearizable if the whole is.

    So if it is not, what was called later need not be shown.  (It may be, where a call
    was open then whose answer, as it turned out, leaves no way.)
    """
    return [
        changed(op, outcome=_OPEN, completed=FOREVER)
        if op.completed > until and isinstance(op.outcome, Ok)
        else op
        for op in ops
        if op.invoked <= until
    ]


class _Oracle(Generic[State]):
    """Says of parts of an object's operations whether they are certainly bad.

    First by searching in Python; once that took too many configurations, by the
    near-linear algorithm, where there is one, and by the kernel.
    """

    def __init__(self, ops: Sequence[Op], model: Model[State], budget: Budget) -> None:
        self._ops = ops
        self._model = model
        # A part that is harder than that explains nothing to anyone.
        self._budget = replace(budget, states_max=min(budget.states_max, _STATES_MAX))
        self._identified = known_as(model)
        self._refuter = refuter(ops, model) if len(ops) > SMALL_OPS_MAX else None
        self._is_hard = self._refuter is not None
        self._columns: Columns | None = None
        self.left_open = False
        """Whether some part was too hard to judge."""
        self._work = 0

    def is_bad(self, positions: Sequence[int]) -> bool:
        self._work += len(positions)
        if not self._is_hard:
            part = [self._ops[at] for at in positions]
            easy = replace(self._budget, states_max=_EASY_STATES_MAX)
            found, _ = find(part, self._model, easy)
            if not isinstance(found, Exhausted):
                return isinstance(found, Stuck)
            self._work += found.configurations
            self._is_hard = True
        decided = self._near_linear(positions)
        if decided is None:
            decided = self._searched(positions)
        self.left_open |= decided is None
        return bool(decided)

    def is_spent(self) -> bool:
        work = self._work + (0 if self._refuter is None else self._refuter.work)
        return work > _WORK_MAX or self._budget.deadline()

    def _near_linear(self, positions: Sequence[int]) -> bool | None:
        if self._identified is None:
            return None
        from checker.linearizability.fast.base import NotApplicable, Violation  # noqa: PLC0415
        from checker.linearizability.fast.choose import dispatch  # noqa: PLC0415

        if self._columns is None:
            self._columns = to_columns(self._ops)
        part = self._columns.only(np.array(positions, dtype=np.int64))
        answer = dispatch(part, *self._identified)
        return None if isinstance(answer, NotApplicable) else isinstance(answer, Violation)

    def _searched(self, positions: Sequence[int]) -> bool | None:
        if self._refuter is None and self._work > _WORK_IN_PYTHON_MAX:
            self._refuter = refuter(self._ops, self._model)
        if self._refuter is not None:
            return self._refuter.refutes(positions, self._budget)
        found, _ = find([self._ops[at] for at in positions], self._model, self._budget)
        if isinstance(found, Exhausted):
            self._work += found.configurations
            return None
        return isinstance(found, Stuck)


class Oracle(Protocol):
    """Says of parts of some ops whether they are certainly bad."""

    @property
    def left_open(self) -> bool:
        """Whether some part was too hard to judge."""
        ...

    def is_bad(self, positions: Sequence[int]) -> bool: ...

    def is_spent(self) -> bool:
        """Whether it should not be asked again."""
        ...


class Reduction:
    """Looks for less that is still bad.

    Args:
        ops: All that there is, bad.
        sources: Per position those without which the op there proves nothing, as
            ``dependencies`` has it.
        oracle: Of the same ops.
    """

    def __init__(self, ops: Sequence[Op], sources: Sequence[Sequence[int]], oracle: Oracle) -> None:
        self._ops = ops
        self._oracle = oracle
        self._sources = sources

    def window(self, stuck: Stuck) -> list[Op] | None:
        """The shortest stretch before the stuck operation that is bad, closed, if one is."""
        before = [at for at, op in enumerate(self._ops) if op.invoked <= stuck.op.completed]
        size = _WINDOW_AT_FIRST
        while not self._oracle.is_spent():
            recent = self._closure(self._recent(before, size), self._sources)
            if self._oracle.is_bad(sorted(recent)):
                return [self._ops[at] for at in sorted(recent)]
            if size >= len(before):
                break
            size *= 2
        return None

    def _recent(self, before: Sequence[int], size: int) -> list[int]:
        """The last ``size`` of them, and those still open when the first of them began."""
        latest = before[-size:]
        began = self._ops[latest[0]].invoked
        return [
            at for at in before if at >= latest[0] or began <= self._ops[at].completed < FOREVER
        ]

    def halved(self) -> Reduced:
        """Leave out ever smaller chunks, as long as the rest is bad (Zeller's ddmin)."""
        dependents: list[list[int]] = [[] for _ in self._sources]
        for position, needed in enumerate(self._sources):
            for source in needed:
                dependents[source].append(position)
        kept = set(range(len(self._ops)))
        vital = self._vital(kept, dependents)
        size = len(self._ops)
        while size > 1 and not self._oracle.is_spent():
            size = (size + 1) // 2
            # Later ones first: they explain less.
            for start in range(len(self._ops) - size, -size, -size):
                among = range(max(start, 0), start + size)
                chunk = [at for at in among if at in kept and at not in vital]
                if chunk and not self._oracle.is_spent():
                    without = kept - self._closure(chunk, dependents)
                    if self._oracle.is_bad(sorted(without)):
                        kept = without
        is_minimal = not (self._oracle.left_open or self._oracle.is_spent())
        return Reduced(tuple(self._ops[at] for at in sorted(kept)), is_minimal)

    def _vital(self, kept: set[int], dependents: Sequence[Sequence[int]]) -> set[int]:
        """What cannot go for one reason: with it would go the op that most others need."""
        hub = max(kept, key=lambda at: (len(dependents[at]), -at), default=None)
        if hub is None or self._oracle.is_bad(sorted(kept - self._closure([hub], dependents))):
            return set()
        return self._closure([hub], self._sources)

    def _closure(self, positions: Iterable[int], leads_to: Sequence[Sequence[int]]) -> set[int]:
        """The ops at these positions and all that they lead to, directly or not."""
        reached: set[int] = set()
        work = list(positions)
        while work:
            position = work.pop()
            if position not in reached:
                reached.add(position)
                work.extend(leads_to[position])
        return {position for position in reached if position < len(self._ops)}
