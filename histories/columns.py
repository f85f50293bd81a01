"""A history as arrays: one row an op, values and keys replaced by small numbers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from histories.call import (
    Acquire,
    Add,
    Append,
    Call,
    CompareAndSet,
    Contains,
    Dequeue,
    Enqueue,
    Failed,
    GenerateId,
    Increment,
    Indeterminate,
    Ok,
    Outcome,
    Read,
    Release,
    Remove,
    Transfer,
    Txn,
    Value,
    Write,
)
from histories.op import Op
from histories.values import identity

Int64s: TypeAlias = NDArray[np.int64]
Int32s: TypeAlias = NDArray[np.int32]
UInt8s: TypeAlias = NDArray[np.uint8]

FUNCTIONS: Final = (
    *("read", "write", "cas", "append", "add", "remove", "contains", "enqueue", "dequeue"),
    *("increment", "acquire", "release", "generate-id", "transfer", "txn"),
)
"""What the numbers of ``Columns.f`` mean: the tags of the calls."""

_NUMBER_OF_F: Final = {f: number for number, f in enumerate(FUNCTIONS)}

OUTCOMES: Final = ("ok", "fail", "info")
"""What the numbers of ``Columns.outcome`` mean."""

NO_VALUE: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Read-only arrays of equal length, one row an op, in the order of the history.

    Attributes:
        index: Of the op in its run.
        invoked: Nanoseconds, as in ``Op``.
        completed: Nanoseconds, ``FOREVER`` for an indeterminate op.
        process: Logical process.
        f: Index into ``FUNCTIONS``.
        outcome: Index into ``OUTCOMES``.
        key: Index into ``keys``.
        argument: Index into ``values`` of what a call brings: the value written, installed,
            appended, added, removed, looked for or enqueued, the increment, the owner of a lock.
        expected: Index into ``values`` of what a cas expects; of a lock's permits.
        result: Index into ``values`` of the first value answered.
        keys: In the order of first use.
        values: In the order of first use; told apart by type as well (1 is not True).

    ``argument``, ``expected`` and ``result`` are ``NO_VALUE`` where there is none; a
    transfer or a transaction is more than that and has none of them.
    """

    index: Int64s
    invoked: Int64s
    completed: Int64s
    process: Int64s
    f: UInt8s
    outcome: UInt8s
    key: Int32s
    argument: Int32s
    expected: Int32s
    result: Int32s
    keys: tuple[str, ...]
    values: tuple[Value, ...]


def to_columns(ops: Sequence[Op]) -> Columns:
    """The columns of these ops.  Cost: O(n)."""
    keys: dict[str, int] = {}
    values = _Interner()
    count = len(ops)
    small = np.full((4, count), NO_VALUE, dtype=np.int32)
    f = np.empty(count, dtype=np.uint8)
    outcome = np.empty(count, dtype=np.uint8)
    for row, op in enumerate(ops):
        call = op.call
        small[0, row] = keys.setdefault(call.key, len(keys))
        f[row] = _NUMBER_OF_F[str(call.__struct_config__.tag)]
        for column, value in enumerate(_arguments(call), start=1):
            small[column, row] = values.number(value)
        outcome[row] = _outcome_number(op.outcome)
        if isinstance(op.outcome, Ok) and op.outcome.values and not isinstance(call, Txn):
            small[3, row] = values.number(op.outcome.values[0])
    return Columns(
        index=_frozen(np.fromiter((op.index for op in ops), np.int64, count)),
        invoked=_frozen(np.fromiter((op.invoked for op in ops), np.int64, count)),
        completed=_frozen(np.fromiter((op.completed for op in ops), np.int64, count)),
        process=_frozen(np.fromiter((op.process for op in ops), np.int64, count)),
        f=_frozen_bytes(f),
        outcome=_frozen_bytes(outcome),
        key=_frozen_small(small[0]),
        argument=_frozen_small(small[1]),
        expected=_frozen_small(small[2]),
        result=_frozen_small(small[3]),
        keys=tuple(keys),
        values=tuple(values.values),
    )


def _arguments(call: Call) -> tuple[Value, ...]:
    """What goes to ``argument`` and ``expected``."""
    match call:
        case Read() | Dequeue() | GenerateId() | Transfer() | Txn():
            return ()
        case Write(value=value):
            return (value,)
        case CompareAndSet(expected=expected, replacement=replacement):
            return replacement, expected
        case Append() | Add() | Remove() | Contains() | Enqueue():
            return (call.element,)
        case Increment(by=by):
            return (by,)
        case Acquire() | Release():
            return call.owner, call.permits
        case _:
            assert_never(call)


class _Interner:
    def __init__(self) -> None:
        self.values: list[Value] = []
        self._numbers: dict[Hashable, int] = {}

    def number(self, value: Value) -> int:
        number = self._numbers.setdefault(identity(value), len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number


def _outcome_number(outcome: Outcome) -> int:
    match outcome:
        case Ok():
            return 0
        case Failed():
            return 1
        case Indeterminate():
            return 2
        case _:
            assert_never(outcome)


def _frozen(column: Int64s) -> Int64s:
    column.flags.writeable = False
    return column


def _frozen_small(column: Int32s) -> Int32s:
    column.flags.writeable = False
    return column


def _frozen_bytes(column: UInt8s) -> UInt8s:
    column.flags.writeable = False
    return column
