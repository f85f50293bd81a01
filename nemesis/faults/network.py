"""What can go wrong on links: a shape, which is some links, and what is so on them.

Partitions are shapes of links between nodes only, mostly to be cut; what is imposed on a target
acts on all of its links, those of clients too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from enum import Enum
from typing import Final, TypeAlias

from nemesis import partition
from nemesis.faults.base import LinkFault, Scene
from nemesis.target import (
    All,
    AnyNode,
    Follower,
    Leader,
    Minority,
    Named,
    Resolved,
    Target,
    describe_target,
    minority_size,
)
from system_under_test.conditions import (
    Condition,
    Cut,
    Distribution,
    Flapping,
    Meddled,
    Meddling,
    Slow,
    Weather,
    describe_condition,
)
from system_under_test.control import CLIENTS, Link, Partitionable
from system_under_test.gossip_raft.core.types import Nanos, NodeId

CUT: Final = Cut()


class Imposed(LinkFault, frozen=True):
    """Something is so on some links.  Undone by lifting just that."""

    needs = (Partitionable,)

    @property
    def condition(self) -> Condition:
        """What is so."""
        raise NotImplementedError

    async def do(self, links: frozenset[Link], system: Partitionable) -> str:
        await system.impose(links, self.condition)
        return describe_condition(self.condition)

    async def undo(self, links: frozenset[Link], system: Partitionable) -> str:
        return await system.lift(links, self.condition)

    def unsuited(self, system: Partitionable) -> str | None:
        return system.cannot_suffer(self.condition)


class Partition(Imposed, frozen=True, kw_only=True, omit_defaults=True):
    """Some links between nodes are cut, silently; or something else is so there."""

    how: Condition = CUT

    @property
    def condition(self) -> Condition:
        return self.how

    async def do(self, links: frozenset[Link], system: Partitionable) -> str:
        said = await super().do(links, system)
        where = partition.describe_cuts(links)
        return where if self.how == CUT else f"{said}: {where}"

    def in_words(self, shape: str) -> str:
        return shape if self.how == CUT else f"{shape}; there {describe_condition(self.how)}"


class LeaderSide(Enum):
    """Where the leader is when a cluster is split; of an even split: the first half."""

    ANY = "any"
    MINORITY = "minority"
    MAJORITY = "majority"


class Isolate(Partition, frozen=True, tag="isolate"):
    """The target's nodes hear no other node and are heard by none."""

    target: Target

    silences = True

    def describe(self) -> str:
        return self.in_words(f"isolate {describe_target(self.target)}")

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        hit = scene.resolve(self.target)
        return hit, partition.isolate(scene.nodes, hit.nodes)


class Halves(Partition, frozen=True, tag="halves"):
    """Two random halves that do not hear each other."""

    leader_side: LeaderSide = LeaderSide.ANY

    def describe(self) -> str:
        if self.leader_side is LeaderSide.ANY:
            return self.in_words("split into halves")
        return self.in_words(f"split into halves, the leader in the {self.leader_side.value}")

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        order, note = _with_leader(_shuffled(scene), self.leader_side, scene.leader)
        smaller, larger = partition.halves(order)
        return Resolved(smaller, note), partition.between(smaller, larger)


class MajoritiesRing(Partition, frozen=True, tag="majorities-ring"):
    """Each node hears a majority, each another one.  Needs four nodes."""

    def describe(self) -> str:
        return self.in_words("a ring of overlapping majorities")

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        order = _shuffled(scene)
        return Resolved(tuple(order)), partition.majorities_ring(order)


class Bridge(Partition, frozen=True, tag="bridge"):
    """Two halves joined by one random node that hears all."""

    def describe(self) -> str:
        return self.in_words("two halves and a bridge")

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
        return self.in_words(f"cut the way from {source} to {dest}")

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        origin = scene.resolve(self.source)
        others = [node for node in scene.nodes if node not in origin.nodes]
        drawn = not isinstance(self.dest, Named | Leader | All)
        end = scene.resolve(self.dest, others if drawn else ())
        hit = min(origin, end, key=lambda resolved: len(resolved.nodes))
        return hit, partition.one_way(origin.nodes, end.nodes)


class Shun(Partition, frozen=True, tag="shun"):
    """The leader and the target's nodes do not hear each other; all others hear everybody.

    A ``target`` to be drawn at random is drawn from the nodes that do not lead.
    """

    target: Target

    def describe(self) -> str:
        return self.in_words(
            f"let the leader and {describe_target(self.target)} not hear each other"
        )

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        leader = scene.resolve(Leader())
        others = [node for node in scene.nodes if node not in leader.nodes]
        if isinstance(self.target, Minority):  # Of all nodes, not of the others alone.
            count = max(1, minority_size(len(scene.nodes)))
            hit = tuple(sorted(scene.rng.sample(others, count)))
        else:
            drawn = isinstance(self.target, Follower | AnyNode)
            hit = scene.resolve(self.target, others if drawn else ()).nodes
        return Resolved(hit, leader.note), partition.between(leader.nodes, hit)


