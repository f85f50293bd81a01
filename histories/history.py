"""A finished history: what every client asked and got, and what went wrong around it."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from histories.call import Failed, Indeterminate, Ok, Outcome, answers_with, has_read
from histories.columns import Columns, Int64s, to_columns
from histories.errors import MalformedHistory
from histories.lazy_ops import LazyOps, first_of_each_function
from histories.op import FOREVER, Nanos, Op, ProcessId

_PROCESS_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultWindow:
    """A fault that held from ``began`` to ``ended``, both confirmed by its injector.

    A fault that was never undone ends with the journal, and its ``evidence``
    says so.  For the other fields see ``histories.event.FaultBegan``.
    """

    kind: str
    nodes: tuple[str, ...]
    detail: str
    began: Nanos
    ended: Nanos
    evidence: str


@dataclass(frozen=True, slots=True)
class Answered:
    """When the answered ops of a history began and ended, shape (n,), nanoseconds, and how
    many of them read, alone or within a transaction."""

    invoked: Int64s
    completed: Int64s
    reads: int


@dataclass(frozen=True, slots=True)
class History:
    """Operations in invocation order, and the faults they lived through.

    A history is a whole run or a part of one (one key's operations, the evidence
    of an anomaly).  In a whole run an op's ``index`` is its position; a part
    keeps the indices of its run, ascending, so that evidence found in a part is
    evidence in the run.  All other laws of ``Op`` hold for both, and for a part
    they follow from those of its run.

    Build one with ``of``, which checks the laws; the constructor does not.

    ``ops`` is a tuple, or equal to one: a large history read from a file keeps its
    columns and makes an ``Op`` whenever somebody looks at it.
    """

    ops: Sequence[Op]
    faults: tuple[FaultWindow, ...] = ()

    @classmethod
    def of(cls, ops: Iterable[Op], faults: Iterable[FaultWindow] = ()) -> History:
        """A whole run, checked against the laws of ``Op``.

        Raises:
            MalformedHistory: An index is not the position, a time or a process is
                out of range, an invocation goes back in time, an interval is
                negative, completion and outcome disagree, a process overlaps
                itself, a process calls again after an indeterminate outcome, or
                an answer has the wrong number of values for its call.
        """
        history = cls(tuple(ops), tuple(faults))
        _require_laws(history.ops)
        return history

    def only(self, indices: Iterable[int]) -> History:
        """The part that consists of the ops with these indices of the run.

        Raises:
            KeyError: No op of this history has that index.
        """
        return History(tuple(self.op(index) for index in sorted(set(indices))), self.faults)

    def op(self, index: int) -> Op:
        """The op with this index of the run.  Raises KeyError.  Cost: O(log n)."""
        position = bisect_left(self.ops, index, key=lambda op: op.index)
        if position == len(self.ops) or self.ops[position].index != index:
            raise KeyError(index)
        return self.ops[position]

    def by_key(self) -> Mapping[str, History]:
        """One part per key, keys in the order of their first call; all see all faults."""
        if isinstance(self.ops, LazyOps):
            return {key: History(ops, self.faults) for key, ops in self.ops.by_key().items()}
        parts: dict[str, list[Op]] = {}
        for op in self.ops:
            parts.setdefault(op.call.key, []).append(op)
        return {key: History(tuple(ops), self.faults) for key, ops in parts.items()}

    def first_of_each_function(self) -> tuple[Op, ...]:
        """The first op with each ``functions_of`` its call, in their order.  Cost: O(n)."""
        if isinstance(self.ops, LazyOps):
            return self.ops.first_of_each_function()
        return first_of_each_function(self.ops)

    def counts(self) -> tuple[int, int, int]:
        """How many ops are answered, failed, indeterminate.  Cost: O(n)."""
        if isinstance(self.ops, LazyOps):
            return self.ops.counts()
        outcomes = Counter[type[Outcome]](type(op.outcome) for op in self.ops)
        return outcomes[Ok], outcomes[Failed], outcomes[Indeterminate]

    def answered(self) -> Answered:
        """What is known of them without looking closely.  Cost: O(n)."""
        if isinstance(self.ops, LazyOps):
            return Answered(*self.ops.answered())
        answered = [op for op in self.ops if isinstance(op.outcome, Ok)]
        return Answered(
            np.fromiter((op.invoked for op in answered), np.int64, len(answered)),
            np.fromiter((op.completed for op in answered), np.int64, len(answered)),
            sum(has_read(op.call, op.outcome) for op in answered),
        )

    def columns(self) -> Columns:
        """The same as arrays, for kernels and statistics.  Cost: O(n), not remembered."""
        return self.ops.own_columns() if isinstance(self.ops, LazyOps) else to_columns(self.ops)


def _require_laws(ops: Sequence[Op]) -> None:
    latest = Nanos(0)
    free_from: dict[ProcessId, Nanos] = {}
    for position, op in enumerate(ops):
        if op.index != position:
            raise MalformedHistory(
                f"op at position {position} has index {op.index}: indices must be 0, 1, 2 ...",
                field="index",
            )
        if op.invoked < latest:
            raise _broken(op, "invoked", f"is {op.invoked}, earlier than {latest}")
        latest = op.invoked
        if not op.invoked <= op.completed <= FOREVER:
            raise _broken(op, "completed", f"is {op.completed}, invoked is {op.invoked}")
        if not 0 <= op.process <= _PROCESS_MAX:
            raise _broken(op, "process", f"is {op.process}")
        if (op.completed == FOREVER) != isinstance(op.outcome, Indeterminate):
            raise _broken(
                op, "completed", "must be FOREVER exactly when the outcome is indeterminate"
            )
        free = free_from.get(op.process, latest)
        if free == FOREVER:
            raise _broken(
                op, "process", f"{op.process} was retired by an indeterminate op and calls again"
            )
        if op.invoked < free:
            raise _broken(op, "process", f"{op.process} already has an op in flight until {free}")
        free_from[op.process] = op.completed
        if isinstance(op.outcome, Ok) and not answers_with(op.call, len(op.outcome.values)):
            raise _broken(op, "values", f"holds {len(op.outcome.values)} answers to such a call")


def _broken(op: Op, field: str, problem: str) -> MalformedHistory:
    return MalformedHistory(f"op {op.index}: {field} {problem}", field=field)
