"""The loops over all micro-operations: what numba compiles for large histories.

Plain functions on arrays and numbers; ``engine`` decides whether they run as they
are (small histories, no compiler needed) or compiled.  All write into arrays that
the caller made; what is not written stays as it was.  No kernel calls another.

Arrays named as in ``histories.txn_columns.TxnColumns``.  ``writer[v]`` is the
micro-operation that wrote version v, or -1.  ``problem`` has one bit per finding.
"""

from __future__ import annotations

from typing import Any, Final

from histories.txn_columns import FAILED, OK, READ, WRITE

Array = Any  # An array; numba has no types for them that mypy knows.

GARBAGE: Final = 1
ABORTED: Final = 2
INTERMEDIATE: Final = 4
INTERNAL: Final = 8
FUTURE: Final = 16
INCOMPATIBLE: Final = 32
DISORDERED: Final = 64
"""Bits of ``problem``."""

WW: Final = 0
WR: Final = 1
RW: Final = 2
PROCESS: Final = 3
REALTIME: Final = 4
ON: Final = 5
"""Out of an auxiliary node, carrying on whatever led there."""
WW_INFERRED: Final = 6
"""ww known only because the later writer read the earlier version."""


def index_writes(
    offset: Array,
    f: Array,
    key: Array,
    argument: Array,
    outcome: Array,
    txn_of: Array,
    writer: Array,
    final: Array,
    repeated: Array,
    stamp: Array,
) -> None:
    """Who wrote each version, and which writes are the last of their txn to their key.

    Of several writers of a version one that has not failed is chosen; ``repeated``
    tells where that leaves a choice, and nothing may be concluded from whose write it was.
    """
    for t in range(len(offset) - 1):
        for m in range(offset[t + 1] - 1, offset[t] - 1, -1):
            txn_of[m] = t
            if f[m] == READ:
                continue
            version = argument[m]
            before = writer[version]
            if before < 0 or (outcome[txn_of[before]] == FAILED and outcome[t] != FAILED):
                writer[version] = m
            elif outcome[t] != FAILED:
                repeated[version] = 1
            if stamp[key[m]] != t:
                stamp[key[m]] = t
                final[m] = 1


def lost_updates(
    offset: Array,
    f: Array,
    key: Array,
    seen_offset: Array,
    seen: Array,
    outcome: Array,
    external: Array,
    repeated: Array,
    claimed: Array,
    one: Array,
    other: Array,
    slots: Array,
) -> int:
    """Pairs of transactions that replaced the same version; returns how many there are.

    Pairs beyond the length of ``one`` are counted only.
    """
    found = 0
    for t in range(len(offset) - 1):
        if outcome[t] != OK:
            continue
        for m in range(offset[t], offset[t + 1]):
            if f[m] != READ or external[m] == 0:
                continue
            writes = False
            for later in range(m + 1, offset[t + 1]):
                if key[later] == key[m] and f[later] == WRITE:
                    writes = True
                    break
            if not writes:
                continue
            slot = len(repeated) + key[m]
            if seen_offset[m + 1] > seen_offset[m]:
                slot = seen[seen_offset[m + 1] - 1]
                if repeated[slot]:
                    continue
            rival = claimed[slot]
            if rival < 0:
                claimed[slot] = t
            elif rival != t:
                if found < len(one):
                    one[found] = rival
                    other[found] = t
                    slots[found] = slot
                found += 1
    return found


