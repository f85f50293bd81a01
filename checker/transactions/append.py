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
    Writes,
    find_lost_updates,
    index_writes,
    link_fans,
    steps_of,
    surely_committed,
)
from checker.transactions.kernels import RW, WW
from histories.columns import Int32s, UInt8s
from histories.txn_columns import WRITE, TxnColumns


def infer_from_lists(columns: TxnColumns) -> Inferred:
    """Cost: O(n) time and memory in the size of the columns."""
    run = engine(steps_of(columns))
    writes = index_writes(columns)
    micro, versions, keys = len(columns.f), len(columns.values), len(columns.keys)
    longest, first_garbage, first_aborted, dirty, first, last_txn = (
        np.full(keys, -1, dtype=np.int32) for _ in range(6)
    )
    position, after = (np.full(versions, -1, dtype=np.int32) for _ in range(2))
    unordered = np.zeros(keys, dtype=np.uint8)
    external, problem = (np.zeros(micro, dtype=np.uint8) for _ in range(2))
    committed = surely_committed(columns)
    run.longest_reads(
        columns.offset, columns.f, columns.key, columns.outcome, columns.seen_offset, longest
    )
    run.order_versions(
        longest,
        columns.seen_offset,
        columns.seen,
        writes.writer,
        writes.txn_of,
        columns.outcome,
        writes.repeated,
        committed,
        position,
        unordered,
        first_garbage,
        first_aborted,
        dirty,
    )
    run.compare_lists(
        columns.offset,
        columns.f,
        columns.key,
        columns.seen_offset,
        columns.seen,
        columns.outcome,
        writes.txn_of,
        writes.writer,
        longest,
        first_garbage,
        first_aborted,
        committed,
        unordered,
        problem,
    )
    run.judge_lists(
        columns.offset,
        columns.f,
        columns.key,
        columns.argument,
        columns.seen_offset,
        columns.seen,
        columns.outcome,
        writes.txn_of,
        writes.writer,
        writes.final,
        position,
        external,
        problem,
    )
    run.order_own_appends(
        columns.offset,
        columns.f,
        columns.key,
        columns.argument,
        writes.writer,
        committed,
        unordered,
        position,
        problem,
    )
    edges = Edges(versions + 2 * int(np.count_nonzero(external)), len(columns.index))
    edges.count = run.link_lists(
        longest,
        columns.seen_offset,
        columns.seen,
        writes.writer,
        writes.txn_of,
        committed,
        unordered,
        after,
        first,
        last_txn,
        *edges.arrays,
    )
    slot, reader = (np.empty(micro, dtype=np.int32) for _ in range(2))
    edges.count, sources = run.link_list_reads(
        columns.offset,
        columns.f,
        columns.key,
        columns.seen_offset,
        columns.seen,
        columns.outcome,
        writes.txn_of,
        writes.writer,
        external,
        committed,
        unordered,
        after,
        first,
        edges.count,
        *edges.arrays,
        slot,
        reader,
    )
    unseen = _unseen(columns, writes, committed, position, unordered)
    writers = np.flatnonzero(last_txn >= 0).astype(np.int32)
    fans = Fans(  # from whoever saw all of a key, and from its last writer
        source_slot=np.concatenate([slot[:sources], writers]),
        source_txn=np.concatenate([reader[:sources], last_txn[writers]]),
        source_kind=np.repeat(np.array([RW, WW], np.uint8), [sources, len(writers)]),
        target_slot=columns.key[unseen],
        target_txn=writes.txn_of[unseen],
        slot_key=np.arange(keys, dtype=np.int32),
    )
    link_fans(edges, fans, run)
    return Inferred(
        columns=columns,
        writes=writes,
        longest=longest,
        position=position,
        committed=committed,
        external=external,
        problem=problem,
        unordered=unordered,
        dirty=dirty,
        lost=find_lost_updates(columns, external),
        cyclic=(),
        graph=edges.graph(len(columns.index)),
    )


def _unseen(
    columns: TxnColumns, writes: Writes, committed: UInt8s, position: Int32s, unordered: UInt8s
) -> Int32s:
    """The micro-operations whose append was made for certain, and never seen."""
    candidate = (columns.f == WRITE) & (writes.final == 1)
    chosen = np.flatnonzero(candidate)
    chosen = chosen[committed[writes.txn_of[chosen]] == 1]
    chosen = chosen[position[columns.argument[chosen]] < 0]
    unseen: Int32s = chosen[unordered[columns.key[chosen]] == 0].astype(np.int32)
    return unseen
