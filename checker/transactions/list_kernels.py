"""The loops over transactions over lists; rules as in ``kernels``."""

from __future__ import annotations

from checker.transactions.kernels import (
    ABORTED,
    DISORDERED,
    FUTURE,
    GARBAGE,
    INCOMPATIBLE,
    INTERMEDIATE,
    INTERNAL,
    RW,
    WR,
    WW,
    Array,
)
from histories.txn_columns import FAILED, OK, READ, WRITE


def longest_reads(
    offset: Array, f: Array, key: Array, outcome: Array, seen_offset: Array, longest: Array
) -> None:
    """Per key the read that saw most, or -1."""
    for t in range(len(offset) - 1):
        if outcome[t] != OK:
            continue
        for m in range(offset[t], offset[t + 1]):
            if f[m] == READ:
                best = longest[key[m]]
                if (
                    best < 0
                    or seen_offset[m + 1] - seen_offset[m]
                    > seen_offset[best + 1] - seen_offset[best]
                ):
                    longest[key[m]] = m


def order_versions(
    longest: Array,
    seen_offset: Array,
    seen: Array,
    writer: Array,
    txn_of: Array,
    outcome: Array,
    repeated: Array,
    committed: Array,
    position: Array,
    unordered: Array,
    first_garbage: Array,
    first_aborted: Array,
    dirty: Array,
) -> None:
    """The order of each key's versions, as its longest read shows it.

    ``dirty[k]`` is a version of a failed txn with a committed one after it, or -1.
    """
    for k in range(len(longest)):
        m = longest[k]
        if m < 0:
            continue
        start = seen_offset[m]
        aborted = -1
        for i in range(seen_offset[m + 1] - start):
            version = seen[start + i]
            if position[version] >= 0 or repeated[version]:
                unordered[k] = 1
                continue
            position[version] = i
            w = writer[version]
            if w < 0:
                if first_garbage[k] < 0:
                    first_garbage[k] = i
            elif outcome[txn_of[w]] == FAILED:
                aborted = version
                if first_aborted[k] < 0:
                    first_aborted[k] = i
            else:
                committed[txn_of[w]] = 1
                if aborted >= 0 and dirty[k] < 0:
                    dirty[k] = aborted


def compare_lists(
    offset: Array,
    f: Array,
    key: Array,
    seen_offset: Array,
    seen: Array,
    outcome: Array,
    txn_of: Array,
    writer: Array,
    repeated: Array,
    longest: Array,
    first_garbage: Array,
    first_aborted: Array,
    committed: Array,
    unordered: Array,
    problem: Array,
) -> None:
    """Reads that are no beginning of their key's longest one; what no read may contain."""
    for t in range(len(offset) - 1):
        if outcome[t] != OK:
            continue
        for m in range(offset[t], offset[t + 1]):
            if f[m] != READ:
                continue
            k = key[m]
            start = seen_offset[m]
            length = seen_offset[m + 1] - start
            reference = seen_offset[longest[k]]
            flags = 0
            for i in range(length):
                if seen[start + i] != seen[reference + i]:
                    flags = INCOMPATIBLE
                    unordered[k] = 1
                    break
            if flags == 0:
                if first_garbage[k] >= 0 and length > first_garbage[k]:
                    flags |= GARBAGE
                if first_aborted[k] >= 0 and length > first_aborted[k]:
                    flags |= ABORTED
                problem[m] = flags
                continue
            for i in range(length):
                w = writer[seen[start + i]]
                if w < 0:
                    flags |= GARBAGE
                elif outcome[txn_of[w]] == FAILED:
                    flags |= ABORTED
                elif not repeated[seen[start + i]]:
                    committed[txn_of[w]] = 1
            problem[m] = flags


def judge_lists(
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
    position: Array,
    external: Array,
    problem: Array,
) -> None:
    """Reads against what their own transaction did to the key, and which are external.

    Whatever it appended before must be the end of the list, behind what it had read.
    """
    for t in range(len(offset) - 1):
        if outcome[t] != OK:
            continue
        for m in range(offset[t], offset[t + 1]):
            if f[m] != READ:
                continue
            k = key[m]
            start = seen_offset[m]
            left = seen_offset[m + 1] - start
            flags = 0
            own = False
            read = False
            for b in range(m - 1, offset[t] - 1, -1):
                if key[b] != k:
                    continue
                if f[b] == WRITE:
                    own = True
                    if read:
                        break
                    if left <= 0 or seen[start + left - 1] != argument[b]:
                        flags |= INTERNAL
                    left -= 1
                elif not read:
                    read = True
                    if seen_offset[b + 1] - seen_offset[b] != left:
                        flags |= INTERNAL
                    else:
                        for i in range(left):
                            if seen[start + i] != seen[seen_offset[b] + i]:
                                flags |= INTERNAL
                                break
            length = seen_offset[m + 1] - start
            if not own:
                external[m] = 1
                if length > 0 and not repeated[seen[start + length - 1]]:
                    w = writer[seen[start + length - 1]]
                    if w >= 0 and final[w] == 0 and txn_of[w] != t:
                        flags |= INTERMEDIATE
            for later in range(m + 1, offset[t + 1]):
                if key[later] == k and f[later] == WRITE and not repeated[argument[later]]:
                    at = position[argument[later]]
                    if at >= 0 and at < length and seen[start + at] == argument[later]:
                        flags |= FUTURE
            problem[m] |= flags


