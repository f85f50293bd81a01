"""What all faults have in common: whom they hit, what that takes, how it is done and undone."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from msgspec import Struct

from nemesis.target import Resolved, Target, resolve
from system_under_test.control import Link
from system_under_test.gossip_raft.core.types import NodeId


@dataclass(frozen=True, slots=True)
class Scene:
    """What a fault finds when it begins: all nodes, who leads, who pulls from whom, and chance
    for what it leaves open."""

    nodes: tuple[NodeId, ...]
    leader: NodeId | None
    rng: random.Random
    sources: Mapping[NodeId, NodeId] = field(default_factory=dict)

    def resolve(self, target: Target, among: Sequence[NodeId] = ()) -> Resolved:
        """Whom ``target`` means now, of ``among`` if there is any, else of all nodes."""
        return resolve(target, among or self.nodes, self.leader, self.rng, self.sources)


class NodeFault(Struct, frozen=True, tag_field="kind"):
    """Hits the nodes of its target, one after the other.

    Attributes:
        needs: The capabilities that a system must have to suffer it, and to be rid of it.
        silences: While it holds the node serves nobody, or may cease to at any moment.
        removes: While it holds the node does not belong to the cluster.
        hits_stopped: It may hit a node whose process does not run, too.
    """

    needs: ClassVar[tuple[type, ...]]
    silences: ClassVar[bool] = False
    removes: ClassVar[bool] = False
    hits_stopped: ClassVar[bool] = False

    target: Target

    def describe(self) -> str:
        """In words, as planned: "kill the leader"."""
        raise NotImplementedError

    async def do(self, node: NodeId, system: Any) -> str:
        """Returns when it holds; in words what it came to, where that is more than its kind."""
        raise NotImplementedError

    async def undo(self, nodes: Sequence[NodeId], system: Any) -> str:
        """Returns when it holds no more, what was undone: "restarted n0"."""
        raise NotImplementedError


class LinkFault(Struct, frozen=True, tag_field="kind"):
    """Hits links.  ``needs`` and ``silences``: as of ``NodeFault``."""

    needs: ClassVar[tuple[type, ...]]
    silences: ClassVar[bool] = False

    def describe(self) -> str:
        """In words, as planned: "isolate the leader"."""
        raise NotImplementedError

    def aim(self, scene: Scene) -> tuple[Resolved, frozenset[Link]]:
        """The nodes it is aimed at, and the links that it hits."""
        raise NotImplementedError

    async def do(self, links: frozenset[Link], system: Any) -> str:
        """Returns when it holds; what it came to, in words."""
        raise NotImplementedError

    async def undo(self, links: frozenset[Link], system: Any) -> str:
        """Returns when it holds no more, what it did meanwhile: "dropped 812 bytes on 4 links"."""
        raise NotImplementedError

    def unsuited(self, system: Any) -> str | None:
        """Why ``system``, which has what it needs, cannot suffer it all the same."""
        del system
        return None
