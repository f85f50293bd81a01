"""What transactions over registers say, every write being the only one of its value.

A read names the write it saw.  Of the order of a key's versions it is known that the
initial state comes first, and that what a transaction writes to a key follows what it
read of it before (else there is a cycle of wr and ww: so at read committed and above).
With the options, also what a process, or everybody, saw one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from checker.transactions.engine import engine
from checker.transactions.graph import Bools, components
from checker.transactions.inference import (
    Edges,
    Fans,
    Inferred,
    Writes,
    find_lost_updates,
    index_writes,
    link_fans,
    made_dense,
    steps_of,
    surely_committed,
)
from checker.transactions.kernels import RW, WW, WW_INFERRED
from histories.columns import Int32s, UInt8s
from histories.op import FOREVER
from histories.txn_columns import OK, WRITE, TxnColumns

_NO_KEYS: Final = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterOptions:
    """What may be assumed of each key by itself.

    ``sequential_keys``: each process sees it change in one order.  ``linearizable_keys``:
    and that is the order of real time.
    """

    sequential_keys: bool = False
    linearizable_keys: bool = False


@dataclass(frozen=True, slots=True)
class _Successions:
    """``slot[i]`` comes before ``version[i]``; slots as in
    ``register_kernels.link_register_reads``."""

    slot: Int32s
    version: Int32s


def infer_from_registers(columns: TxnColumns, options: RegisterOptions | None = None) -> Inferred:
    """Cost: O(n log n) in the size of the columns, times the concurrency with options."""
    run = engine(steps_of(columns))
    writes = index_writes(columns)
    # A written nil cannot be told from the state before all writes.
    writes.repeated[[version for version, value in enumerate(columns.values) if value is None]] = 1
    external, problem = (np.zeros(len(columns.f), dtype=np.uint8) for _ in range(2))
    committed = surely_committed(columns)
    run.judge_registers(
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
        writes.repeated,
        committed,
        external,
        problem,
    )
    keys, versions, txns = len(columns.keys), len(columns.values), len(columns.index)
    edges = Edges(int(np.count_nonzero(external)), txns)
    readers, replaced = _link_reads(columns, writes, external, edges)
    inferred = Inferred(
        columns=columns,
        writes=writes,
        longest=np.full(keys, -1, dtype=np.int32),
        position=np.full(versions, -1, dtype=np.int32),
        committed=committed,
        external=external,
        problem=problem,
        unordered=np.zeros(keys, dtype=np.uint8),
        dirty=np.full(keys, -1, dtype=np.int32),
        lost=find_lost_updates(columns, writes, external),
        cyclic=(),
        graph=edges.graph(txns),
    )
    return _ordered(inferred, edges, readers, replaced, options or RegisterOptions())


def _link_reads(
    columns: TxnColumns, writes: Writes, external: UInt8s, edges: Edges
) -> tuple[tuple[Int32s, Int32s], _Successions]:
    """wr edges; the readers of each slot; what was read and then replaced."""
    reads = len(edges.src)
    source_slot, source_txn, target_slot, target_version = (
        np.empty(reads, dtype=np.int32) for _ in range(4)
    )
    edges.count, sources, targets = engine(steps_of(columns)).link_register_reads(
        columns.offset,
        columns.f,
        columns.key,
        columns.argument,
        columns.seen_offset,
        columns.seen,
        columns.outcome,
        writes.txn_of,
        writes.writer,
        external,
        writes.repeated,
        len(columns.values),
        *edges.arrays,
        source_slot,
        source_txn,
        target_slot,
        target_version,
    )
    readers = source_slot[:sources], source_txn[:sources]
    return readers, _Successions(target_slot[:targets], target_version[:targets])


def _ordered(
    inferred: Inferred,
    edges: Edges,
    readers: tuple[Int32s, Int32s],
    replaced: _Successions,
    options: RegisterOptions,
) -> Inferred:
    """With ww and rw edges from the version order."""
    columns, writes = inferred.columns, inferred.writes
    versions, keys = len(columns.values), len(columns.keys)
    assumed = _assumed(inferred, options)
    slots = np.concatenate([replaced.slot, assumed.slot])
    later = np.concatenate([replaced.version, assumed.version])
    cyclic = _cyclic_keys(columns, slots, later) if len(assumed.slot) else _NO_KEYS
    keep = later < versions
    keep[keep] = ~np.isin(columns.version_key[later[keep]], cyclic)
    keep[: len(replaced.slot)] = True  # a cycle of these alone is one of transactions, too
    slots, later = slots[keep], later[keep]
    certain = _certainly_written(inferred, later) & ~_by_one_writer(inferred, slots, later)
    slots, later = slots[certain], later[certain]
    first = _without_predecessor(inferred, later)
    slots = np.concatenate([slots, versions + columns.version_key[first]])
    later = np.concatenate([later, first])
    target_slot, target_txn = _unique_pairs(slots, writes.txn_of[writes.writer[later]])
    written = np.unique(target_slot[target_slot < versions])
    written = written[_certainly_written(inferred, written)]
    fans = Fans(
        source_slot=np.concatenate([readers[0], written]).astype(np.int32),
        source_txn=np.concatenate([readers[1], writes.txn_of[writes.writer[written]]]),
        source_kind=np.repeat(
            np.array([RW, WW_INFERRED], np.uint8), [len(readers[0]), len(written)]
        ),
        target_slot=target_slot,
        target_txn=target_txn,
        slot_key=np.concatenate([columns.version_key, np.arange(keys, dtype=np.int32)]),
    )
    link_fans(edges, fans, engine(steps_of(columns)))
    _link_assumed(inferred, edges, assumed, cyclic)
    # What is cyclic without assumptions is a cycle of transactions, and reported as that.
    if len(cyclic):
        cyclic = cyclic[~np.isin(cyclic, _cyclic_keys(columns, replaced.slot, replaced.version))]
    return replace(
        inferred,
        cyclic=tuple(map(int, cyclic)),
        graph=edges.graph(len(columns.index)),
    )


def _certainly_written(inferred: Inferred, version: Int32s) -> Bools:
    """Of which versions there is a known writer that took effect."""
    writer = inferred.writes.writer[version]
    committed = inferred.committed[inferred.writes.txn_of[writer]] == 1
    certain: Bools = (writer >= 0) & committed & (inferred.writes.repeated[version] == 0)
    return certain


def _by_one_writer(inferred: Inferred, slots: Int32s, later: Int32s) -> Bools:
    """Where a version comes before another of the same transaction: it was an intermediate one."""
    writer, txn_of = inferred.writes.writer, inferred.writes.txn_of
    versions = len(writer)
    earlier = np.append(writer, np.full(len(inferred.columns.keys), -1, dtype=np.int32))[slots]
    same: Bools = (earlier >= 0) & (slots < versions)
    same &= txn_of[earlier] == txn_of[writer[later]]
    return same


def _without_predecessor(inferred: Inferred, later: Int32s) -> Int32s:
    """The versions certainly installed of which nothing earlier is known but the initial state."""
    columns, writes = inferred.columns, inferred.writes
    final = np.flatnonzero((columns.f == WRITE) & (writes.final == 1))
    final = final[inferred.committed[writes.txn_of[final]] == 1]
    version = columns.argument[final]
    known = np.zeros(len(columns.values), dtype=np.bool_)
    known[later] = True
    usable = ~known[version] & (writes.repeated[version] == 0) & (writes.writer[version] == final)
    first: Int32s = version[usable].astype(np.int32)
    return first


def _unique_pairs(slot: Int32s, txn: Int32s) -> tuple[Int32s, Int32s]:
    if not len(slot):
        return slot.astype(np.int32), txn.astype(np.int32)
    joint = np.unique(slot.astype(np.int64) << 32 | txn)
    return (joint >> 32).astype(np.int32), (joint & 0xFFFFFFFF).astype(np.int32)


def _cyclic_keys(columns: TxnColumns, slots: Int32s, later: Int32s) -> Int32s:
    """Keys one of whose versions comes before itself, the initial state being first."""
    versions, keys = len(columns.values), len(columns.keys)
    found, component = components(versions + keys, slots, later)
    into_initial = later >= versions
    if found == versions + keys and not into_initial.any():
        return _NO_KEYS
    bad = (component[slots] == component[later]) | into_initial
    key_of_slot = np.concatenate([columns.version_key, np.arange(keys, dtype=np.int32)])
    keys_of: Int32s = np.unique(key_of_slot[later[bad]]).astype(np.int32)
    return keys_of


def _assumed(inferred: Inferred, options: RegisterOptions) -> _Successions:
    """Successions by the order of processes and of real time on each key by itself."""
    pairs: dict[tuple[int, int], None] = {}
    if options.sequential_keys or options.linearizable_keys:
        pairs.update(dict.fromkeys(_by_process(inferred)))
    if options.linearizable_keys:
        pairs.update(dict.fromkeys(_by_real_time(inferred)))
    whole = np.array(list(pairs), dtype=np.int32).reshape(-1, 2)
    return _Successions(whole[:, 0], whole[:, 1])


@dataclass(frozen=True, slots=True)
class _Touch:
    """A transaction's first and last slot of one key."""

    txn: int
    key: int
    first: int
    last: int


