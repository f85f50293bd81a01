"""A system under test, as those see it who drive and break it.

Operations are coroutines that return when the change has really taken effect.
A simulated system completes them without suspending.  What a system can suffer
is said by the capabilities it implements, tested with ``isinstance``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from system_under_test.conditions import Condition
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.machine import ClockCondition, DiskCondition


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
class Chained(Protocol):
    """Nodes pull from each other, in chains that end at the leader."""

    async def sources(self) -> Mapping[NodeId, NodeId]:
        """Whom each node pulls from now, of those that say it."""


@runtime_checkable
class Killable(Protocol):
    async def kill(self, node: NodeId) -> None:
        """End the process at once (SIGKILL); returns when it is dead."""

    async def start(self, *nodes: NodeId) -> None:
        """Start them again on their data; returns when they serve.  Harmless if they run."""


@runtime_checkable
class Terminable(Protocol):
    async def terminate(self, node: NodeId) -> None:
        """Ask the process to end (SIGTERM); returns when it has, or was killed as it did not."""


@runtime_checkable
class Pausable(Protocol):
    async def pause(self, node: NodeId) -> None:
        """Stop the process from running (SIGSTOP); returns when it has stopped."""

    async def resume(self, node: NodeId) -> None:
        """Let it run again.  Harmless if it runs or is dead."""


@runtime_checkable
class Partitionable(Protocol):
    """Conditions add up; each holds until it is lifted, or all are healed."""

    def cannot_suffer(self, condition: Condition) -> str | None:
        """Why this condition cannot be imposed here; ``None`` if it can."""

    async def impose(self, links: Collection[Link], condition: Condition) -> None:
        """From now on it is so on ``links``."""

    async def lift(self, links: Collection[Link], condition: Condition) -> str:
        """Undo one ``impose`` of the same; nothing held back by a cut is ever delivered.

        Returns what happened on the links meanwhile: "dropped 812 bytes on 4 links".
        """

    async def reset(self, links: Collection[Link]) -> str:
        """Break the connections of ``links`` now, visibly; new ones may be made.

        Returns what it came to: "broke 3 connections".
        """

    async def heal(self) -> str:
        """Lift everything; returns what happened since the last heal."""


@runtime_checkable
class Reconfigurable(Protocol):
    """Operations answer in words what became of them: "n2 was removed", or why not."""

    async def add(self, node: NodeId) -> str:
        """Make ``node``, one of ``nodes`` that was removed, a member again."""

    async def remove(self, node: NodeId) -> str:
        """Let ``node`` belong to the cluster no more; its process goes on."""

    async def readmit(self, nodes: Collection[NodeId]) -> str:
        """Make a member again of each of ``nodes`` that is none; returns when there is no such
        node, as far as any that answers knows, or when that takes too long.  Says nothing if
        there was nothing to do."""

    async def transfer(self, target: NodeId | None) -> str:
        """Hand leadership to ``target``, or to whoever is best prepared."""


@runtime_checkable
class Skewable(Protocol):
    """Clocks of single machines can be made to lie."""

    async def impose_on_clock(self, node: NodeId, condition: ClockCondition) -> None:
        """From now on, besides what is wrong with it already, until its process ends or longer."""

    async def lift_from_clock(self, node: NodeId, condition: ClockCondition) -> None:
        """Of several that are equal, one.  Harmless if it does not hold."""

    async def heal_clock(self, node: NodeId) -> None:
        """Let it go on from where it is at the rate it began with."""


@runtime_checkable
class DiskFaulty(Protocol):
    """What a disk can do to a node; all of it needs ``Killable.start`` to come back.

    Operations that answer say in words what became of them.
    """

    async def impose_on_disk(self, node: NodeId, condition: DiskCondition) -> None:
        """From now on, besides what is wrong with it already, also when it is started anew."""

    async def lift_from_disk(self, node: NodeId, condition: DiskCondition) -> None:
        """Of several that are equal, one.  Harmless if it does not hold."""

    async def repair_disk(self, node: NodeId) -> None:
        """No condition holds any more; what is lost or damaged stays so."""

    async def lose_power(self, node: NodeId, *, torn: bool) -> None:
        """End the process at once, and lose all that was not synced; of what was being
        written a part may be there, and surely is if ``torn``."""

    async def tear_log(self, node: NodeId) -> str:
        """Kill it amid a write: its log ends in a part of a record, which it must cut off."""

    async def flip_bit(self, node: NodeId) -> str:
        """Kill it and damage something that was durable: it finds that out when it starts."""

    async def lose_disk(self, node: NodeId) -> str:
        """Kill it; all that it had on disk is gone, which it finds out when it starts."""


class Moment(Enum):
    """Where, among the effects of a node, it ends: right before the next one of these."""

    ANY = "any"
    PERSIST = "persist"
    PERSISTED = "persisted"
    """On disk, but nobody knows it yet, not even the node."""
    SEND = "send"


@runtime_checkable
class Crashable(Protocol):
    async def crash_at(self, node: NodeId, moment: Moment, count: int) -> None:
        """Let the process end by itself right before the ``count``-th such effect, from 1."""

    async def let_live(self, node: NodeId) -> None:
        """Take that back, if it did not come to it."""
