"""Whom a fault hits: said in a schedule by role, resolved to nodes at fault time."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from msgspec import Struct

from nemesis.errors import UnknownNode
from system_under_test.gossip_raft.core.types import NodeId


class Named(Struct, frozen=True, tag_field="role", tag="named"):
    """These nodes, by name."""

    nodes: tuple[NodeId, ...]

    def __post_init__(self) -> None:
        if not self.nodes or len(frozenset(self.nodes)) < len(self.nodes):
            raise ValueError(f"nodes: {self.nodes!r} must name at least one node, each once")


class Leader(Struct, frozen=True, tag_field="role", tag="leader"):
    """The leader; if none is known, a random node."""


class Follower(Struct, frozen=True, tag_field="role", tag="follower"):
    """A random node that does not lead; if there is no other, the leader."""


class AnyNode(Struct, frozen=True, tag_field="role", tag="any"):
    """A random node, whatever its role."""


class Minority(Struct, frozen=True, tag_field="role", tag="minority"):
    """As many random nodes as the cluster can lose: (n - 1) // 2, but at least one."""


class All(Struct, frozen=True, tag_field="role", tag="all"):
    """Every node."""


class Puller(Struct, frozen=True, tag_field="role", tag="puller"):
    """A random node that pulls from the leader itself; if none is known, a follower."""


class Relay(Struct, frozen=True, tag_field="role", tag="relay"):
    """A random node that others pull from and that does not lead; if none is, a follower."""


class ChainEnd(Struct, frozen=True, tag_field="role", tag="chain-end"):
    """The node between which and the leader are most others; of several a random one."""


ChainRole: TypeAlias = Puller | Relay | ChainEnd
"""Who pulls from whom decides who that is."""
Target: TypeAlias = Named | Leader | Follower | AnyNode | Minority | All | ChainRole

NO_SOURCES: Final[Mapping[NodeId, NodeId]] = {}


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a target became.  ``note`` says why, where that is not obvious, else "".

    ``nodes`` is never empty and is in the cluster's order.
    """

    nodes: tuple[NodeId, ...]
    note: str = ""


def resolve(
    target: Target,
    nodes: Sequence[NodeId],
    leader: NodeId | None,
    rng: random.Random,
    sources: Mapping[NodeId, NodeId] = NO_SOURCES,
) -> Resolved:
    """The nodes that ``target`` stands for now.

    Deterministic given ``rng``.  Where a role has nobody, a random node stands in
    and the note says so.

    Args:
        target: Whom to find.
        nodes: Those that may be hit, at least one.
        leader: Who leads, if known.
        rng: Draws where the target leaves a choice.
        sources: Whom a node pulls from, of those of whom that is known.

    Raises:
        UnknownNode: A named node is not among ``nodes``.
    """
    assert nodes, "a cluster has at least one node"
    match target:
        case Named(nodes=named):
            for node in named:
                if node not in nodes:
                    raise UnknownNode(f"target names {node}; there are {', '.join(nodes)}")
            return _in_order(named, nodes)
        case Leader():
            if leader is None:
                return Resolved((rng.choice(nodes),), "no leader known: a random node")
            if leader not in nodes:
                return Resolved((rng.choice(nodes),), "the leader is not to be had: a random node")
            return Resolved((leader,), "leader")
        case Follower():
            return _follower(nodes, leader, rng)
        case Puller() | Relay() | ChainEnd():
            found, note = _in_chain(target, nodes, leader, sources)
            if not found:
                follower = _follower(nodes, leader, rng)
                return Resolved(follower.nodes, f"no {note}: a {follower.note}")
            return Resolved((rng.choice(found),), note)
        case AnyNode():
            return Resolved((rng.choice(nodes),))
        case Minority():
            return _in_order(rng.sample(nodes, max(1, minority_size(len(nodes)))), nodes)
        case All():
            return Resolved(tuple(nodes))
        case _:
            assert_never(target)


def minority_size(node_count: int) -> int:
    """How many of ``node_count`` nodes can fail while a majority is left."""
    return (node_count - 1) // 2


def describe_target(target: Target) -> str:
    """In words, as the object of a sentence: "the leader", "n0 and n2"."""
    match target:
        case Named(nodes=nodes):
            return " and ".join(nodes)
        case Leader():
            return "the leader"
        case Follower():
            return "a follower"
        case AnyNode():
            return "a random node"
        case Minority():
            return "a random minority"
        case All():
            return "all nodes"
        case Puller():
            return "a node that pulls from the leader"
        case Relay():
            return "a follower that others pull from"
        case ChainEnd():
            return "the end of the longest chain"
        case _:
            assert_never(target)


def _follower(nodes: Sequence[NodeId], leader: NodeId | None, rng: random.Random) -> Resolved:
    followers = [node for node in nodes if node != leader]
    if not followers:
        return Resolved(tuple(nodes), "there is only the leader")
    note = "no leader known: a random node" if leader is None else "follower"
    return Resolved((rng.choice(followers),), note)


def _in_chain(
    role: ChainRole,
    nodes: Sequence[NodeId],
    leader: NodeId | None,
    sources: Mapping[NodeId, NodeId],
) -> tuple[list[NodeId], str]:
    """Who of ``nodes`` has that role, and what it is called."""
    followers = [node for node in nodes if node != leader]
    match role:
        case Puller():
            return [n for n in followers if sources.get(n) == leader], "puller from the leader"
        case Relay():
            return [n for n in followers if n in sources.values()], "relay"
        case ChainEnd():
            length = {node: _chain_length(node, leader, sources) for node in followers}
            longest = max(length.values(), default=0)
            return [n for n in followers if longest and length[n] == longest], "chain end"
        case _:
            assert_never(role)


def _chain_length(node: NodeId, leader: NodeId | None, sources: Mapping[NodeId, NodeId]) -> int:
    """How many pulls lie between ``node`` and the leader; 0 if they do not lead there."""
    at: NodeId | None = node
    for length in range(1, len(sources) + 1):
        at = sources.get(at) if at is not None else None
        if at is not None and at == leader:
            return length
    return 0


def _in_order(chosen: Sequence[NodeId], nodes: Sequence[NodeId]) -> Resolved:
    return Resolved(tuple(node for node in nodes if node in chosen))
