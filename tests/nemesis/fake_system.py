"""Systems that only remember what was done to them."""

from __future__ import annotations

from collections.abc import Collection

from system_under_test.control import Link
from system_under_test.gossip_raft.core.types import Nanos, NodeId


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
        self.cuts: frozenset[Link] = frozenset()
        self.delays: dict[Link, tuple[Nanos, Nanos]] = {}
        self.removed: set[NodeId] = set()
        self.resets: list[frozenset[Link]] = []

    @property
    def healthy(self) -> bool:
        return not (self.dead or self.paused or self.cuts or self.delays or self.removed)

    async def kill(self, node: NodeId) -> None:
        self.note(f"kill {node}")
        self.dead.add(node)

    async def start(self, node: NodeId) -> None:
        self.note(f"start {node}")
        self.dead.discard(node)

    async def pause(self, node: NodeId) -> None:
        self.note(f"pause {node}")
        self.paused.add(node)

    async def resume(self, node: NodeId) -> None:
        self.note(f"resume {node}")
        self.paused.discard(node)

    async def cut(self, links: Collection[Link]) -> None:
        self.note("cut")
        self.cuts |= frozenset(links)

    async def reset(self, links: Collection[Link]) -> None:
        self.note("reset")
        self.resets.append(frozenset(links))

    async def delay(self, links: Collection[Link], latency: Nanos, jitter: Nanos) -> None:
        self.note("delay")
        self.delays |= dict.fromkeys(links, (latency, jitter))

    async def heal(self) -> str:
        self.note("heal")
        self.cuts = frozenset()
        self.delays = {}
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
