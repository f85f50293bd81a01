"""The disk of one simulated machine: it outlives the lives of the node that writes to it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    DurableState,
    Entry,
    HardState,
    Position,
    Snapshot,
)
from system_under_test.gossip_raft.simulation.scheduler import Scheduler

MS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskOptions:
    """Attributes:
    sync_min_ns, sync_max_ns: What a write and its sync take.
    survives: How likely a write under way outlives a kill whole, in the page cache.
    torn: How likely else a part of it does; the rest is lost without a trace.
    """

    sync_min_ns: int = 200_000
    sync_max_ns: int = 3 * MS
    survives: float = 0.4
    torn: float = 0.3


class SimulatedDisk:
    """What is durable, as records: one for each ``Persist``, as in a write-ahead log.

    A write is durable when its sync completes, and not before.
    """

    def __init__(self, scheduler: Scheduler, rng: random.Random, options: DiskOptions) -> None:
        self._scheduler = scheduler
        self._rng = rng
        self._random = rng.random
        self._options = options
        self._hard = HardState()
        self._log: list[Entry] = []
        self._base: Position = ORIGIN
        self._snapshot: Snapshot | None = None
        self._writing: Persist | None = None
        self._writes = 0
        self.is_torn = False

    def load(self) -> DurableState:
        """What a node finds when it starts; a torn tail is cut off."""
        assert self._writing is None, "the life before has not ended"
        self.is_torn = False
        return DurableState(self._hard, tuple(self._log), self._snapshot, self._base)

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        assert self._writing is None, "the host persists one thing at a time"
        self._writing = persist
        self._writes += 1
        options = self._options
        span = options.sync_max_ns - options.sync_min_ns
        latency = options.sync_min_ns + int(span * self._random())
        scheduler = self._scheduler
        scheduler.at(scheduler.now + latency, self._synced, (self._writes, durable))

    def _synced(self, done: tuple[int, Callable[[], None]]) -> None:
        write, durable = done
        if write != self._writes or self._writing is None:
            return  # The machine went down meanwhile.
        persist, self._writing = self._writing, None
        self._keep(persist)
        durable()

    def _keep(self, persist: Persist) -> None:
        log = self._log
        if persist.truncate_from is not None:
            del log[persist.truncate_from - self._base.index - 1 :]
        if persist.snapshot is not None:
            self._snapshot = persist.snapshot
        if persist.compact_to is not None:
            del log[: persist.compact_to.index - self._base.index]
            self._base = persist.compact_to
        log.extend(persist.entries)
        self._hard = persist.hard

    # --- the end of a life -----------------------------------------------------------

    def process_killed(self) -> None:
        """What was being written may have reached the page cache: all, some or none of it."""
        self._end(self._options.survives)

    def power_lost(self) -> None:
        """What was being written is lost, though a part of it may be there."""
        self._end(0.0)

    def _end(self, survives: float) -> None:
        persist, self._writing = self._writing, None
        self._writes += 1
        if persist is None:
            return
        draw = self._random()
        if draw < survives:
            self._keep(persist)
        elif draw < survives + self._options.torn:
            self.is_torn = True
