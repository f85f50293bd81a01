"""A history as arrays: one row an op, values and keys replaced by small numbers."""

from __future__ import annotations

from array import array
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
Bools: TypeAlias = NDArray[np.bool_]

FUNCTIONS: Final = (
    *("read", "write", "cas", "append", "add", "remove", "contains", "enqueue", "dequeue"),
    *("increment", "acquire", "release", "generate-id", "transfer", "txn"),
)
"""What the numbers of ``Columns.f`` mean: the tags of the calls."""

SAMPLES: Final[tuple[Call, ...]] = (
    *(Read(""), Write("", 0), CompareAndSet("", 0, 0), Append("", 0), Add("", 0), Remove("", 0)),
    *(Contains("", 0), Enqueue("", 0), Dequeue(""), Increment("", 0), Acquire("", 0)),
    *(Release("", 0), GenerateId(""), Transfer("", "", "", 0), Txn("", ())),
)
"""A call of each function, in their order."""

_NUMBER_OF_TYPE: Final = {type(call): number for number, call in enumerate(SAMPLES)}

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

    def __post_init__(self) -> None:
        for column in (self.index, self.invoked, self.completed, self.process):
            column.flags.writeable = False
        for small in (self.key, self.argument, self.expected, self.result):
            small.flags.writeable = False
        self.f.flags.writeable = self.outcome.flags.writeable = False

    def only(self, rows: Int64s) -> Columns:
        """The columns of these rows alone, ascending.  Cost: O(n log n) of their number."""
        key, keys = in_order_of_first_use(self.key[rows][:, None])
        numbers = np.stack([self.argument[rows], self.expected[rows], self.result[rows]], axis=1)
        renumbered, values = in_order_of_first_use(numbers)
        return Columns(
            index=self.index[rows],
            invoked=self.invoked[rows],
            completed=self.completed[rows],
            process=self.process[rows],
            f=self.f[rows],
            outcome=self.outcome[rows],
            key=key[:, 0],
            argument=renumbered[:, 0],
            expected=renumbered[:, 1],
            result=renumbered[:, 2],
            keys=tuple(map(self.keys.__getitem__, keys)),
            values=tuple(map(self.values.__getitem__, values)),
        )


def in_order_of_first_use(numbers: Int32s | Int64s) -> tuple[Int32s, list[int]]:
    """Renumber from 0, row by row and from left to right; ``NO_VALUE`` stays.

    Returns:
        The new numbers, same shape, and for each of them the old one.
    """
    flat = numbers.ravel()
    used = flat != NO_VALUE
    where: Int32s | Int64s = flat[used]
    old = np.arange(where.max(initial=NO_VALUE) + 1)
    if old.size > 2 * flat.size:  # Sorting a part of few is cheaper than a table of all.
        old, where = np.unique(where, return_inverse=True)
    first = np.full(old.size, where.size)
    first[where[::-1]] = np.arange(where.size)[::-1]  # Of equal places the last one stays.
    order = np.argsort(first)[: np.count_nonzero(first < where.size)]
    new = np.empty(old.size, dtype=np.int32)
    new[order] = np.arange(order.size, dtype=np.int32)
    renumbered = np.full(flat.size, NO_VALUE, dtype=np.int32)
    renumbered[used] = new[where]
    return renumbered.reshape(numbers.shape), old[order].tolist()


def to_columns(ops: Sequence[Op]) -> Columns:
    """The columns of these ops.  Cost: O(n)."""
    keys: dict[str, int] = {}
    values = _Interner()
    number = values.number
    count = len(ops)
    key, argument, expected, result = (array("i") for _ in range(4))
    f, outcome = bytearray(), bytearray()
    for op in ops:
        call, ended = op.call, op.outcome
        key.append(keys.setdefault(call.key, len(keys)))
        f.append(_NUMBER_OF_TYPE[type(call)])
        outcome.append(outcome_number(ended))
        brought = arguments(call)
        argument.append(number(brought[0]) if brought else NO_VALUE)
        expected.append(number(brought[1]) if len(brought) > 1 else NO_VALUE)
        answers = ended.values if isinstance(ended, Ok) and not isinstance(call, Txn) else ()
        result.append(number(answers[0]) if answers else NO_VALUE)
    small = [np.frombuffer(column, dtype=np.int32) for column in (key, argument, expected, result)]
    return Columns(
        index=np.fromiter((op.index for op in ops), np.int64, count),
        invoked=np.fromiter((op.invoked for op in ops), np.int64, count),
        completed=np.fromiter((op.completed for op in ops), np.int64, count),
        process=np.fromiter((op.process for op in ops), np.int64, count),
        f=np.frombuffer(f, dtype=np.uint8),
        outcome=np.frombuffer(outcome, dtype=np.uint8),
        key=small[0],
        argument=small[1],
        expected=small[2],
        result=small[3],
        keys=tuple(keys),
        values=tuple(values.values),
    )


def number_of_call(call: Call) -> int:
    """The number of its function in ``FUNCTIONS``."""
    return _NUMBER_OF_TYPE[type(call)]


def arguments(call: Call) -> tuple[Value, ...]:
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
        # A plain int is its own identity here, as no other value's identity is an int.
        name: Hashable = value if type(value) is int else identity(value)
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self.values)
            self.values.append(value)
        return number


def outcome_number(outcome: Outcome) -> int:
    """Its number in ``OUTCOMES``."""
    match outcome:
        case Ok():
            return 0
        case Failed():
            return 1
        case Indeterminate():
            return 2
        case _:
            assert_never(outcome)
