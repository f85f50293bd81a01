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
    tells where that leaves a choice.
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
                else:
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
                if length > 0:
                    w = writer[seen[start + length - 1]]
                    if w >= 0 and final[w] == 0 and txn_of[w] != t:
                        flags |= INTERMEDIATE
            for later in range(m + 1, offset[t + 1]):
                if key[later] == k and f[later] == WRITE:
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
                w = writer[version]
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
            if version >= 0:
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


def lost_updates(
    offset: Array,
    f: Array,
    key: Array,
    seen_offset: Array,
    seen: Array,
    outcome: Array,
    external: Array,
    versions: int,
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
            slot = versions + key[m]
            if seen_offset[m + 1] > seen_offset[m]:
                slot = seen[seen_offset[m + 1] - 1]
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
