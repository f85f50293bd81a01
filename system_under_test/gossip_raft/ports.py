"""What a host needs of the world: three ports, each with a live and a simulated side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from system_under_test.gossip_raft.core.messages import Message
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.trace import TraceEvent
from system_under_test.gossip_raft.core.types import DurableState, Nanos


class DamagedStorage(Exception):
    """What was durable fails its checksums: whoever serves from it forgets what it promised.

    Attributes:
        sound: What stands before the damage.
    """

    def __init__(self, problem: str, sound: DurableState) -> None:
        super().__init__(problem)
        self.sound = sound


class SyncFailed(Exception):
    """What was to be written may or may not be on disk, and a second try may lie about it."""


class Clock(Protocol):
    """Monotonic time of one node."""

    def now(self) -> Nanos: ...

    def wake_at(self, time: Nanos, wake: Callable[[], None]) -> None:
        """Call ``wake`` once at ``time``; a later call replaces an earlier one."""


class Network(Protocol):
    """Best effort: may lose, delay, repeat and reorder.  Never blocks, never raises."""

    def send(self, message: Message) -> None: ...


class Storage(Protocol):
    """Stable storage of one node."""

    def load(self) -> DurableState:
        """
        Raises:
            DamagedStorage: The node must not start (PROTOCOL rule 12).
        """

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        """Write, and call ``durable`` once everything written survives a power loss.

        One at a time: the host does not call again before ``durable`` came.  On an
        error ``durable`` never comes and the node stops: a failed fsync is not retried.

        Raises:
            SyncFailed: Such an error is known at once; some storages tell it in other ways.
        """


class Recorder(Protocol):
    """Where trace events go; they outlive the death of the process."""

    def record(self, events: tuple[TraceEvent, ...]) -> None: ...
