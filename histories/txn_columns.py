"""Transactions as arrays: one row a transaction, its micro-operations in a second table."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, TypeVar, assert_never

import numpy as np
from numpy.typing import NDArray

from histories.call import (
    Append,
    Failed,
    Indeterminate,
    Micro,
    Ok,
    Outcome,
    Read,
    Txn,
    Value,
    Write,
)
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
_NIL: Final = identity(None)
_NIL_SEEN: Final = (None,)

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
            Nothing also where no answer is known, and for an answered nil, unless nil was
            written to that register.
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
    table.take(ops)
    argument = _small(table.argument)
    seen_offset, seen = table.seen()
    return TxnColumns(
        index=_longs(table.index),
        invoked=_longs(table.invoked),
        completed=_longs(table.completed),
        process=_longs(table.process),
        outcome=_bytes(table.outcome),
        offset=_longs(table.offset),
        f=_frozen(np.where(argument == NO_VERSION, READ, WRITE).astype(np.uint8)),
        key=_small(table.key),
        argument=argument,
        seen_offset=seen_offset,
        seen=seen,
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
        self.outcome = bytearray()
        self.key, self.argument, self.version_key = (array("i") for _ in range(3))
        self.values: list[Value] = []
        self._versions: list[dict[Hashable, int]] = []
        self._seen: list[list[tuple[Value, ...]]] = []
        self._seen_at: list[array[int]] = []

    def take(self, ops: Iterable[Op]) -> None:
        for op in ops:
            call, outcome = op.call, op.outcome
            self.index.append(op.index)
            self.invoked.append(op.invoked)
            self.completed.append(op.completed)
            self.process.append(op.process)
            self.outcome.append(_outcome_number(outcome))
            answers = iter(outcome.values) if type(outcome) is Ok else None
            if type(call) is Txn:
                self._take_steps(call.micro, call.key and f"{call.key}/", answers, op)
            elif isinstance(call, Read | Write | Append):
                self._take_steps((call,), "", answers, op)
            else:
                raise MalformedHistory(
                    f"op {op.index} is no transaction but {type(call).__name__}", field="call"
                )
            self.offset.append(len(self.key))

    def _take_steps(
        self, steps: tuple[Micro, ...], prefix: str, answers: Iterator[Value] | None, op: Op
    ) -> None:
        # What runs for every step of a long history: no call that can be spared.
        keys, key_column, argument = self.keys, self.key, self.argument
        for step in steps:
            name = prefix + step.key if prefix else step.key
            key = keys.get(name)
            if key is None:
                key = self._new_key(name)
            if not isinstance(step, Read):
                value = step.value if isinstance(step, Write) else step.element
                argument.append(self._version(key, value))
            else:
                argument.append(NO_VERSION)
                if answers is not None:
                    self._seen[key].append(self._shown(next(answers), op))
                    self._seen_at[key].append(len(key_column))
            key_column.append(key)

    def seen(self) -> tuple[Int64s, Int32s]:
        """``seen_offset`` and ``seen``."""
        micro, count, begin = array("q"), array("q"), array("q")
        # Most answers are the beginning of a longer one, and need no room of their own.
        shown = array("i")
        for key, given in enumerate(self._seen):
            nil_is_written = self._lists or _NIL in self._versions[key]
            answers = given if nil_is_written else [a if a != _NIL_SEEN else () for a in given]
            micro.extend(self._seen_at[key])
            count.extend(map(len, answers))
            longest = max(answers, key=len, default=())
            place = len(shown)
            shown.extend([self._version(key, value) for value in longest])
            # Equal is not the same: 1 == True == 1.0.
            plain = set(map(type, chain.from_iterable(answers))) <= _INTEGERS
            for answer in answers:
                if plain and answer == longest[: len(answer)]:
                    begin.append(place)
                else:
                    begin.append(len(shown))
                    shown.extend([self._version(key, value) for value in answer])
        begins, counts = (np.zeros(len(self.key), dtype=np.int64) for _ in range(2))
        begins[_longs(micro)], counts[_longs(micro)] = _longs(begin), _longs(count)
        seen_offset = np.concatenate([[0], np.cumsum(counts)])
        return _frozen(seen_offset), _frozen(_small(shown)[_spans(begins, counts)])

    def _new_key(self, name: str) -> int:
        self._versions.append({})
        self._seen.append([])
        self._seen_at.append(array("q"))
        return self.keys.setdefault(name, len(self.keys))

    def _version(self, key: int, value: Value) -> int:
        # A plain int is its own identity here, as no other value's identity is an int.
        name: Hashable = value if type(value) is int else identity(value)
        versions = self._versions[key]
        version = versions.get(name)
        if version is None:
            version = versions[name] = len(self.values)
            self.values.append(value)
            self.version_key.append(key)
        return version

    def _shown(self, answer: Value, op: Op) -> tuple[Value, ...]:
        """The values that an answer consists of."""
        if not self._lists:
            return (answer,)
        if isinstance(answer, tuple):
            return answer
        if answer is None:
            return ()
        raise MalformedHistory(f"op {op.index} read {answer!r}, no list", field="values")


def _spans(begins: Int64s, counts: Int64s) -> Int32s:
    """The numbers from each begin on, as many as its count says, one after another."""
    begins, counts = begins[counts > 0], counts[counts > 0]
    ends = begins + counts
    steps: Int32s = np.ones(int(counts.sum()), dtype=np.int32)
    steps[np.cumsum(counts) - counts] = begins - np.concatenate([[0], ends[:-1] - 1])[: len(ends)]
    return np.cumsum(steps, out=steps)


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
