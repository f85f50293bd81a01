"""The loops over transactions over registers; rules as in ``kernels``."""

from __future__ import annotations

from checker.transactions.kernels import (
    ABORTED,
    FUTURE,
    GARBAGE,
    INTERMEDIATE,
    INTERNAL,
    WR,
    Array,
)
from histories.txn_columns import FAILED, OK, READ, WRITE


def judge_registers(
    offset: Array,
    f: Array,
    key: Array,
    argument: Array,
    seen_offset: Array,
    seen: Array,
    outcome: Array,
    txn_of: Array,
    writer: Array,
    final: Array,
    repeated: Array,
    committed: Array,
    external: Array,
    problem: Array,
) -> None:
    """What is wrong with single reads, which are external, and what was surely written."""
    for t in range(len(offset) - 1):
        if outcome[t] != OK:
            continue
        for m in range(offset[t], offset[t + 1]):
            if f[m] != READ:
                continue
            version = -1
            if seen_offset[m + 1] > seen_offset[m]:
                version = seen[seen_offset[m]]
            flags = 0
            own = False
            nearest = True
            for b in range(m - 1, offset[t] - 1, -1):
                if key[b] != key[m]:
                    continue
                held = argument[b]
                if f[b] == READ and seen_offset[b + 1] > seen_offset[b]:
                    held = seen[seen_offset[b]]
                if nearest and held != version:
                    flags |= INTERNAL
                nearest = False
                if f[b] == WRITE:
                    own = True
                    break
            if not own:
                external[m] = 1
            if version >= 0 and not repeated[version]:
                w = writer[version]
                if w < 0:
                    flags |= GARBAGE
                elif txn_of[w] == t:
                    if w > m and not own:
                        flags |= FUTURE
                elif outcome[txn_of[w]] == FAILED:
                    flags |= ABORTED
                else:
                    committed[txn_of[w]] = 1
                    if final[w] == 0:
                        flags |= INTERMEDIATE
            problem[m] = flags


def link_register_reads(
    offset: Array,
    f: Array,
    key: Array,
    argument: Array,
    seen_offset: Array,
    seen: Array,
    outcome: Array,
    txn_of: Array,
    writer: Array,
    external: Array,
    repeated: Array,
    versions: int,
    src: Array,
    dst: Array,
    kind: Array,
    edge_key: Array,
    source_slot: Array,
    source_txn: Array,
    target_slot: Array,
    target_version: Array,
) -> tuple[int, int, int]:
    """wr edges, readers, and which write replaced what its transaction had read.

    The *slot* of a version is its number; that of a key's initial state is ``versions``
    plus the key's.  Returns the numbers of edges, of sources (slot, reader), and of
    targets (slot, the version that its reader put there instead).
    """
    edges = 0
    sources = 0
    targets = 0
    for t in range(len(offset) - 1):
        if outcome[t] != OK:
            continue
        for m in range(offset[t], offset[t + 1]):
            if f[m] != READ or external[m] == 0:
                continue
            slot = versions + key[m]
            if seen_offset[m + 1] > seen_offset[m]:
                slot = seen[seen_offset[m]]
                if repeated[slot]:
                    continue
                w = writer[slot]
                if w >= 0 and outcome[txn_of[w]] != FAILED and txn_of[w] != t:
                    src[edges] = txn_of[w]
                    dst[edges] = t
                    kind[edges] = WR
                    edge_key[edges] = key[m]
                    edges += 1
            source_slot[sources] = slot
            source_txn[sources] = t
            sources += 1
            replaced = -1
            for later in range(m + 1, offset[t + 1]):
                if key[later] == key[m]:
                    if f[later] == WRITE:
                        replaced = argument[later]
                    elif replaced < 0:
                        break  # the next read of the key is nearer to the write
            if replaced >= 0 and replaced != slot:
                target_slot[targets] = slot
                target_version[targets] = replaced
                targets += 1
    return edges, sources, targets
