"""Whom to pull from when a source may have only so many children and chains only such depth.

All of it is advice from the gossip map (PROTOCOL D3): a wrong choice costs time, never
the log, which any source leaves sound.  Laws, if all choose at once by one true map:

1. No cycle comes about: along every edge the source is not behind, and at equal positions
   it stands nearer to the leader.
2. A node keeps its place if it can, so that what has settled stays; it leaves it only for
   one that is as good and much nearer.
3. The limits give way to the need for a source: better a child too many than a node left
   behind.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from system_under_test.gossip_raft.core.messages import GossipRecord
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import Nanos, NodeId, Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Chains:
    """Who pulls from whom, as one node sees it.

    Attributes:
        members: In the order that all agree on: of too many children the last must go.
        sources: Whom each node that is not suspected pulls from; our own choice included.
        leader: The root, which pulls from nobody.
        children_max, depth_max: ``None`` means no limit; depth 1 is the leader's children.
        children: Who pulls from each node, in the order of ``members``.
    """

    rules: Rules
    members: tuple[NodeId, ...]
    sources: Mapping[NodeId, NodeId | None]
    leader: NodeId
    children_max: int | None
    depth_max: int | None
    children: Mapping[NodeId, list[NodeId]] = field(init=False)

    def __post_init__(self) -> None:
        children: dict[NodeId, list[NodeId]] = {}
        for member in self.members:
            source = self.sources.get(member)
            if source is not None and source != member:
                children.setdefault(source, []).append(member)
        object.__setattr__(self, "children", children)

    def has_room(self, node: NodeId, child: NodeId) -> bool:
        children = self.children.get(node, ())
        return self.rules.has_room_for_child(len(children) - (child in children), self.children_max)

    def place(self, node: NodeId) -> int | None:
        """How far below the leader; ``None`` unless every node on the way up has its place
        within the limits."""
        depth = 0
        while node != self.leader:
            source = self.sources.get(node)
            depth += 1
            if source in {None, node} or depth >= len(self.members):
                return None
            assert source is not None
            rank = self.children[source].index(node)
            if not self.rules.has_room_for_child(rank, self.children_max):
                return None
            node = source
        return depth if self.rules.may_chain_at(depth, self.depth_max) else None

    def passes(self, node: NodeId, by: NodeId) -> bool:
        """Whether ``node`` pulls from ``by``, directly or through others."""
        at: NodeId | None = node
        for _ in self.members:
            at = None if at is None else self.sources.get(at)
            if at == by:
                return True
        return False


def choose_within_limits(
    chains: Chains,
    own: NodeId,
    last: Position,
    usable: Collection[GossipRecord],
    distances: Mapping[NodeId, Nanos],
) -> NodeId:
    """The source for ``own``, whose log ends with ``last``; the leader is among ``usable``.

    The leader if it has room; else where we are, if that is a place within the limits, unless
    one as good is much nearer by ``distances``, the round trips that were measured; else the
    best place there is; else the leader all the same.  The fewer steps from the leader the
    better, then the nearer, then the fewer children.
    """
    leader, current = chains.leader, chains.sources.get(own)
    if chains.has_room(leader, own):
        return leader
    place = chains.place(own)
    records = {record.node: record for record in usable}
    best: tuple[int, int, int, int] | None = None
    chosen, stays = leader, False
    if current is not None and place is not None and current in records:
        stays = records[current].last >= last
    if current is not None and stays:
        chosen, to_beat = current, distances.get(current)
        much_nearer = chains.rules.is_much_nearer
        usable = [r for r in usable if much_nearer(distances.get(r.node), to_beat)]
    for record in usable:
        node, at = record.node, chains.place(record.node)
        if at is None or node == leader or chains.passes(node, own):
            continue
        if not chains.rules.may_chain_at(at + 1, chains.depth_max):
            continue
        if not chains.has_room(node, own):
            continue
        is_higher = place is None or at < place
        is_ahead = record.last > last and not stays
        if not (is_ahead or (record.last >= last and is_higher)):
            continue
        # In powers of two: where it hardly matters, the children do.
        distance = distances.get(node, Nanos(0)).bit_length()
        key = (at, distance, len(chains.children.get(node, ())), chains.members.index(node))
        if best is None or key < best:
            best, chosen = key, node
    return chosen
