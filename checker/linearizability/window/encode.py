"""From the operations of one object and its model to numbers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic

import numpy as np

from checker.base import Inconsistent, Model, State, ValueModel
from checker.linearizability.window.layout import Operations
from checker.linearizability.window.problem import ANY, COUNTER, REGISTER, TABLE
from histories.call import Failed, Ok
from histories.columns import Columns, Int64s
from histories.op import FOREVER, Op
from histories.values import identity


class Steps(Generic[State]):
    """The states of a model and the kinds of its operations, numbered as they come."""

    def __init__(self, model: Model[State], kinds: Sequence[Op]) -> None:
        self._model = model
        self._kinds = kinds
        self.states: list[State] = [model.initial]
        self._numbers: dict[State, int] = {model.initial: 0}

    def __call__(self, state: int, kind: int) -> int:
        op = self._kinds[kind]
        outcome = op.outcome if isinstance(op.outcome, Ok) else None
        after = self._model.step(self.states[state], op.call, outcome)
        if isinstance(after, Inconsistent):
            return -1
        number = self._numbers.setdefault(after, len(self.states))
        if number == len(self.states):
            self.states.append(after)
        return number
