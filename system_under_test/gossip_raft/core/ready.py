"""The contract between a pure node and whatever runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from system_under_test.gossip_raft.core.messages import Message
from system_under_test.gossip_raft.core.trace import Persisted, TraceEvent
from system_under_test.gossip_raft.core.types import (
    DurableState,
    Entry,
    HardState,
    LogIndex,
    Nanos,
    Position,
    Snapshot,
)


class Record(NamedTuple):
    """Write these trace events before going on."""

    events: tuple[TraceEvent, ...]


@dataclass(frozen=True, slots=True)
class Persist:
    """Make all of it survive a power loss, atomically, before the next effect.

    In this order: drop entries from ``truncate_from`` on, replace the snapshot, drop
    the entries up to ``compact_to``, which is the log's new base, append ``entries``,
    replace the hard state.  A snapshot is durable before what it replaces is dropped.
    """

    hard: HardState
    truncate_from: LogIndex | None
    entries: tuple[Entry, ...]
    snapshot: Snapshot | None = None
    compact_to: Position | None = None

    def applied_to(self, state: DurableState) -> DurableState:
        """What is on disk afterwards: the meaning of all this."""
        base, log = state.base, state.log
        if self.truncate_from is not None:
            log = log[: self.truncate_from - base.index - 1]
        if self.compact_to is not None:
            log = log[self.compact_to.index - base.index :]
            base = self.compact_to
        snapshot = state.snapshot if self.snapshot is None else self.snapshot
        return DurableState(self.hard, log + self.entries, snapshot, base)


Effect: TypeAlias = Record | Persist | Message | Entry
"""A message is to be sent; an entry is to be applied with ``node.apply``."""


class Ready(NamedTuple):
    """What a node wants done, in the order of ``effects``:

    1. ``decided`` is recorded: what the node did in memory.
    2. ``persist`` reaches stable storage, and that is recorded.  The host then
       calls ``node.persisted()``; only now may the node count itself.
    3. ``told`` is recorded, then ``messages`` leave: an answer promises durability
       (Ongaro 2014, section 3.8).
    4. ``committed`` is applied, in index order.

    A crash between any two effects is legal and must be survivable; simulators
    use exactly these points.  ``wake_at`` is when ``tick`` is due next.
    """

    wake_at: Nanos
    decided: tuple[TraceEvent, ...] = ()
    persist: Persist | None = None
    persisted: Persisted | None = None
    told: tuple[TraceEvent, ...] = ()
    messages: tuple[Message, ...] = ()
    committed: tuple[Entry, ...] = ()

    @property
    def is_last(self) -> bool:
        """Whether nothing more comes until something enters: obeying it changes nothing."""
        return self.persist is None and not self.committed

    def __bool__(self) -> bool:
        return bool(self.decided or self.persist or self.told or self.messages or self.committed)

    def effects(self) -> list[Effect]:
        """The effects in contract order: the only place where it is written."""
        effects: list[Effect] = []
        if self.decided:
            effects.append(Record(self.decided))
        if self.persist is not None:
            assert self.persisted is not None
            effects += (self.persist, Record((self.persisted,)))
        if self.told:
            effects.append(Record(self.told))
        effects += self.messages
        effects += self.committed
        return effects
