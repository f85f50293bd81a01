"""What can go wrong with disks, and with machines that lose their power."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from nemesis.faults.base import NodeFault
from nemesis.target import describe_target
from system_under_test.control import DiskFaulty, Killable
from system_under_test.gossip_raft.core.types import Nanos, NodeId


class _DiskFaultyKillable(DiskFaulty, Killable, Protocol): ...


class DiskFault(NodeFault, frozen=True):
    """Undone by repairing the disks, and a new start where it has ended the process."""

    needs = (DiskFaulty, Killable)

    async def undo(self, nodes: Sequence[NodeId], system: _DiskFaultyKillable) -> str:
        for node in nodes:
            await system.repair_disk(node)
            await system.start(node)
        return f"repaired and started {', '.join(nodes)}"


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


class FillDisk(DiskFault, frozen=True, tag="fill-disk"):
    """No room is left on the target's disks."""

    def describe(self) -> str:
        return f"fill the disk of {describe_target(self.target)}"

    async def do(self, node: NodeId, system: DiskFaulty) -> str:
        await system.fill_disk(node)
        return ""


class SlowDisk(DiskFault, frozen=True, tag="slow-disk"):
    """Every sync of the target takes so much longer."""

    latency_ns: Nanos

    def __post_init__(self) -> None:
        if self.latency_ns <= 0:
            raise ValueError(f"latency_ns: {self.latency_ns} is not above 0")

    def describe(self) -> str:
        return f"slow the disk of {describe_target(self.target)} by {self._span()}"

    async def do(self, node: NodeId, system: DiskFaulty) -> str:
        await system.slow_disk(node, self.latency_ns)
        return self._span()

    def _span(self) -> str:
        return f"{self.latency_ns / 1e6:g} ms"


class ReadOnlyDisk(DiskFault, frozen=True, tag="read-only-disk"):
    """The target's next write fails, and it stops."""

    silences = True

    def describe(self) -> str:
        return f"make the disk of {describe_target(self.target)} read-only"

    async def do(self, node: NodeId, system: DiskFaulty) -> str:
        await system.make_read_only(node)
        return ""


class FailSync(DiskFault, frozen=True, tag="fail-sync"):
    """The target's next sync fails, and it stops."""

    silences = True

    def describe(self) -> str:
        return f"fail the next sync of {describe_target(self.target)}"

    async def do(self, node: NodeId, system: DiskFaulty) -> str:
        await system.fail_sync(node)
        return ""


AnyDiskFault: TypeAlias = (
    LosePower | FlipBit | LoseDisk | FillDisk | SlowDisk | ReadOnlyDisk | FailSync
)
