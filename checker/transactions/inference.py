"""What both workloads infer from: who wrote what, and the edges as they grow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from checker.transactions.engine import engine
from checker.transactions.graph import Graph
from histories.columns import Int32s, Int64s, UInt8s
from histories.txn_columns import OK, TxnColumns

PAIRS_KEPT: Final = 64
"""Of the pairs that lost an update, so many are remembered; all are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writes:
    """Per version its writer (a micro-operation, or -1) and whether that is ambiguous;
    per micro-operation its transaction and whether it is that one's last to the key."""

    txn_of: Int32s
    writer: Int32s
    final: UInt8s
    repeated: UInt8s


@dataclass(frozen=True, slots=True, kw_only=True)
class LostUpdates:
    """``count`` pairs of transactions that replaced one version; the first of them."""

    count: int
    one: Int32s
    other: Int32s
    slot: Int32s


@dataclass(frozen=True, slots=True, kw_only=True)
class Inferred:
    """What the reads and writes of a history say.

    Attributes:
        columns: What it was inferred from.
        writes: Who wrote which version.
        longest: Per key the read with the longest list, or -1; of no use for registers.
        position: Per version its place in that list, or -1.
        committed: Per transaction, whether it certainly took effect.
        external: Per micro-operation, whether it is a read of others' writes.
        problem: Per micro-operation, bits of ``kernels``.
        unordered: Per key, whether its version order is contradictory or ambiguous.
        dirty: Per key a version of a failed transaction that was built upon, or -1.
        lost: Updates that were lost.
        cyclic: Keys whose version order has a cycle.
        graph: ww, wr and rw.
    """

    columns: TxnColumns
    writes: Writes
    longest: Int32s
    position: Int32s
    committed: UInt8s
    external: UInt8s
    problem: UInt8s
    unordered: UInt8s
    dirty: Int32s
    lost: LostUpdates
    cyclic: tuple[int, ...]
    graph: Graph


class Edges:
    """A list of edges with room for ``capacity``, filled by kernels."""

    def __init__(self, capacity: int, nodes: int) -> None:
        self.src = np.empty(capacity, dtype=np.int32)
        self.dst = np.empty(capacity, dtype=np.int32)
        self.kind = np.empty(capacity, dtype=np.uint8)
        self.key = np.empty(capacity, dtype=np.int32)
        self.count = 0
        self.nodes = nodes

    @property
    def arrays(self) -> tuple[Int32s, Int32s, UInt8s, Int32s]:
        return self.src, self.dst, self.kind, self.key

    def reserve(self, more: int) -> None:
        """Make room for so many more edges."""
        missing = self.count + more - len(self.src)
        if missing > 0:
            self.src = np.append(self.src, np.empty(missing, dtype=np.int32))
            self.dst = np.append(self.dst, np.empty(missing, dtype=np.int32))
            self.kind = np.append(self.kind, np.empty(missing, dtype=np.uint8))
            self.key = np.append(self.key, np.empty(missing, dtype=np.int32))

    def graph(self, txns: int) -> Graph:
        return Graph(
            txns=txns,
            nodes=self.nodes,
            src=self.src[: self.count],
            dst=self.dst[: self.count],
            kind=self.kind[: self.count],
            key=self.key[: self.count],
        )


def steps_of(columns: TxnColumns) -> int:
    """Roughly how much there is to look at, for ``engine``.

    Micro-operations are compared with all others of their transaction.
    """
    lengths = np.diff(columns.offset)
    return 8 * len(columns.f) + 2 * len(columns.seen) + int((lengths * lengths).sum())


def index_writes(columns: TxnColumns) -> Writes:
    run = engine(steps_of(columns))
    micro, versions = len(columns.f), len(columns.values)
    writes = Writes(
        txn_of=np.empty(micro, dtype=np.int32),
        writer=np.full(versions, -1, dtype=np.int32),
        final=np.zeros(micro, dtype=np.uint8),
        repeated=np.zeros(versions, dtype=np.uint8),
    )
    run.index_writes(
        columns.offset,
        columns.f,
        columns.key,
        columns.argument,
        columns.outcome,
        writes.txn_of,
        writes.writer,
        writes.final,
        writes.repeated,
        np.full(len(columns.keys), -1, dtype=np.int32),
    )
    return writes


def surely_committed(columns: TxnColumns) -> UInt8s:
    """One for every transaction that was answered; kernels add those whose writes were seen."""
    committed: UInt8s = (columns.outcome == OK).astype(np.uint8)
    return committed


def find_lost_updates(columns: TxnColumns, writes: Writes, external: UInt8s) -> LostUpdates:
    run = engine(steps_of(columns))
    slots = len(columns.values) + len(columns.keys)
    one, other, slot = (np.empty(PAIRS_KEPT, dtype=np.int32) for _ in range(3))
    count = run.lost_updates(
        columns.offset,
        columns.f,
        columns.key,
        columns.seen_offset,
        columns.seen,
        columns.outcome,
        external,
        writes.repeated,
        np.full(slots, -1, dtype=np.int32),
        one,
        other,
        slot,
    )
    kept = min(count, PAIRS_KEPT)
    return LostUpdates(count=int(count), one=one[:kept], other=other[:kept], slot=slot[:kept])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fans:
    """Relations between many and many: each source comes before all targets of its slot.

    Attributes:
        source_slot, source_txn, source_kind: The sources, and by which dependency.
        target_slot, target_txn: The targets; none is one of the same slot twice.
        slot_key: Per slot, the key that it is about.
    """

    source_slot: Int32s
    source_txn: Int32s
    source_kind: UInt8s
    target_slot: Int32s
    target_txn: Int32s
    slot_key: Int32s


def link_fans(edges: Edges, fans: Fans, run: Any) -> None:
    """Add these relations in linear size, with auxiliary nodes; none relates to itself."""
    slots = len(fans.slot_key)
    order = np.lexsort((fans.target_txn, fans.target_slot))
    target_txn = fans.target_txn[order]
    start = np.zeros(slots + 1, dtype=np.int64)
    np.cumsum(np.bincount(fans.target_slot, minlength=slots), out=start[1:])
    base = np.full(slots, -1, dtype=np.int64)
    edges.reserve(4 * len(target_txn) + 2 * len(fans.source_slot))
    edges.count, edges.nodes = run.build_fans(
        start, target_txn, fans.slot_key, base, edges.nodes, edges.count, *edges.arrays
    )
    edges.count = run.link_fans(
        fans.source_slot,
        fans.source_txn,
        fans.source_kind,
        fans.slot_key,
        len(fans.source_slot),
        start,
        target_txn,
        base,
        edges.count,
        *edges.arrays,
    )


def made_dense(numbers: Int64s) -> Int64s:
    """The same numbers replaced by 0, 1, 2 ..., if they are too far apart for a table."""
    if not len(numbers) or numbers.max() < 4 * len(numbers) + 1024:
        return numbers
    dense: Int64s = np.unique(numbers, return_inverse=True)[1].astype(np.int64)
    return dense
