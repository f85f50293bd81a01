"""Operations that exist as columns, and as ``Op`` only while somebody looks at them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, cast, overload

import numpy as np

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
    Scalar,
    Txn,
    Value,
    Write,
    functions_of,
)
from histories.columns import FUNCTIONS, NO_VALUE, OUTCOMES, Columns, Int32s, Int64s
from histories.op import Nanos, Op, ProcessId

_NOTHING: Final = Ok(())
_READ: Final = FUNCTIONS.index("read")
_TXN: Final = FUNCTIONS.index("txn")
_OK: Final = OUTCOMES.index("ok")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LazyOps(Sequence[Op]):
    """A tuple of ops that takes 70 bytes an op instead of 700, and makes them anew each time.

    Equal to a tuple, or to another of its kind, that holds the same ops.

    Attributes:
        columns: Of the whole run.
        reason: Shape (n,), index into ``reasons`` of why an op was not answered.
        reasons: In any order.
        calls: By index, those that columns cannot hold: transfers and transactions.
        answers: By index, the same of outcomes: of transactions.
        rows: Which of the run, ascending; None for all.
    """

    columns: Columns
    reason: Int32s
    reasons: Sequence[str]
    calls: Mapping[int, Call]
    answers: Mapping[int, Ok]
    rows: Int64s | None = None

    def __len__(self) -> int:
        return self.columns.index.size if self.rows is None else self.rows.size

    @overload
    def __getitem__(self, at: int) -> Op: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Op, ...]: ...
    def __getitem__(self, at: int | slice) -> Op | tuple[Op, ...]:
        if isinstance(at, slice):
            return tuple(self._op(self._row(each)) for each in range(*at.indices(len(self))))
        if not -len(self) <= at < len(self):
            raise IndexError(at)
        return self._op(self._row(at % len(self)))

    def __iter__(self) -> Iterator[Op]:
        return (self._op(self._row(at)) for at in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, tuple | LazyOps):
            return NotImplemented
        return len(self) == len(other) and all(
            one == another for one, another in zip(self, other, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]  # as long as a run: nobody wants that in a set

    def own_columns(self) -> Columns:
        """Of these rows alone."""
        return self.columns if self.rows is None else self.columns.only(self.rows)

    def by_key(self) -> Mapping[str, LazyOps]:
        """One part a key, keys in the order of their first call."""
        rows = np.arange(len(self)) if self.rows is None else self.rows
        keys = self.columns.key[rows]
        if rows.size and (keys == keys[0]).all():
            return {self.columns.keys[int(keys[0])]: self}
        order = np.argsort(keys, kind="stable")
        numbers, begins = np.unique(keys[order], return_index=True)
        parts = [np.sort(part) for part in np.split(rows[order], begins[1:])] if rows.size else []
        first_first = sorted(range(len(parts)), key=lambda part: int(parts[part][0]))
        return {
            self.columns.keys[int(numbers[part])]: LazyOps(
                columns=self.columns,
                reason=self.reason,
                reasons=self.reasons,
                calls=self.calls,
                answers=self.answers,
                rows=parts[part],
            )
            for part in first_first
        }

    def first_of_each_function(self) -> tuple[Op, ...]:
        """See ``History.first_of_each_function``."""
        f = self.columns.f if self.rows is None else self.columns.f[self.rows]
        firsts = np.unique(f, return_index=True)[1]
        looked_at = np.union1d(firsts, np.flatnonzero(f == _TXN))
        return first_of_each_function(self[at] for at in looked_at.tolist())

    def counts(self) -> tuple[int, int, int]:
        """See ``History.counts``."""
        outcome = self.columns.outcome if self.rows is None else self.columns.outcome[self.rows]
        ok, failed, unknown = np.bincount(outcome, minlength=len(OUTCOMES)).tolist()
        return ok, failed, unknown

    def answered(self) -> tuple[Int64s, Int64s, int]:
        """See ``History.answered``."""
        columns = self.own_columns()
        ok = columns.outcome == _OK
        reads = int(np.count_nonzero(ok & (columns.f == _READ)))
        # Of transactions only the answers of reads are values.
        reads += sum(
            bool(self.answers[index].values)
            for index in columns.index[ok & (columns.f == _TXN)].tolist()
        )
        return columns.invoked[ok], columns.completed[ok], reads

    def _row(self, at: int) -> int:
        return at if self.rows is None else int(self.rows[at])

    def _op(self, row: int) -> Op:
        columns = self.columns
        return Op(
            index=int(columns.index[row]),
            process=ProcessId(int(columns.process[row])),
            call=self.calls[row] if row in self.calls else _call(columns, row),
            outcome=self._outcome(row),
            invoked=Nanos(int(columns.invoked[row])),
            completed=Nanos(int(columns.completed[row])),
        )

    def _outcome(self, row: int) -> Outcome:
        match OUTCOMES[self.columns.outcome[row]]:
            case "fail":
                return Failed(self.reasons[self.reason[row]])
            case "info":
                return Indeterminate(self.reasons[self.reason[row]])
            case _ if row in self.answers:
                return self.answers[row]
            case _:
                result = self.columns.result[row]
                return _NOTHING if result == NO_VALUE else Ok((self.columns.values[result],))


def first_of_each_function(ops: Iterable[Op]) -> tuple[Op, ...]:
    """See ``History.first_of_each_function``."""
    firsts: dict[tuple[str, ...], Op] = {}
    shapes: set[Hashable] = set()
    for op in ops:
        call = op.call
        # Kinds of steps in a row are few; names need to be looked up for new ones only.
        shape = tuple(map(type, call.micro)) if isinstance(call, Txn) else type(call)
        if shape not in shapes:
            shapes.add(shape)
            firsts.setdefault(functions_of(call), op)
    return tuple(firsts.values())


def _call(columns: Columns, row: int) -> Call:
    key = columns.keys[columns.key[row]]
    match FUNCTIONS[columns.f[row]]:
        case "read":
            return Read(key)
        case "dequeue":
            return Dequeue(key)
        case "generate-id":
            return GenerateId(key)
        case f:
            argument = cast("Scalar", columns.values[columns.argument[row]])
            return _call_with(f, key, argument, _value(columns, int(columns.expected[row])))


def _value(columns: Columns, number: int) -> Value:
    return None if number == NO_VALUE else columns.values[number]


def _call_with(f: str, key: str, argument: Scalar, expected: Value) -> Call:
    match f:
        case "write":
            return Write(key, argument)
        case "cas":
            return CompareAndSet(key, cast("Scalar", expected), argument)
        case "append":
            return Append(key, argument)
        case "add":
            return Add(key, argument)
        case "remove":
            return Remove(key, argument)
        case "contains":
            return Contains(key, argument)
        case "enqueue":
            return Enqueue(key, argument)
        case "increment":
            return Increment(key, cast("int", argument))
        case "acquire":
            return Acquire(key, argument, cast("int", expected))
        case "release":
            return Release(key, argument, cast("int", expected))
        case _:
            raise AssertionError(f"columns cannot hold {f!r}")
