"""The faults of processes and machines, for a cluster whose nodes can be told to suffer."""

from __future__ import annotations

import random
from abc import abstractmethod
from pathlib import Path
from typing import Final

from system_under_test.control import Moment
from system_under_test.gossip_raft.core.membership import obstacle_to_loss
from system_under_test.gossip_raft.core.messages import Status
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.runtime import damage
from system_under_test.gossip_raft.runtime.cluster import ClusterProcesses
from system_under_test.machine import ClockCondition, DiskCondition


class Troubled:
    """``Skewable``, ``DiskFaulty`` and ``Crashable`` by ``_processes``, which whoever inherits
    this sets; what is to be damaged on disk is damaged while the node does not run.
    """

    _processes: ClusterProcesses

    def __init__(self, rng: random.Random) -> None:
        """``rng`` draws what is damaged."""
        self._damage_rng: Final = rng
        self._hurt: set[NodeId] = set()
        """Whose disk is lost or damaged, and who has not been started since."""

    @abstractmethod
    async def kill(self, node: NodeId) -> None: ...

    @abstractmethod
    async def statuses(self) -> dict[NodeId, Status]: ...

    # --- clocks ----------------------------------------------------------------

    async def impose_on_clock(self, node: NodeId, condition: ClockCondition) -> None:
        await self._processes.nodes[node].impose(condition)

    async def lift_from_clock(self, node: NodeId, condition: ClockCondition) -> None:
        await self._processes.nodes[node].lift(condition)

    async def clock_off_ns(self, node: NodeId) -> int:
        """By how much the clock of ``node``, which runs, is ahead."""
        return await self._processes.nodes[node].clock_off_ns()

    async def heal_clock(self, node: NodeId) -> None:
        await self._processes.nodes[node].heal_clock()

    # --- disks -----------------------------------------------------------------

    async def impose_on_disk(self, node: NodeId, condition: DiskCondition) -> None:
        await self._processes.nodes[node].impose(condition)

    async def lift_from_disk(self, node: NodeId, condition: DiskCondition) -> None:
        await self._processes.nodes[node].lift(condition)

    async def repair_disk(self, node: NodeId) -> None:
        await self._processes.nodes[node].repair_disk()

    async def lose_power(self, node: NodeId, *, torn: bool) -> None:
        await self._processes.nodes[node].lose_power(torn=torn)
        await self.kill(node)

    async def tear_log(self, node: NodeId) -> str:
        await self.kill(node)
        return damage.tear_log(self._directory(node), self._damage_rng)

    async def flip_bit(self, node: NodeId) -> str:
        if (obstacle := await self._obstacle(node, stays=True)) is not None:
            return obstacle
        await self.kill(node)
        self._hurt.add(node)
        return damage.flip_bit(self._directory(node), self._damage_rng)

    async def lose_disk(self, node: NodeId) -> str:
        if (obstacle := await self._obstacle(node, stays=True)) is not None:
            return obstacle
        await self.kill(node)
        self._hurt.add(node)
        return damage.lose_disk(self._directory(node))

    # --- failpoints ------------------------------------------------------------

    async def crash_at(self, node: NodeId, moment: Moment, count: int) -> None:
        await self._processes.nodes[node].crash_at(moment, count)

    async def let_live(self, node: NodeId) -> None:
        await self._processes.nodes[node].let_live()

    def _directory(self, node: NodeId) -> Path:
        return self._processes.nodes[node].spec.directory

    async def _obstacle(self, node: NodeId, *, stays: bool) -> str | None:
        """Why ``node`` must not lose its disk (``stays``) or its membership."""
        statuses = await self.statuses()
        sound = [
            other
            for other, status in statuses.items()
            if other not in self._hurt and not _recovers(other, status)
        ]
        memberships = [status.membership for status in statuses.values()]
        return obstacle_to_loss(node, memberships, sound, stays=stays)


def _recovers(node: NodeId, status: Status) -> bool:
    return any(record.node == node and record.recovering for record in status.records)
