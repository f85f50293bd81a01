"""What can go wrong on links.

Partitions cut links between nodes only; slowness and resets act on all links of a node, those
of clients too.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum
from typing import TypeAlias

from nemesis import partition
from nemesis.faults.base import LinkFault, Scene
from nemesis.target import (
    AnyNode,
    Follower,
    Leader,
    Minority,
    Resolved,
    Target,
    describe_target,
)
from system_under_test.control import CLIENTS, Link, Lossy, Partitionable
from system_under_test.gossip_raft.core.types import Nanos, NodeId


class Partition(LinkFault, frozen=True):
    """Some links between nodes are cut, silently.  Undone by healing."""

    needs = (Partitionable,)

    async def do(self, links: frozenset[Link], system: Partitionable) -> str:
        await system.cut(links)
        return partition.describe_cuts(links)


class LeaderSide(Enum):
    """Where the leader is when a cluster is split; of an even split: the first half."""

    ANY = "any"
    MINORITY = "minority"
    MAJORITY = "majority"


class Isolate(Partition, frozen=True, tag="isolate"):
    """The target's nodes hear no other node and are heard by none."""

    target: Target

    def describe(self) -> str:
        return f"isolate {describe_target(self.target)}"

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        hit = scene.resolve(self.target)
        return hit, partition.isolate(scene.nodes, hit.nodes)


class Halves(Partition, frozen=True, tag="halves"):
    """Two random halves that do not hear each other."""

    leader_side: LeaderSide = LeaderSide.ANY

    def describe(self) -> str:
        if self.leader_side is LeaderSide.ANY:
            return "split into halves"
        return f"split into halves, the leader in the {self.leader_side.value}"

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        order, note = _with_leader(_shuffled(scene), self.leader_side, scene.leader)
        smaller, larger = partition.halves(order)
        return Resolved(smaller, note), partition.between(smaller, larger)


class MajoritiesRing(Partition, frozen=True, tag="majorities-ring"):
    """Each node hears a majority, each another one.  Needs four nodes."""

    def describe(self) -> str:
        return "a ring of overlapping majorities"

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        order = _shuffled(scene)
        return Resolved(tuple(order)), partition.majorities_ring(order)


class Bridge(Partition, frozen=True, tag="bridge"):
    """Two halves joined by one random node that hears all."""

    def describe(self) -> str:
        return "two halves and a bridge"

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        order = _shuffled(scene)
        return Resolved((order[0],), "bridge"), partition.bridge(order)


class OneWay(Partition, frozen=True, tag="one-way"):
    """What ``source`` says does not reach ``dest``; what it hears does.

    A ``dest`` to be drawn at random is drawn from the nodes that are not ``source``.
    """

    source: Target
    dest: Target

    def describe(self) -> str:
        source, dest = describe_target(self.source), describe_target(self.dest)
        return f"cut the way from {source} to {dest}"

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        origin = scene.resolve(self.source)
        others = [node for node in scene.nodes if node not in origin.nodes]
        drawn = isinstance(self.dest, Follower | AnyNode | Minority)
        end = scene.resolve(self.dest, others if drawn else ())
        hit = min(origin, end, key=lambda resolved: len(resolved.nodes))
        return hit, partition.one_way(origin.nodes, end.nodes)


class Shun(Partition, frozen=True, tag="shun"):
    """The leader and the target's nodes do not hear each other; all others hear everybody.

    A ``target`` to be drawn at random is drawn from the nodes that do not lead.
    """

    target: Target

    def describe(self) -> str:
        return f"let the leader and {describe_target(self.target)} not hear each other"

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        leader = scene.resolve(Leader())
        others = [node for node in scene.nodes if node not in leader.nodes]
        drawn = isinstance(self.target, Follower | AnyNode | Minority)
        hit = scene.resolve(self.target, others if drawn else ())
        return Resolved(hit.nodes, leader.note), partition.between(leader.nodes, hit.nodes)