def build_fans(
    target_start: Array,
    target_txn: Array,
    slot_key: Array,
    node_base: Array,
    node: int,
    edges: int,
    src: Array,
    dst: Array,
    kind: Array,
    edge_key: Array,
) -> tuple[int, int]:
    """Auxiliary nodes from which the targets of a slot are reached, if it has several.

    Two rows of them, the first at even, the second at odd places from ``node_base``: from
    the j-th of the first one comes to target j and all behind, from the j-th of the second
    to target j and all before.  Returns the numbers of edges and of nodes.
    """
    for slot in range(len(target_start) - 1):
        begin = target_start[slot]
        count = target_start[slot + 1] - begin
        if count < 2:
            continue
        node_base[slot] = node
        for j in range(count):
            for row in range(2):
                src[edges] = node + 2 * j + row
                dst[edges] = target_txn[begin + j]
                edges += 1
            if j > 0:
                src[edges] = node + 2 * (j - 1)
                dst[edges] = node + 2 * j
                src[edges + 1] = node + 2 * j + 1
                dst[edges + 1] = node + 2 * j - 1
                edges += 2
        node += 2 * count
        for e in range(edges - 4 * count + 2, edges):
            kind[e] = ON
            edge_key[e] = slot_key[slot]
    return edges, node


def link_fans(
    source_slot: Array,
    source_txn: Array,
    source_kind: Array,
    slot_key: Array,
    sources: int,
    target_start: Array,
    target_txn: Array,
    node_base: Array,
    edges: int,
    src: Array,
    dst: Array,
    kind: Array,
    edge_key: Array,
) -> int:
    """Edges from each source to all targets of its slot but itself; returns all edges.

    The targets of slot s are ``target_txn[target_start[s] .. target_start[s + 1]]``,
    ascending; several are reached by way of ``build_fans``.
    """
    for i in range(sources):
        slot = source_slot[i]
        begin = target_start[slot]
        count = target_start[slot + 1] - begin
        t = source_txn[i]
        low = 0
        high = count
        while low < high:
            middle = (low + high) // 2
            if target_txn[begin + middle] < t:
                low = middle + 1
            else:
                high = middle
        is_target = low < count and target_txn[begin + low] == t
        before = low if is_target else 0
        after = count - low - 1 if is_target else count
        base = node_base[slot]
        if after > 0:
            src[edges] = t
            dst[edges] = target_txn[begin] if count == 1 else base + 2 * (count - after)
            kind[edges] = source_kind[i]
            edge_key[edges] = slot_key[slot]
            edges += 1
        if before > 0:
            src[edges] = t
            dst[edges] = base + 2 * (before - 1) + 1
            kind[edges] = source_kind[i]
            edge_key[edges] = slot_key[slot]
            edges += 1
    return edges


def link_processes(
    process: Array,
    committed: Array,
    latest: Array,
    edges: int,
    src: Array,
    dst: Array,
    kind: Array,
    edge_key: Array,
) -> int:
    """An edge between consecutive transactions of each process; returns all edges."""
    for t in range(len(process)):
        if committed[t] == 0:
            continue
        before = latest[process[t]]
        latest[process[t]] = t
        if before >= 0:
            src[edges] = before
            dst[edges] = t
            kind[edges] = PROCESS
            edge_key[edges] = -1
            edges += 1
    return edges


def link_realtime(
    invoked: Array,
    completed: Array,
    by_completion: Array,
    committed: Array,
    node: int,
    edges: int,
    src: Array,
    dst: Array,
    kind: Array,
    edge_key: Array,
) -> tuple[int, int]:
    """Who ended before who began, by way of a chain of auxiliary nodes.

    One node for each run of completions that no invocation interrupts, so that at
    most three edges a transaction give exactly the interval order as reachability.
    Returns the numbers of edges and of nodes.
    """
    taken = 0
    current = -1
    sealed = True
    for t in range(len(invoked)):
        if committed[t] == 0:
            continue
        while taken < len(by_completion) and completed[by_completion[taken]] < invoked[t]:
            done = by_completion[taken]
            taken += 1
            if committed[done] == 0:
                continue
            if sealed:
                if current >= 0:
                    src[edges] = current
                    dst[edges] = node
                    kind[edges] = ON
                    edge_key[edges] = -1
                    edges += 1
                current = node
                node += 1
                sealed = False
            src[edges] = done
            dst[edges] = current
            kind[edges] = REALTIME
            edge_key[edges] = -1
            edges += 1
        if current >= 0:
            src[edges] = current
            dst[edges] = t
            kind[edges] = ON
            edge_key[edges] = -1
            edges += 1
            sealed = True
    return edges, node
