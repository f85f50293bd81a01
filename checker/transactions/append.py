"""What transactions over lists say: a read shows all versions up to the one it saw.

Kingsbury & Alvaro 2020, sections 4 and 5.  Beside what follows from reads alone, an
acknowledged append that no read of its key saw comes after all that were seen.
"""

from __future__ import annotations

import numpy as np

from checker.transactions.engine import engine
from checker.transactions.inference import (
    Edges,
    Fans,
    Inferred,
    find_lost_updates,
    index_writes,
    link_fans,
    steps_of,
    surely_committed,
)
from checker.transactions.kernels import RW, WW
from histories.columns import Int32s
from histories.txn_columns import WRITE, TxnColumns


def infer_from_lists(columns: TxnColumns) -> Inferred:
    """Cost: O(n) time and memory in the size of the columns."""
    inference = _Inference(columns)
    inference.order_versions()
    inference.judge_reads()
    return inference.linked()


class _Inference:
    """The arrays that one kernel after the other fills."""

    def __init__(self, columns: TxnColumns) -> None:
        micro, versions, keys = len(columns.f), len(columns.values), len(columns.keys)
        self._run = engine(steps_of(columns))
        self._columns = columns
        self._writes = index_writes(columns)
        self._longest, self._first_garbage, self._first_aborted, self._dirty = (
            np.full(keys, -1, dtype=np.int32) for _ in range(4)
        )
        self._position = np.full(versions, -1, dtype=np.int32)
        self._unordered = np.zeros(keys, dtype=np.uint8)
        self._external, self._problem = (np.zeros(micro, dtype=np.uint8) for _ in range(2))
        self._committed = surely_committed(columns)

    def order_versions(self) -> None:
        """By the longest read of each key."""
        columns, writes = self._columns, self._writes
        self._run.longest_reads(
            columns.offset,
            columns.f,
            columns.key,
            columns.outcome,
            columns.seen_offset,
            self._longest,
        )
        self._run.order_versions(
            self._longest,
            columns.seen_offset,
            columns.seen,
            writes.writer,
            writes.txn_of,
            columns.outcome,
            writes.repeated,
            self._committed,
            self._position,
            self._unordered,
            self._first_garbage,
            self._first_aborted,
            self._dirty,
        )

    def judge_reads(self) -> None:
        """Against the order, against their own transaction; and the order against writers."""
        columns, writes = self._columns, self._writes
        reads = columns.offset, columns.f, columns.key
        self._run.compare_lists(
            *reads,
            columns.seen_offset,
            columns.seen,
            columns.outcome,
            writes.txn_of,
            writes.writer,
            writes.repeated,
            self._longest,
            self._first_garbage,
            self._first_aborted,
            self._committed,
            self._unordered,
            self._problem,
        )
        self._run.judge_lists(
            *reads,
            columns.argument,
            columns.seen_offset,
            columns.seen,
            columns.outcome,
            writes.txn_of,
            writes.writer,
            writes.final,
            writes.repeated,
            self._position,
            self._external,
            self._problem,
        )
        self._run.order_own_appends(
            *reads,
            columns.argument,
            writes.writer,
            self._committed,
            self._unordered,
            self._position,
            self._problem,
        )

    def linked(self) -> Inferred:
        """With the dependencies that follow."""
        columns = self._columns
        capacity = len(columns.values) + 2 * int(np.count_nonzero(self._external))
        edges = Edges(capacity, len(columns.index))
        link_fans(edges, self._link(edges), self._run)
        return Inferred(
            columns=columns,
            writes=self._writes,
            longest=self._longest,
            position=self._position,
            committed=self._committed,
            external=self._external,
            problem=self._problem,
            unordered=self._unordered,
            dirty=self._dirty,
            lost=find_lost_updates(columns, self._writes, self._external),
            cyclic=(),
            graph=edges.graph(len(columns.index)),
        )

    def _link(self, edges: Edges) -> Fans:
        """All edges but those to appends never seen: they come behind whoever saw all of a
        key, and behind its last writer."""
        columns, writes = self._columns, self._writes
        micro, versions, keys = len(columns.f), len(columns.values), len(columns.keys)
        first, last_txn = (np.full(keys, -1, dtype=np.int32) for _ in range(2))
        after = np.full(versions, -1, dtype=np.int32)
        edges.count = self._run.link_lists(
            self._longest,
            columns.seen_offset,
            columns.seen,
            writes.writer,
            writes.txn_of,
            self._committed,
            self._unordered,
            after,
            first,
            last_txn,
            *edges.arrays,
        )
        slot, reader = (np.empty(micro, dtype=np.int32) for _ in range(2))
        edges.count, sources = self._run.link_list_reads(
            columns.offset,
            columns.f,
            columns.key,
            columns.seen_offset,
            columns.seen,
            columns.outcome,
            writes.txn_of,
            writes.writer,
            writes.repeated,
            self._external,
            self._committed,
            self._unordered,
            after,
            first,
            edges.count,
            *edges.arrays,
            slot,
            reader,
        )
        unseen = self._unseen()
        writers = np.flatnonzero(last_txn >= 0).astype(np.int32)
        return Fans(
            source_slot=np.concatenate([slot[:sources], writers]),
            source_txn=np.concatenate([reader[:sources], last_txn[writers]]),
            source_kind=np.repeat(np.array([RW, WW], np.uint8), [sources, len(writers)]),
            target_slot=columns.key[unseen],
            target_txn=writes.txn_of[unseen],
            slot_key=np.arange(keys, dtype=np.int32),
        )

    def _unseen(self) -> Int32s:
        """The micro-operations whose append was made for certain, and never seen."""
        columns, writes = self._columns, self._writes
        chosen = np.flatnonzero((columns.f == WRITE) & (writes.final == 1))
        chosen = chosen[self._committed[writes.txn_of[chosen]] == 1]
        chosen = chosen[self._position[columns.argument[chosen]] < 0]
        unseen: Int32s = chosen[self._unordered[columns.key[chosen]] == 0].astype(np.int32)
        return unseen