class Sieve(Partition, frozen=True, tag="sieve"):
    """Every link between two nodes is cut with that probability, each direction by itself."""

    chance: float

    def __post_init__(self) -> None:
        if not 0 <= self.chance <= 1:
            raise ValueError(f"chance: {self.chance} is not in 0..1")

    def describe(self) -> str:
        return self.in_words(f"cut {self.chance:.0%} of all links")

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        pairs = [Link(a, b) for a in scene.nodes for b in scene.nodes if a != b]
        cut = frozenset(pair for pair in pairs if scene.rng.random() < self.chance)
        return Resolved(scene.nodes), cut


class NonTransitive(Partition, frozen=True, tag="non-transitive"):
    """Two random nodes do not hear each other; every other node hears both."""

    def describe(self) -> str:
        return self.in_words("two nodes that do not hear each other, while all others hear both")

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        order = _shuffled(scene)
        return Resolved(tuple(sorted(order[:2]))), partition.non_transitive(order)


class FlappingPrimary(LinkFault, frozen=True, tag="flapping-primary"):
    """The nodes are isolated by turns, so that the majority that hears itself is another one
    every ``period_ns``."""

    period_ns: Nanos

    needs = (Partitionable,)

    def __post_init__(self) -> None:
        Flapping(self.period_ns)

    def describe(self) -> str:
        return f"isolate all nodes by turns of {self.period_ns / 1e6:g} ms"

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        nodes = scene.nodes
        return Resolved(nodes), partition.isolate(nodes, nodes)

    async def do(self, links: frozenset[Link], system: Partitionable) -> str:
        for condition, part in self.parts(links):
            await system.impose(part, condition)
        return ""

    async def undo(self, links: frozenset[Link], system: Partitionable) -> str:
        return "; ".join([await system.lift(part, how) for how, part in self.parts(links)])

    def parts(self, links: frozenset[Link]) -> Iterator[tuple[Flapping, frozenset[Link]]]:
        """When which of them are cut."""
        nodes = sorted({link.source for link in links})
        for turn, node in enumerate(nodes):
            alone = partition.isolate([NodeId(other) for other in nodes], [NodeId(node)])
            yield Flapping(self.period_ns, turn, len(nodes)), alone


class SlowLinks(Imposed, frozen=True, tag="slow"):
    """All that the target's nodes send and hear takes longer."""

    target: Target
    latency_ns: Nanos
    jitter_ns: Nanos = Nanos(0)
    distribution: Distribution = Distribution.UNIFORM

    def __post_init__(self) -> None:
        _ = self.condition  # Which objects, if there is anything to object to.

    @property
    def condition(self) -> Slow:
        return Slow(self.latency_ns, self.jitter_ns, self.distribution)

    def describe(self) -> str:
        whom, span = describe_target(self.target), describe_condition(self.condition)
        return f"slow the links of {whom} by {span}"

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        hit = scene.resolve(self.target)
        return hit, _links_of(hit.nodes, scene.nodes)


class Impair(Imposed, frozen=True, tag="impair"):
    """It is so on all links from and to the target's nodes; those of clients too, unless it
    repeats requests, which their transport never does (law 2 of ``ClientSession``)."""

    target: Target
    what: Condition

    @property
    def condition(self) -> Condition:
        return self.what

    def describe(self) -> str:
        return f"{describe_condition(self.what)}, on the links of {describe_target(self.target)}"

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        hit = scene.resolve(self.target)
        return hit, _links_of(hit.nodes, scene.nodes, clients=not _repeats(self.what))


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
        return await system.reset(links)

    async def undo(self, links: frozenset[Link], system: Partitionable) -> str:
        del links, system
        return ""


class BadWeather(Imposed, frozen=True, tag="weather"):
    """On the target's links with other nodes messages are lost, repeated and overtaken, each
    with its probability."""

    target: Target
    loss: float = 0.0
    duplication: float = 0.0
    straggling: float = 0.0

    def __post_init__(self) -> None:
        _ = self.condition  # Which objects, if there is anything to object to.

    @property
    def condition(self) -> Weather:
        return Weather(self.loss, self.duplication, self.straggling)

    def describe(self) -> str:
        whom, chances = describe_target(self.target), describe_condition(self.condition)
        return f"bad weather around {whom}: {chances}"

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        hit = scene.resolve(self.target)
        return hit, _links_of(hit.nodes, scene.nodes, clients=False)


PartitionFault: TypeAlias = (
    Isolate | Halves | MajoritiesRing | Bridge | OneWay | Shun | Sieve | NonTransitive
)
NetworkFault: TypeAlias = (
    PartitionFault | FlappingPrimary | SlowLinks | Impair | ResetConnections | BadWeather
)


def _repeats(condition: Condition) -> bool:
    match condition:
        case Weather(duplication=share):
            return share > 0
        case Meddled(how=how):
            return how is Meddling.DUPLICATE
        case _:
            return False


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