def _touches(inferred: Inferred) -> Iterator[_Touch]:
    """In the order of transactions."""
    columns, writes = inferred.columns, inferred.writes
    versions = len(columns.values)
    for txn in np.flatnonzero(inferred.committed):
        ends: dict[int, list[int]] = {}
        for m in range(int(columns.offset[txn]), int(columns.offset[txn + 1])):
            key = int(columns.key[m])
            if columns.f[m] == WRITE:
                if writes.final[m]:
                    ends.setdefault(key, []).append(int(columns.argument[m]))
            elif columns.outcome[txn] == OK and inferred.external[m]:
                start = columns.seen_offset[m]
                empty = columns.seen_offset[m + 1] == start
                ends.setdefault(key, []).append(
                    versions + key if empty else int(columns.seen[start])
                )
        for key, slots in ends.items():
            yield _Touch(int(txn), key, slots[0], slots[-1])


def _by_process(inferred: Inferred) -> Iterator[tuple[int, int]]:
    process = made_dense(inferred.columns.process)
    latest: dict[tuple[int, int], int] = {}
    for touch in _touches(inferred):
        place = int(process[touch.txn]), touch.key
        before = latest.get(place, touch.first)
        latest[place] = touch.last
        if before != touch.first:
            yield before, touch.first


def _by_real_time(inferred: Inferred) -> Iterator[tuple[int, int]]:
    """Per key the transitive reduction of who ended before who began."""
    invoked, completed = inferred.columns.invoked, inferred.columns.completed
    waiting: dict[int, list[_Touch]] = {}
    frontier: dict[int, list[_Touch]] = {}
    for touch in _touches(inferred):
        began = invoked[touch.txn]
        running = waiting.setdefault(touch.key, [])
        done = [each for each in running if completed[each.txn] < began]
        if done:
            # Whoever ended before one of these began is before it, and so before us.
            newest = max(invoked[each.txn] for each in done)
            kept = frontier.get(touch.key, [])
            frontier[touch.key] = [each for each in kept + done if completed[each.txn] >= newest]
            waiting[touch.key] = [each for each in running if completed[each.txn] >= began]
        for slot in dict.fromkeys(each.last for each in frontier.get(touch.key, ())):
            if slot != touch.first:
                yield slot, touch.first
        if completed[touch.txn] != FOREVER:
            waiting[touch.key].append(touch)


def _link_assumed(inferred: Inferred, edges: Edges, assumed: _Successions, cyclic: Int32s) -> None:
    """ww edges for successions that rest on the options."""
    columns, writes = inferred.columns, inferred.writes
    between = (assumed.slot < len(columns.values)) & (assumed.version < len(columns.values))
    slot, later = assumed.slot[between], assumed.version[between]
    keep = _certainly_written(inferred, slot) & _certainly_written(inferred, later)
    keep &= ~np.isin(columns.version_key[slot], cyclic)
    slot, later = slot[keep], later[keep]
    src: Int32s = writes.txn_of[writes.writer[slot]]
    dst: Int32s = writes.txn_of[writes.writer[later]]
    usable = src != dst
    count = int(np.count_nonzero(usable))
    edges.reserve(count)
    span = slice(edges.count, edges.count + count)
    edges.src[span], edges.dst[span] = src[usable], dst[usable]
    edges.kind[span], edges.key[span] = WW, columns.version_key[slot[usable]]
    edges.count += count
