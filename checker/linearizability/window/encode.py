"""From the operations of one object and its model to numbers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic

import numpy as np

from checker.base import Inconsistent, Model, State, SumModel, ValueModel
from checker.linearizability.window.layout import Operations
from checker.linearizability.window.problem import ANY, COUNTER, REGISTER, TABLE
from histories.call import Call, Ok, Txn, Value
from histories.columns import (
    FUNCTIONS,
    OUTCOMES,
    Columns,
    Int32s,
    Int64s,
    in_order_of_first_use,
)
from histories.history import History
from histories.op import Op, answer_of
from histories.values import identity

_SHIFT: Final = 2**50
_CODES_MAX: Final = 2**31
"""Times the number of values it must fit into 64 bits."""
_OK: Final = OUTCOMES.index("ok")
_FAILED: Final = OUTCOMES.index("fail")
_BEYOND_COLUMNS: Final = FUNCTIONS.index("transfer")
"""From here on calls are more than columns hold."""


class Steps(Generic[State]):
    """The states of a model, numbered as they come."""

    def __init__(self, model: Model[State], kinds: Sequence[Op]) -> None:
        """``kinds``: per kind an op that stands for it."""
        self._model = model
        self._kinds = kinds
        self.states: list[State] = [model.initial]
        self._numbers: dict[State, int] = {model.initial: 0}
        self._known: dict[tuple[int, int], int] = {}

    def __call__(self, state: int, kind: int) -> int:
        known = self._known.get((state, kind))
        if known is None:
            known = self._known[state, kind] = self._stepped(state, kind)
        return known

    def _stepped(self, state: int, kind: int) -> int:
        op = self._kinds[kind]
        after = self._model.step(self.states[state], op.call, answer_of(op))
        if isinstance(after, Inconsistent):
            return -1
        number = self._numbers.setdefault(after, len(self.states))
        if number == len(self.states):
            self.states.append(after)
        return number


@dataclass(frozen=True, slots=True)
class Encoded(Generic[State]):
    """Operations as numbers, and how to get back.

    Attributes:
        operations: Of the ops that were not refused.
        rows: Their positions in what was encoded.
        states: What the numbers of states mean; None if they are sums.
        steps: How they step, if their mode is ``TABLE``.
    """

    operations: Operations
    rows: Int64s
    states: Sequence[Any] | None
    steps: Steps[State] | None

    def state(self, number: int) -> Any:
        """The state of the model with this number."""
        return number - _SHIFT if self.states is None else self.states[number]


def encode(
    ops: Sequence[Op], model: Model[State], columns: Columns | None = None
) -> Encoded[State]:
    """The operations of one object, whose ``columns`` may be known.

    Cost: O(n log n), and O(n) steps in Python if there are no columns yet.
    """
    if columns is None:
        columns = History(ops).columns()
    rows = np.flatnonzero(columns.outcome != _FAILED)
    kind = _kinds(columns, rows, ops)
    examples: list[Op] = [ops[row] for row in _first_of_each(kind, rows)]
    observes = np.fromiter(
        (model.observes_only(op.call, answer_of(op)) for op in examples), np.uint8, len(examples)
    )
    states: Sequence[Any] | None = None
    steps: Steps[State] | None = None
    bound = 0
    sums = _sums(examples, model, len(ops)) if isinstance(model, SumModel) else None
    if sums is not None:
        mode, initial, pairs = COUNTER, *sums
    elif isinstance(model, ValueModel):
        mode, initial = REGISTER, 0
        numbers: dict[Hashable, int] = {model.initial: 0}
        pairs = [
            (
                _number(numbers, model.needs(op.call, answer_of(op))),
                ANY if observer else _number(numbers, model.installs(op.call, answer_of(op))),
            )
            for op, observer in zip(examples, observes, strict=True)
        ]
        states = list(numbers)
        bound = len(numbers)
    else:
        mode, initial = TABLE, 0
        pairs = [(ANY, ANY)] * len(examples)
        steps = Steps(model, examples)
        states = steps.states
    asked: dict[Hashable, int] = {}
    asks = [asked.setdefault(_asks(op.call), len(asked)) for op in examples]
    return Encoded(
        Operations(
            mode=mode,
            initial=initial,
            invoked=columns.invoked[rows],
            completed=columns.completed[rows],
            early=np.zeros(rows.size, dtype=np.bool_),
            process=columns.process[rows],
            kind=kind,
            observer=observes[kind],
            need=np.array([need for need, _ in pairs], dtype=np.int64),
            put=np.array([put for _, put in pairs], dtype=np.int64),
            asks=np.array(asks, dtype=np.int32),
            values=bound,
        ),
        rows,
        states,
        steps,
    )


def _sums(
    examples: Sequence[Op], model: SumModel, count: int
) -> tuple[int, list[tuple[int, int]]] | None:
    """The first sum, and per kind what it needs and adds; None if they are too large.

    Sums are shifted so that all that can be reached are positive.
    """
    first = model.first_sum
    pairs: list[tuple[int, int]] = []
    for op in examples:
        told = model.adds(op.call, answer_of(op))
        if told is None:
            return None
        need, added = told
        if abs(first) + (count + 1) * abs(added) >= _SHIFT or abs(need or 0) >= _SHIFT:
            return None
        pairs.append((ANY if need is None else need + _SHIFT, added))
    return first + _SHIFT, pairs


def _kinds(columns: Columns, rows: Int64s, ops: Sequence[Op]) -> Int32s:
    """Numbers, in the order of first use, that are equal where ops ask and are answered alike."""
    if (columns.f >= _BEYOND_COLUMNS).any():
        known: dict[Hashable, int] = {}
        numbers = (known.setdefault(_does(ops[row]), len(known)) for row in rows.tolist())
        return np.fromiter(numbers, np.int32, rows.size)
    code: Int64s = columns.f[rows] * np.int64(2) + (columns.outcome[rows] == _OK)
    for column in (columns.argument, columns.expected, columns.result):
        code = code * (len(columns.values) + 1) + column[rows] + 1
        if int(code.max(initial=0)) > _CODES_MAX:
            code = np.unique(code, return_inverse=True)[1]
    numbered, _ = in_order_of_first_use(code)
    return numbered


def _first_of_each(kind: Int32s, rows: Int64s) -> list[int]:
    """Numbered in the order of first use, they are new where they exceed all before."""
    is_new = np.diff(np.maximum.accumulate(kind), prepend=-1) > 0
    return [int(row) for row in rows[is_new]]


def _number(numbers: dict[Hashable, int], value: Hashable | None) -> int:
    return ANY if value is None else numbers.setdefault(value, len(numbers))


def _does(op: Op) -> Hashable:
    answer = None if not isinstance(op.outcome, Ok) else _identity(op.outcome.values)
    return _asks(op.call), answer


def _asks(call: Call) -> Hashable:
    values = tuple(getattr(call, name) for name in call.__struct_fields__)
    if isinstance(call, Txn):
        return call.key, tuple(_asks(micro) for micro in call.micro)
    return type(call), values, *map(type, values)


def _identity(values: tuple[Value, ...]) -> Hashable:
    return tuple(identity(value) for value in values)
