"""Systems that only remember what was done to them."""

from __future__ import annotations

from collections.abc import Collection

from system_under_test.conditions import Condition, Cut
from system_under_test.control import Link
from system_under_test.gossip_raft.core.types import NodeId


def node_names(count: int) -> tuple[NodeId, ...]:
    return tuple(NodeId(f"n{i}") for i in range(count))


class BareSystem:
    """Suffers nothing."""

    def __init__(self, count: int = 3, leader: str | None = "n1") -> None:
        self._nodes = node_names(count)
        self._leader = None if leader is None else NodeId(leader)
        self.failing: frozenset[str] = frozenset()
        self.did: list[str] = []

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        return self._nodes

    async def leader(self) -> NodeId | None:
        return self._leader

    def note(self, what: str) -> None:
        self.did.append(what)
        if what in self.failing:
            raise RuntimeError(f"cannot {what}")


class FakeSystem(BareSystem):
    """Suffers everything, and shows its state."""

    def __init__(self, count: int = 3, leader: str | None = "n1") -> None:
        super().__init__(count, leader)
        self.dead: set[NodeId] = set()
        self.paused: set[NodeId] = set()
        self.imposed: list[tuple[Link, Condition]] = []
        self.removed: set[NodeId] = set()
        self.resets: list[frozenset[Link]] = []

    @property
    def healthy(self) -> bool:
        return not (self.dead or self.paused or self.imposed or self.removed)

    async def kill(self, node: NodeId) -> None:
        self.note(f"kill {node}")
        self.dead.add(node)

    async def start(self, *nodes: NodeId) -> None:
        for node in nodes:
            self.note(f"start {node}")
            self.dead.discard(node)

    async def pause(self, node: NodeId) -> None:
        self.note(f"pause {node}")
        self.paused.add(node)

    async def resume(self, node: NodeId) -> None:
        self.note(f"resume {node}")
        self.paused.discard(node)

    def cannot_suffer(self, condition: Condition) -> str | None:
        del condition
        return None

    @property
    def cuts(self) -> frozenset[Link]:
        return frozenset(link for link, condition in self.imposed if condition == Cut())

    async def impose(self, links: Collection[Link], condition: Condition) -> None:
        self.note("impose")
        self.imposed += [(link, condition) for link in sorted(links)]

    async def lift(self, links: Collection[Link], condition: Condition) -> str:
        self.note("lift")
        for link in links:
            if (link, condition) in self.imposed:
                self.imposed.remove((link, condition))
        return "dropped 812 bytes on 4 links"

    async def reset(self, links: Collection[Link]) -> str:
        self.note("reset")
        self.resets.append(frozenset(links))
        return "broke 3 connections"

    async def heal(self) -> str:
        self.note("heal")
        self.imposed = []
        return "dropped 812 bytes on 4 links"

    async def add(self, node: NodeId) -> str:
        self.note(f"add {node}")
        self.removed.discard(node)
        return f"{node} was added"

    async def remove(self, node: NodeId) -> str:
        self.note(f"remove {node}")
        self.removed.add(node)
        return f"{node} was removed"

    async def readmit(self, nodes: Collection[NodeId]) -> str:
        return "; ".join([await self.add(node) for node in nodes if node in self.removed])

    async def transfer(self, target: NodeId | None) -> str:
        self.note(f"transfer to {target}")
        self._leader = target
        return "leadership was handed over"
