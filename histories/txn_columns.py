"""Transactions as arrays: one row a transaction, its micro-operations in a second table."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, TypeVar, assert_never

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

_INTEGERS: Final = frozenset({int})

AnyArray = TypeVar("AnyArray", bound=NDArray[Any])


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


def to_txn_columns(ops: Iterable[Op], *, lists: bool) -> TxnColumns:
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
    seen_offset = np.zeros(len(table.f) + 1, dtype=np.int64)
    np.cumsum(np.frombuffer(table.seen_count, dtype=np.int32), out=seen_offset[1:])
    return TxnColumns(
        index=_longs(table.index),
        invoked=_longs(table.invoked),
        completed=_longs(table.completed),
        process=_longs(table.process),
        outcome=_bytes(table.outcome),
        offset=_longs(table.offset),
        f=_bytes(table.f),
        key=_small(table.key),
        argument=_small(table.argument),
        seen_offset=_frozen(seen_offset),
        seen=_frozen(_in_place(table.seen_by_key(), seen_offset)),
        version_key=_small(table.version_key),
        keys=tuple(table.keys),
        values=tuple(table.values),
    )


class _Table:
    """The columns as they grow, and what was seen of each key, where."""

    def __init__(self, lists: bool) -> None:
        self._lists = lists
        self.keys: dict[str, int] = {}
        self.index, self.invoked, self.completed, self.process = (array("q") for _ in range(4))
        self.offset = array("q", [0])
        self.outcome, self.f = bytearray(), bytearray()
        self.key, self.argument, self.version_key = (array("i") for _ in range(3))
        self.seen_count = array("i")
        self.values: list[Value] = []
        self._versions: list[dict[Hashable, int]] = []
        self._seen: list[list[tuple[Value, ...]]] = []
        self._seen_at: list[array[int]] = []

    def take(self, op: Op) -> None:
        call, outcome = op.call, op.outcome
        if type(call) is Txn:
            prefix, micro = call.key and f"{call.key}/", call.micro
        elif isinstance(call, Read | Write | Append):
            prefix, micro = "", (call,)
        else:
            raise MalformedHistory(
                f"op {op.index} is no transaction but {type(call).__name__}", field="call"
            )
        self.index.append(op.index)
        self.invoked.append(op.invoked)
        self.completed.append(op.completed)
        self.process.append(op.process)
        self.outcome.append(_outcome_number(outcome))
        answers = iter(outcome.values) if type(outcome) is Ok else None
        for step in micro:
            key = self.keys.get(prefix + step.key)
            if key is None:
                key = self._new_key(prefix + step.key)
            self.key.append(key)
            count = 0
            if isinstance(step, Read):
                self.f.append(READ)
                self.argument.append(NO_VERSION)
                if answers is not None and (answer := next(answers)) is not None:
                    count = self._see(key, answer, op)
            else:
                self.f.append(WRITE)
                value = step.value if isinstance(step, Write) else step.element
                self.argument.append(self._version(key, value))
            self.seen_count.append(count)
        self.offset.append(len(self.f))

    def seen_by_key(self) -> tuple[Int32s, Int32s]:
        """All versions seen, key by key, and the micro-operations that saw them."""
        seen, at = array("i"), array("i")
        for key, answers in enumerate(self._seen):
            at.extend(self._seen_at[key])
            longest = max(answers, key=len, default=())
            versions = array("i", [self._version(key, value) for value in longest])
            # Equal is not the same: 1 == True == 1.0.
            plain = set(map(type, chain.from_iterable(answers))) <= _INTEGERS
            for answer in answers:
                if plain and answer == longest[: len(answer)]:
                    seen.extend(versions[: len(answer)])
                else:
                    seen.extend([self._version(key, value) for value in answer])
        return _small(seen), _small(at)

    def _new_key(self, name: str) -> int:
        self._versions.append({})
        self._seen.append([])
        self._seen_at.append(array("i"))
        return self.keys.setdefault(name, len(self.keys))

    def _version(self, key: int, value: Value) -> int:
        # A plain int is its own identity here, as no other value's identity is an int.
        name: Hashable = value if type(value) is int else identity(value)
        version = self._versions[key].setdefault(name, len(self.values))
        if version == len(self.values):
            self.values.append(value)
            self.version_key.append(key)
        return version

    def _see(self, key: int, answer: Value, op: Op) -> int:
        """Remember an answer; how many versions it shows."""
        shown: tuple[Value, ...]
        if not self._lists:
            shown = (answer,)
        elif isinstance(answer, tuple):
            shown = answer
        else:
            raise MalformedHistory(f"op {op.index} read {answer!r}, no list", field="values")
        self._seen[key].append(shown)
        self._seen_at[key].append(len(self.seen_count))
        return len(shown)


def _in_place(by_key: tuple[Int32s, Int32s], seen_offset: Int64s) -> Int32s:
    """Moved from the order of keys into that of micro-operations."""
    seen, at = by_key
    count = np.diff(seen_offset)[at]
    begin = np.cumsum(count) - count
    place = np.repeat(seen_offset[at] - begin, count) + np.arange(len(seen))
    moved: Int32s = np.empty(len(seen), dtype=np.int32)
    moved[place] = seen
    return moved


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


def _longs(column: array[int]) -> Int64s:
    return _frozen(np.frombuffer(column, dtype=np.int64))


def _small(column: array[int]) -> Int32s:
    return _frozen(np.frombuffer(column, dtype=np.int32))


def _bytes(column: bytearray) -> UInt8s:
    return _frozen(np.frombuffer(column, dtype=np.uint8))


def _frozen(column: AnyArray) -> AnyArray:
    column.flags.writeable = False
    return column
