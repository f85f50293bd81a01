"""The smallest part of a bad history that is still bad, and is bad for the same reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from checker.base import Budget, Model, State
from checker.linearizability.dependencies import dependencies
from checker.linearizability.engines import SMALL_OPS_MAX, find, refuter
from checker.linearizability.search import Stuck
from histories.op import FOREVER, Op

_WINDOW_AT_FIRST: Final = 64
_STATES_MAX: Final = 5_000
_WORK_MAX: Final = 1_000_000
"""Operations searched in all, and configurations of the kernel: some seconds."""


def minimal_part(
    ops: Sequence[Op], stuck: Stuck, model: Model[State], budget: Budget
) -> tuple[Op, ...]:
    """The evidence: a closed part without linearization, 1-minimal as such.

    No single operation can be left out, except with those that cannot be judged
    without it.  When the deadline of the budget comes first, or it is too much
    work, the part is larger, but true.

    Cost: O(k log n) searches for k operations that remain, in the shortest window
    that is bad by itself.
    """
    return _Reduction(ops, model, budget, warm=len(ops) > SMALL_OPS_MAX).reduced(stuck)


class _Reduction:
    def __init__(
        self, ops: Sequence[Op], model: Model[State], budget: Budget, *, warm: bool
    ) -> None:
        self._ops = ops
        self._model = model
        # A part that is harder than that explains nothing to anyone.
        self._budget = replace(budget, states_max=min(budget.states_max, _STATES_MAX))
        self._warm = warm
        self._refuter = refuter(ops, model) if warm else None
        self._work = 0
        self._sources = dependencies(ops, model)

    def reduced(self, stuck: Stuck) -> tuple[Op, ...]:
        kept = self._window(stuck)
        ops = [self._ops[at] for at in sorted(kept)]
        if len(ops) < len(self._ops):
            return _Reduction(ops, self._model, self._budget, warm=self._warm).halved()
        return self.halved()

    def _window(self, stuck: Stuck) -> set[int]:
        """The shortest stretch before the stuck operation that is bad, closed."""
        before = [at for at, op in enumerate(self._ops) if op.invoked <= stuck.op.completed]
        whole = set(range(len(self._ops)))
        size = _WINDOW_AT_FIRST
        while not self._is_spent():
            recent = self._closure(self._recent(before, size), self._sources)
            if self._is_bad(recent):
                return recent
            if size >= len(before):
                break
            size *= 2
        return whole

    def _recent(self, before: Sequence[int], size: int) -> list[int]:
        """The last ``size`` of them, and those still open when the first of them began."""
        latest = before[-size:]
        began = self._ops[latest[0]].invoked
        return [
            at for at in before if at >= latest[0] or began <= self._ops[at].completed < FOREVER
        ]

    def halved(self) -> tuple[Op, ...]:
        """Leave out ever smaller chunks, as long as the rest is bad (Zeller's ddmin)."""
        dependents: list[list[int]] = [[] for _ in self._sources]
        for position, needed in enumerate(self._sources):
            for source in needed:
                dependents[source].append(position)
        kept = set(range(len(self._ops)))
        size = len(self._ops)
        while size > 1 and not self._is_spent():
            size = (size + 1) // 2
            # Later ones first: they explain less.
            for start in range(len(self._ops) - size, -size, -size):
                chunk = [at for at in range(max(start, 0), start + size) if at in kept]
                if chunk and not self._is_spent():
                    without = kept - self._closure(chunk, dependents)
                    if self._is_bad(without):
                        kept = without
        return tuple(self._ops[at] for at in sorted(kept))

    def _is_bad(self, kept: set[int]) -> bool:
        positions = sorted(kept)
        if self._refuter is not None:
            return self._refuter.refutes(positions, self._budget)
        self._work += len(kept)
        part = [self._ops[at] for at in positions]
        return isinstance(find(part, self._model, self._budget)[0], Stuck)

    def _is_spent(self) -> bool:
        work = self._work + (0 if self._refuter is None else self._refuter.work)
        return work > _WORK_MAX or self._budget.deadline()

    def _closure(self, positions: Iterable[int], leads_to: Sequence[Sequence[int]]) -> set[int]:
        """The ops at these positions and all that they lead to, directly or not."""
        reached: set[int] = set()
        work = list(positions)
        while work:
            position = work.pop()
            if position not in reached:
                reached.add(position)
                work.extend(leads_to[position])
        self._work += len(reached)
        return {position for position in reached if position < len(self._ops)}