def order_own_appends(
    offset: Array,
    f: Array,
    key: Array,
    argument: Array,
    writer: Array,
    committed: Array,
    unordered: Array,
    position: Array,
    problem: Array,
) -> None:
    """Appends that were seen without the one that their transaction made before."""
    for t in range(len(offset) - 1):
        if committed[t] == 0:
            continue
        for m in range(offset[t], offset[t + 1]):
            if f[m] == READ or position[argument[m]] < 0 or unordered[key[m]]:
                continue
            for b in range(m - 1, offset[t] - 1, -1):
                if f[b] == WRITE and key[b] == key[m]:
                    at = position[argument[b]]
                    if (at < 0 or at > position[argument[m]]) and writer[argument[b]] == b:
                        problem[m] |= DISORDERED
                    break


def link_lists(
    longest: Array,
    seen_offset: Array,
    seen: Array,
    writer: Array,
    txn_of: Array,
    committed: Array,
    unordered: Array,
    after: Array,
    first: Array,
    last_txn: Array,
    src: Array,
    dst: Array,
    kind: Array,
    edge_key: Array,
) -> int:
    """ww edges between the writers of consecutive versions; returns how many.

    ``after[v]`` becomes the first committed version behind v by another txn, ``first[k]``
    the first of the key, and ``last_txn[k]`` who wrote the last.
    """
    edges = 0
    for k in range(len(longest)):
        m = longest[k]
        if m < 0 or unordered[k]:
            continue
        next_version = -1
        next_txn = -1
        next_other = -1
        for at in range(seen_offset[m + 1] - 1, seen_offset[m] - 1, -1):
            version = seen[at]
            w = writer[version]
            t = -1
            if w >= 0 and committed[txn_of[w]]:
                t = txn_of[w]
            if next_txn == t:
                after[version] = next_other
            else:
                after[version] = next_version
            if t < 0:
                continue
            if last_txn[k] < 0:
                last_txn[k] = t
            if t != next_txn:
                if next_txn >= 0:
                    src[edges] = t
                    dst[edges] = next_txn
                    kind[edges] = WW
                    edge_key[edges] = k
                    edges += 1
                next_other = next_version
            next_version = version
            next_txn = t
        first[k] = next_version
    return edges


def link_list_reads(
    offset: Array,
    f: Array,
    key: Array,
    seen_offset: Array,
    seen: Array,
    outcome: Array,
    txn_of: Array,
    writer: Array,
    repeated: Array,
    external: Array,
    committed: Array,
    unordered: Array,
    after: Array,
    first: Array,
    edges: int,
    src: Array,
    dst: Array,
    kind: Array,
    edge_key: Array,
    source_slot: Array,
    source_txn: Array,
) -> tuple[int, int]:
    """wr and rw edges of external reads behind the first ``edges``.

    Reads of a key's last version are left as sources of the key's fan.  Returns the
    numbers of edges and of sources.
    """
    sources = 0
    for t in range(len(offset) - 1):
        if outcome[t] != OK:
            continue
        for m in range(offset[t], offset[t + 1]):
            if f[m] != READ or external[m] == 0:
                continue
            k = key[m]
            length = seen_offset[m + 1] - seen_offset[m]
            following = first[k]
            if length > 0:
                version = seen[seen_offset[m + 1] - 1]
                following = after[version]
                w = -1 if repeated[version] else writer[version]
                if w >= 0 and committed[txn_of[w]] and txn_of[w] != t:
                    src[edges] = txn_of[w]
                    dst[edges] = t
                    kind[edges] = WR
                    edge_key[edges] = k
                    edges += 1
            if unordered[k]:
                continue
            if following < 0:
                source_slot[sources] = k
                source_txn[sources] = t
                sources += 1
            elif txn_of[writer[following]] != t:
                src[edges] = t
                dst[edges] = txn_of[writer[following]]
                kind[edges] = RW
                edge_key[edges] = k
                edges += 1
    return edges, sources
