"""Transactions as arrays: one row a transaction, its micro-operations in a second table."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from histories.call import Append, Failed, Indeterminate, Ok, Outcome, Read, Txn, Value, Write
from histories.columns import Int32s, Int64s, UInt8s
from histories.errors import MalformedHistory
from histories.op import Op
from histories.values import identity

READ: Final = 0
WRITE: Final = 1
"""What the numbers of ``TxnColumns.f`` mean; an append is a write."""

OK: Final = 0
FAILED: Final = 1
INFO: Final = 2
"""What the numbers of ``TxnColumns.outcome`` mean."""

NO_VERSION: Final = -1

_Micro: TypeAlias = Read | Write | Append


@dataclass(frozen=True, slots=True, kw_only=True)
class TxnColumns:
    """Read-only arrays about n transactions with m micro-operations on K keys.

    A *version* is a key together with one value (or one element of a list) that was
    written to it or seen in it; versions are numbered from 0.

    Attributes:
        index: Shape (n,), of the op in its run.
        invoked: Shape (n,), nanoseconds, ascending.
        completed: Shape (n,), nanoseconds, ``FOREVER`` for an indeterminate op.
        process: Shape (n,), logical process.
        outcome: Shape (n,), ``OK``, ``FAILED`` or ``INFO``.
        offset: Shape (n + 1,); transaction t has the micro-operations
            ``offset[t] .. offset[t + 1]``.
        f: Shape (m,), ``READ`` or ``WRITE``.
        key: Shape (m,), index into ``keys``.
        argument: Shape (m,), the version that a write makes, ``NO_VERSION`` for a read.
        seen_offset: Shape (m + 1,); micro-operation i saw the versions
            ``seen[seen_offset[i] .. seen_offset[i + 1]]``: a list, one value, or nothing.
            Nothing also where no answer is known.
        seen: Shape (s,), versions.
        version_key: Per version, its key.
        keys: Names, in the order of first use.
        values: Per version, the value or element.
    """

    index: Int64s
    invoked: Int64s
    completed: Int64s
    process: Int64s
    outcome: UInt8s
    offset: Int64s
    f: UInt8s
    key: Int32s
    argument: Int32s
    seen_offset: Int64s
    seen: Int32s
    version_key: Int32s
    keys: tuple[str, ...]
    values: tuple[Value, ...]


def to_txn_columns(ops: Sequence[Op], *, lists: bool) -> TxnColumns:
    """The columns of these ops, a single read, write or append being a transaction too.

    Args:
        ops: Ascending by index.
        lists: Whether reads answer lists of elements, or else single values.

    Raises:
        MalformedHistory: An op is no transaction, or a list was expected and a
            single value answered.

    Cost: O(size of the history).
    """
    table = _Table(lists)
    for op in ops:
        table.take(op)
    count = len(ops)
    return TxnColumns(
        index=_frozen(np.fromiter((op.index for op in ops), np.int64, count)),
        invoked=_frozen(np.fromiter((op.invoked for op in ops), np.int64, count)),
        completed=_frozen(np.fromiter((op.completed for op in ops), np.int64, count)),
        process=_frozen(np.fromiter((op.process for op in ops), np.int64, count)),
        outcome=_bytes(_outcome_number(op.outcome) for op in ops),
        offset=_frozen(np.array(table.offset, dtype=np.int64)),
        f=_bytes(table.f),
        key=_small(table.key),
        argument=_small(table.argument),
        seen_offset=_frozen(np.array(table.seen_offset, dtype=np.int64)),
        seen=_small(table.seen),
        version_key=_small(table.version_key),
        keys=tuple(table.keys),
        values=tuple(table.values),
    )


class _Table:
    """The columns as they grow."""

    def __init__(self, lists: bool) -> None:
        self._lists = lists
        self.keys: dict[str, int] = {}
        self.offset: list[int] = [0]
        self.f: list[int] = []
        self.key: list[int] = []
        self.argument: list[int] = []
        self.seen_offset: list[int] = [0]
        self.seen: list[int] = []
        self.version_key: list[int] = []
        self.values: list[Value] = []
        self._versions: list[dict[Hashable, int]] = []

    def take(self, op: Op) -> None:
        call = op.call
        match call:
            case Txn(key=store, micro=micro):
                prefix = f"{store}/" if store else ""
            case Read() | Write() | Append():
                prefix, micro = "", (call,)
            case _:
                raise MalformedHistory(
                    f"op {op.index} is no transaction but {type(call).__name__}", field="call"
                )
        answers = iter(op.outcome.values) if isinstance(op.outcome, Ok) else None
        for step in micro:
            key = self._key(prefix + step.key)
            self.key.append(key)
            match step:
                case Read():
                    self.f.append(READ)
                    self.argument.append(NO_VERSION)
                    if answers is not None:
                        self._see(key, next(answers), op)
                case Write(value=value) | Append(element=value):
                    self.f.append(WRITE)
                    self.argument.append(self._version(key, value))
                case _:
                    assert_never(step)
            self.seen_offset.append(len(self.seen))
        self.offset.append(len(self.f))

    def _key(self, name: str) -> int:
        key = self.keys.setdefault(name, len(self.keys))
        if key == len(self._versions):
            self._versions.append({})
        return key

    def _version(self, key: int, value: Value) -> int:
        # A plain int is its own identity here, as no other value's identity is an int.
        name: Hashable = value if type(value) is int else identity(value)
        version = self._versions[key].setdefault(name, len(self.values))
        if version == len(self.values):
            self.values.append(value)
            self.version_key.append(key)
        return version

    def _see(self, key: int, answer: Value, op: Op) -> None:
        if answer is None:
            return
        if not self._lists:
            self.seen.append(self._version(key, answer))
            return
        if not isinstance(answer, tuple):
            raise MalformedHistory(f"op {op.index} read {answer!r}, no list", field="values")
        if set(map(type, answer)) <= {int}:
            known = list(map(self._versions[key].get, answer))
            if None not in known:
                self.seen += known  # type: ignore[arg-type]  # none of them is None
                return
        self.seen += [self._version(key, element) for element in answer]


def _outcome_number(outcome: Outcome) -> int:
    match outcome:
        case Ok():
            return OK
        case Failed():
            return FAILED
        case Indeterminate():
            return INFO
        case _:
            assert_never(outcome)


def _frozen(column: Int64s) -> Int64s:
    column.flags.writeable = False
    return column


def _small(column: Sequence[int]) -> Int32s:
    array: NDArray[np.int32] = np.array(column, dtype=np.int32)
    array.flags.writeable = False
    return array


def _bytes(column: Iterable[int]) -> UInt8s:
    array: NDArray[np.uint8] = np.array(list(column), dtype=np.uint8)
    array.flags.writeable = False
    return array
