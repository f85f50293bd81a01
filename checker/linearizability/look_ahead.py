"""What the rest of the history says about configurations, for models with values.

Two facts that spare the search most of its work where values are unique:

1. A value that is installed once does not come back.  A configuration that
   leaves it while some answered operation still has to find it, is dead.
2. A write whose value nobody needs can hide: just before another write it
   changes nothing for anyone.  So whenever a write is linearized, all open ones
   of this sort go before it, and nothing is lost: wherever else such a write
   would go, nothing happens between it and the next write.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from checker.base import ValueModel
from histories.call import Ok
from histories.op import Op, answer_of


@dataclass(slots=True)
class _Demand:
    """Who still has to find a value: how many to be invoked, which bits are open."""

    to_come: int = 0
    open: int = 0


class LookAhead:
    """Follows the search through the history, and judges what it wants to do."""

    def __init__(self, ops: Sequence[Op], model: ValueModel) -> None:
        """``ops`` are all that the search will see."""
        installers = Counter(model.installs(op.call, answer_of(op)) for op in ops)
        installers[model.initial] += 1
        self._model = model
        self._wanted = {model.needs(op.call, answer_of(op)) for op in ops}
        self._demands: dict[Hashable, _Demand] = {}
        for op in ops:
            value = self._found(op)
            if value is not None and installers[value] == 1:
                self._demands.setdefault(value, _Demand()).to_come += 1
        self.hidden = 0
        """Bits of the open writes whose value nobody needs."""

    def invoked(self, op: Op, bit: int) -> None:
        """An answered op has been invoked and is known by ``bit`` from now on."""
        demand = self._demands.get(self._found(op))
        if demand is not None:
            demand.to_come -= 1
            demand.open |= bit
        if self.is_blind(op) and self._model.installs(op.call, answer_of(op)) not in self._wanted:
            self.hidden |= bit

    def returned(self, op: Op, bit: int) -> None:
        """``bit`` is free again."""
        demand = self._demands.get(self._found(op))
        if demand is not None:
            demand.open &= ~bit
        self.hidden &= ~bit

    def is_dead(self, left: Hashable, linearized: int) -> bool:
        """Whether leaving the value ``left`` makes some answer impossible."""
        demand = self._demands.get(left)
        return demand is not None and (demand.to_come > 0 or bool(demand.open & ~linearized))

    def is_blind(self, op: Op) -> bool:
        """Whether the op replaces the value whatever it was."""
        answer = answer_of(op)
        return (
            self._model.needs(op.call, answer) is None
            and self._model.installs(op.call, answer) is not None
        )

    def _found(self, op: Op) -> Hashable:
        return self._model.needs(op.call, op.outcome) if isinstance(op.outcome, Ok) else None
