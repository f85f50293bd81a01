"""The disk of one simulated machine: it outlives the lives of the node that writes to it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NoReturn

from system_under_test.gossip_raft.core.durable_log import (
    DamagedLog,
    Owner,
    Record,
    SnapshotName,
    anew,
    disk_lost,
    recover,
)
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    DurableState,
    Entry,
    HardState,
    Incarnation,
    NodeId,
    Snapshot,
)
from system_under_test.gossip_raft.ports import SyncFailed
from system_under_test.gossip_raft.simulation.scheduler import Scheduler
from system_under_test.machine import DiskCondition, FailingSync, Full, ReadOnly, SlowToSync

MS: Final = 1_000_000
RETRY_NS: Final = 500 * MS
"""Between two looks at whether a full disk has room again."""
REBUILT: Final = 1_000_000
"""By so much the incarnation grows when a disk is lost: no node starts that often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskOptions:
    """Attributes:
    sync_min_ns, sync_max_ns: What a write and its sync take.
    survives: How likely a write under way outlives a kill whole, in the page cache.
    torn: How likely else a part of it does; the rest is lost without a trace.
    hiccup, hiccup_max_ns: How likely a sync takes up to so much longer.
    """

    sync_min_ns: int = 200_000
    sync_max_ns: int = 3 * MS
    survives: float = 0.4
    torn: float = 0.3
    hiccup: float = 0.0
    hiccup_max_ns: int = 4_000 * MS