class Sieve(Partition, frozen=True, tag="sieve"):
    """Every link between two nodes is cut with that probability, each direction by itself."""

    chance: float

    def __post_init__(self) -> None:
        if not 0 <= self.chance <= 1:
            raise ValueError(f"chance: {self.chance} is not in 0..1")

    def describe(self) -> str:
        return f"cut {self.chance:.0%} of all links"

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        pairs = [Link(a, b) for a in scene.nodes for b in scene.nodes if a != b]
        return Resolved(()), frozenset(p for p in pairs if scene.rng.random() < self.chance)


class SlowLinks(LinkFault, frozen=True, tag="slow"):
    """All that the target's nodes send and hear takes longer.  Undone by healing."""

    target: Target
    latency_ns: Nanos
    jitter_ns: Nanos = Nanos(0)

    needs = (Partitionable,)

    def __post_init__(self) -> None:
        if self.latency_ns <= 0:
            raise ValueError(f"latency_ns: {self.latency_ns} is not above 0")
        if not 0 <= self.jitter_ns <= self.latency_ns:
            raise ValueError(f"jitter_ns: {self.jitter_ns} is not in 0..{self.latency_ns}")

    def describe(self) -> str:
        return f"slow the links of {describe_target(self.target)} by {self._span()}"

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        hit = scene.resolve(self.target)
        return hit, _links_of(hit.nodes, scene.nodes)

    async def do(self, links: frozenset[Link], system: Partitionable) -> str:
        await system.delay(links, self.latency_ns, self.jitter_ns)
        return self._span()

    def _span(self) -> str:
        return f"{self.latency_ns / 1e6:g} ± {self.jitter_ns / 1e6:g} ms"


class ResetConnections(LinkFault, frozen=True, tag="reset"):
    """Break all connections from and to the target's nodes once.  Nothing to undo."""

    target: Target

    needs = (Partitionable,)

    def describe(self) -> str:
        return f"reset the connections of {describe_target(self.target)}"

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        hit = scene.resolve(self.target)
        return hit, _links_of(hit.nodes, scene.nodes)

    async def do(self, links: frozenset[Link], system: Partitionable) -> str:
        await system.reset(links)
        return ""


class BadWeather(LinkFault, frozen=True, tag="weather"):
    """On the target's links with other nodes messages are lost, repeated and overtaken, each
    with its probability.  Undone by healing."""

    target: Target
    loss: float = 0.0
    duplication: float = 0.0
    straggling: float = 0.0

    needs = (Lossy, Partitionable)

    def __post_init__(self) -> None:
        for name in ("loss", "duplication", "straggling"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: {getattr(self, name)} is not in 0..1")

    def describe(self) -> str:
        return f"bad weather around {describe_target(self.target)}: {self._chances()}"

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        hit = scene.resolve(self.target)
        return hit, _links_of(hit.nodes, scene.nodes, clients=False)

    async def do(self, links: frozenset[Link], system: Lossy) -> str:
        await system.disturb(links, self.loss, self.duplication, self.straggling)
        return self._chances()

    def _chances(self) -> str:
        return f"{self.loss:.0%} lost, {self.duplication:.0%} twice, {self.straggling:.0%} late"


PartitionFault: TypeAlias = Isolate | Halves | MajoritiesRing | Bridge | OneWay | Shun | Sieve
NetworkFault: TypeAlias = PartitionFault | SlowLinks | ResetConnections | BadWeather


def _shuffled(scene: Scene) -> list[NodeId]:
    return scene.rng.sample(scene.nodes, len(scene.nodes))


def _with_leader(
    order: list[NodeId], side: LeaderSide, leader: NodeId | None
) -> tuple[list[NodeId], str]:
    """``order`` with the leader first (in the smaller half) or last (in the larger)."""
    if side is LeaderSide.ANY:
        return order, ""
    if leader is None:
        return order, "no leader known: random halves"
    others = [node for node in order if node != leader]
    if side is LeaderSide.MINORITY:
        return [leader, *others], "leader in the smaller half"
    return [*others, leader], "leader in the larger half"


def _links_of(
    hit: Collection[NodeId], nodes: Sequence[NodeId], *, clients: bool = True
) -> frozenset[Link]:
    """All links from and to ``hit``, those of ``clients`` too."""
    everyone = (*nodes, CLIENTS) if clients else tuple(nodes)
    return frozenset(
        link
        for node in hit
        for other in everyone
        if other != node
        for link in (Link(node, other), Link(other, node))
    )
