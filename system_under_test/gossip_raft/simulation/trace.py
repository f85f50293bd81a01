"""What the nodes of a simulated world record, kept in memory."""

from __future__ import annotations

from system_under_test.gossip_raft.core.trace import TraceEvent
from system_under_test.gossip_raft.core.types import Nanos
from system_under_test.gossip_raft.simulation.scheduler import Scheduler


class NodeTrace:
    """One node's events over all its lives, in its own order, with the world's time."""

    __slots__ = ("_scheduler", "events")

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self.events: list[tuple[Nanos, TraceEvent]] = []

    def record(self, events: tuple[TraceEvent, ...]) -> None:
        at = self._scheduler.now
        self.events.extend([(at, event) for event in events])