class SimulatedDisk:
    """What is durable, as records: one for each ``Persist``, as in a write-ahead log.

    1. A write is durable when its sync completes, and not before.
    2. What a node finds when it starts is decided by ``core.durable_log``, as for a live one.
    3. A write or sync that fails raises ``SyncFailed`` at once, and what it left is unknowable:
       all of it, or a hole where it should be, which looks like a torn tail until something
       is written after it.
    """

    def __init__(
        self, node: NodeId, scheduler: Scheduler, rng: random.Random, options: DiskOptions
    ) -> None:
        self._owner = Owner("simulated", node)
        self._scheduler = scheduler
        self._random = rng.random
        self._options = options
        self._records: list[Record | None] = []  # ``None`` where one is damaged.
        self._snapshot: Snapshot | None = None
        self._snapshot_is_damaged = False
        # What the records amount to while a node writes them.
        self._hard = HardState()
        self._log: list[Entry] = []
        self._base = ORIGIN
        self._writing: Persist | None = None
        self._writes = 0
        self._rebuilt = 0
        self._is_torn = False
        self._is_lost = False
        self._conditions: list[DiskCondition] = []
        self._slow_ns = 0
        self._is_read_only = False
        self._fails_next_sync = False
        self.is_full = False

    # --- the port, but for what a life adds ------------------------------------------------

    def open(self) -> str:
        """Before a life: cut a torn tail; if that does not do, begin anew as a node that knows
        that its disk is lost.  Says in words what was wrong, "" if nothing was."""
        assert self._writing is None, "the life before has not ended"
        problem = "the tail was torn" if self._is_torn else ""
        try:
            state = self._recovered()
        except DamagedLog as damaged:
            self._rebuilt += 1
            state = disk_lost(Incarnation(self._rebuilt * REBUILT))
            self._records = list(anew(self._owner, state, None))
            self._snapshot = None
            problem = f"record {damaged}; rebuilt from the others"
        self._is_torn = self._is_lost = self._snapshot_is_damaged = False
        self._hard, self._log, self._base = state.hard, list(state.log), state.base
        return problem

    def load(self) -> DurableState:
        """What the disk holds, now that it is open."""
        return self._recovered()

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        """
        Raises:
            SyncFailed: See law 3.
        """
        assert self._writing is None, "the host persists one thing at a time"
        if self._is_read_only or self._fails_next_sync:
            self._fail(persist)
        self._writing = persist
        self._writes += 1
        options, scheduler = self._options, self._scheduler
        span = options.sync_max_ns - options.sync_min_ns
        draw = self._random()
        latency = options.sync_min_ns + int(span * draw) + self._slow_ns
        if draw < options.hiccup:
            latency += int(options.hiccup_max_ns * self._random())
        scheduler.at(scheduler.now + latency, self._sync, (self._writes, durable))

    def _sync(self, done: tuple[int, Callable[[], None]]) -> None:
        write, durable = done
        persist = self._writing
        if write != self._writes or persist is None:
            return  # The process ended meanwhile.
        if self.is_full and persist.entries:
            # What little else there is goes into the ballast's place.
            self._scheduler.at(self._scheduler.now + RETRY_NS, self._sync, done)
        else:
            self._writing = None
            self._keep(persist)
            durable()

    def _fail(self, persist: Persist) -> NoReturn:
        self._fails_next_sync = False
        if self._is_read_only:
            raise SyncFailed("the disk is read-only")
        if self._random() < self._options.survives:
            self._keep(persist)
        else:
            self._records.append(None)
        raise SyncFailed("fdatasync failed")

    def _keep(self, persist: Persist) -> None:
        log = self._log
        if persist.truncate_from is not None:
            del log[persist.truncate_from - self._base.index - 1 :]
        self._hard = persist.hard
        if persist.snapshot is None and persist.compact_to is None:
            log.extend(persist.entries)
            self._records.append(persist)
            return
        if persist.compact_to is not None:
            del log[: persist.compact_to.index - self._base.index]
            self._base = persist.compact_to
        log.extend(persist.entries)
        if persist.snapshot is not None:
            self._snapshot = persist.snapshot
            self._snapshot_is_damaged = False
        name = None if self._snapshot is None else SnapshotName(self._snapshot.position.index, 0)
        state = DurableState(self._hard, tuple(log), base=self._base)
        self._records = list(anew(self._owner, state, name))

    # --- what ends a life ------------------------------------------------------------------

    def process_killed(self) -> None:
        """What was being written may have reached the page cache: all, some or none of it."""
        self._end(self._options.survives)

    def power_lost(self, *, torn: bool = False) -> None:
        """What was being written is lost, though a part of it may be there, or is if ``torn``."""
        if torn and self._writing is not None:
            self._is_torn = True
            self._writing = None
        self._end(0.0)

    def _end(self, survives: float) -> None:
        persist, self._writing = self._writing, None
        self._writes += 1
        if self._records and self._records[-1] is None:
            del self._records[-1]
            self._is_torn = True
        if persist is None:
            return
        draw = self._random()
        if draw < survives:
            self._keep(persist)
        elif draw < survives + self._options.torn:
            self._is_torn = True

    # --- faults ----------------------------------------------------------------------------

    @property
    def is_sound(self) -> bool:
        """Whether nothing that was durable is lost or damaged."""
        return not (self._is_lost or self._snapshot_is_damaged or None in self._records)

    def flip_bit(self) -> str:
        """Damage something that is durable; says what.

        Not the very last record: its loss cannot be told from a torn tail (``core.durable_log``,
        law 3), so no node can know that it has forgotten something.
        """
        parts = len(self._records) - 1 + (self._snapshot is not None)
        if parts <= 0:
            return "nothing that could be told from a torn tail"
        at = int(self._random() * parts)
        if at == len(self._records) - 1:
            self._snapshot_is_damaged = True
            return "a bit of the snapshot flipped"
        self._records[at] = None
        return f"a bit of record {at} of {len(self._records)} flipped"

    def lose(self, *, unnoticed: bool = False) -> None:
        """Everything on it is gone; the node will know, unless ``unnoticed``."""
        self._records, self._snapshot = [], None
        self._is_lost = not unnoticed

    def tear(self) -> None:
        """A write under way when the process was killed has left a part of it."""
        self._is_torn = True

    def impose(self, condition: DiskCondition) -> None:
        self._conditions.append(condition)
        self._fails_next_sync |= isinstance(condition, FailingSync)
        self._settle()

    def lift(self, condition: DiskCondition) -> None:
        """Of several that are equal, one; harmless if it does not hold."""
        if condition in self._conditions:
            self._conditions.remove(condition)
            self._fails_next_sync &= FailingSync() in self._conditions
            self._settle()

    def repair(self) -> None:
        """No condition holds any more; what is damaged stays so."""
        self._conditions.clear()
        self._fails_next_sync = False
        self._settle()

    def _settle(self) -> None:
        self._slow_ns = sum(c.latency_ns for c in self._conditions if isinstance(c, SlowToSync))
        self._is_read_only = ReadOnly() in self._conditions
        self.is_full = Full() in self._conditions

    # --- records ---------------------------------------------------------------------------

    def _recovered(self) -> DurableState:
        """Raises: DamagedLog."""
        if self._is_lost:
            raise DamagedLog(0, "the log is missing, but the node has run")
        recovered = recover(self._standing(), len(self._records))
        del self._records[recovered.end :]
        if recovered.owner is None:
            self._records.append(self._owner)
        snapshot = None if recovered.snapshot is None else self._snapshot
        if snapshot is not None and self._snapshot_is_damaged:
            raise DamagedLog(recovered.end, "the snapshot is damaged: its checksum is wrong")
        return replace(recovered.state, snapshot=snapshot)

    def _standing(self) -> Iterator[tuple[int, Record | None]]:
        yield from enumerate(self._records)
        if self._is_torn:
            yield len(self._records), None
