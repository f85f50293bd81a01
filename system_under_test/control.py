"""A system under test, as those see it who drive and break it.

Operations are coroutines that return when the change has really taken effect.
A simulated system completes them without suspending.  What a system can suffer
is said by the capabilities it implements, tested with ``isinstance``.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from system_under_test.gossip_raft.core.types import Nanos, NodeId


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """Everything that travels from ``source`` to ``target``: requests and replies.

    ``CLIENTS`` stands for all clients together.
    """

    source: str
    target: str


CLIENTS = "clients"


class SystemUnderTest(Protocol):
    @property
    def nodes(self) -> tuple[NodeId, ...]: ...

    async def leader(self) -> NodeId | None:
        """The node that most recently claimed leadership in the highest term, if any."""


@runtime_checkable
class Killable(Protocol):
    async def kill(self, node: NodeId) -> None:
        """End the process at once (SIGKILL); returns when it is dead."""

    async def start(self, node: NodeId) -> None:
        """Start it again on its data; returns when it serves.  Harmless if it runs."""


@runtime_checkable
class Pausable(Protocol):
    async def pause(self, node: NodeId) -> None:
        """Stop the process from running (SIGSTOP); returns when it has stopped."""

    async def resume(self, node: NodeId) -> None:
        """Let it run again.  Harmless if it runs or is dead."""


@runtime_checkable
class Partitionable(Protocol):
    async def cut(self, links: Collection[Link]) -> None:
        """Let nothing more pass on ``links``; silent: nobody is told (blackhole)."""

    async def reset(self, links: Collection[Link]) -> None:
        """Break the connections of ``links`` now, visibly; new ones may be made."""

    async def delay(self, links: Collection[Link], latency: Nanos, jitter: Nanos) -> None:
        """Hold back what passes on ``links`` for ``latency`` ± ``jitter`` nanoseconds."""

    async def heal(self) -> str:
        """Undo every cut and delay; nothing held back by a cut is ever delivered.

        Returns what the faults did since the last heal: "dropped 812 bytes on 4 links".
        """


@runtime_checkable
class Reconfigurable(Protocol):
    """Operations answer in words what became of them: "n2 was removed", or why not."""

    async def add(self, node: NodeId) -> str:
        """Make ``node``, one of ``nodes`` that was removed, a member again."""

    async def remove(self, node: NodeId) -> str:
        """Let ``node`` belong to the cluster no more; its process goes on."""

    async def transfer(self, target: NodeId | None) -> str:
        """Hand leadership to ``target``, or to whoever is best prepared."""
