"""What can go wrong with disks, and with machines that lose their power."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from nemesis.faults.base import NodeFault
from nemesis.target import describe_target
from system_under_test import machine
from system_under_test.control import DiskFaulty, Killable
from system_under_test.gossip_raft.core.types import Nanos, NodeId


class _DiskFaultyKillable(DiskFaulty, Killable, Protocol): ...


class DiskFault(NodeFault, frozen=True):
    """Undone by a new start, as it has ended the process."""

    needs = (DiskFaulty, Killable)

    async def undo(self, nodes: Sequence[NodeId], system: _DiskFaultyKillable) -> str:
        await system.start(*nodes)
        return f"started {', '.join(nodes)} again"


class LosePower(DiskFault, frozen=True, tag="lose-power"):
    """The target's machines go down at once: what was not synced is lost, or torn."""

    torn: bool = False

    silences = True

    def describe(self) -> str:
        tearing = ", tearing its last write" * self.torn
        return f"cut the power of {describe_target(self.target)}{tearing}"

    async def do(self, node: NodeId, system: DiskFaulty) -> str:
        await system.lose_power(node, torn=self.torn)
        return ""


class FlipBit(DiskFault, frozen=True, tag="flip-bit"):
    """Kill the target and damage something that it had durable.  Started again it finds the
    damage and is rebuilt from the others."""

    silences = True

    def describe(self) -> str:
        return f"flip a bit on the disk of {describe_target(self.target)}"

    async def do(self, node: NodeId, system: DiskFaulty) -> str:
        return await system.flip_bit(node)


class LoseDisk(DiskFault, frozen=True, tag="lose-disk"):
    """Kill the target and delete all that it had on disk.  Rebuilt likewise."""

    silences = True

    def describe(self) -> str:
        return f"lose the disk of {describe_target(self.target)}"

    async def do(self, node: NodeId, system: DiskFaulty) -> str:
        return await system.lose_disk(node)


class TearLog(DiskFault, frozen=True, tag="tear-log"):
    """Kill the target amid a write: its log ends in a part of a record.  It cuts that off; cutting
    off more, which it had promised to keep, no Raft survives."""

    silences = True

    def describe(self) -> str:
        return f"tear the end of the log of {describe_target(self.target)}"

    async def do(self, node: NodeId, system: DiskFaulty) -> str:
        return await system.tear_log(node)


class DiskTrouble(DiskFault, frozen=True):
    """A condition of the target's disks; undone by lifting it, and a new start if it has ended
    the process."""

    def condition(self) -> machine.DiskCondition:
        raise NotImplementedError

    async def do(self, node: NodeId, system: DiskFaulty) -> str:
        await system.impose_on_disk(node, self.condition())
        return ""

    async def undo(self, nodes: Sequence[NodeId], system: _DiskFaultyKillable) -> str:
        for node in nodes:
            if self.silences:  # It may be about to end, or not to have come to it.
                await system.kill(node)
            await system.lift_from_disk(node, self.condition())
        await system.start(*nodes)
        return f"repaired the disk of {', '.join(nodes)}"


class FillDisk(DiskTrouble, frozen=True, tag="fill-disk"):
    """No room is left on the target's disks."""

    def describe(self) -> str:
        return f"fill the disk of {describe_target(self.target)}"

    def condition(self) -> machine.Full:
        return machine.Full()


class SlowDisk(DiskTrouble, frozen=True, tag="slow-disk"):
    """Every sync of the target takes so much longer."""

    latency_ns: Nanos

    def __post_init__(self) -> None:
        self.condition()

    def describe(self) -> str:
        return f"slow the disk of {describe_target(self.target)} by {self._span()}"

    def condition(self) -> machine.SlowToSync:
        return machine.SlowToSync(self.latency_ns)

    async def do(self, node: NodeId, system: DiskFaulty) -> str:
        await system.impose_on_disk(node, self.condition())
        return self._span()

    def _span(self) -> str:
        return f"{self.latency_ns / 1e6:g} ms"


class ReadOnlyDisk(DiskTrouble, frozen=True, tag="read-only-disk"):
    """The target's next write fails, and it stops."""

    silences = True

    def describe(self) -> str:
        return f"make the disk of {describe_target(self.target)} read-only"

    def condition(self) -> machine.ReadOnly:
        return machine.ReadOnly()


class FailSync(DiskTrouble, frozen=True, tag="fail-sync"):
    """The target's next sync fails, and it stops."""

    silences = True

    def describe(self) -> str:
        return f"fail the next sync of {describe_target(self.target)}"

    def condition(self) -> machine.FailingSync:
        return machine.FailingSync()


AnyDiskFault: TypeAlias = (
    LosePower | FlipBit | LoseDisk | TearLog | FillDisk | SlowDisk | ReadOnlyDisk | FailSync
)
