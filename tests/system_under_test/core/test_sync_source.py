"""Chains of limited width and depth: they form, they heal, they never close to a circle."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from system_under_test.gossip_raft.core.messages import GossipRecord
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.sync_source import Chains, choose_within_limits
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    Incarnation,
    LogIndex,
    Nanos,
    NodeId,
    Position,
    Term,
)

LEADER = NodeId("n0")
MS = 1_000_000
Sources = dict[NodeId, NodeId | None]


def record(node: NodeId, index: int, source: NodeId | None) -> GossipRecord:
    return GossipRecord(
        node=node,
        incarnation=Incarnation(1),
        counter=1,
        term=Term(1),
        leader=LEADER,
        last=Position(Term(1), LogIndex(index)),
        commit=ORIGIN,
        source=source,
        unreachable=(),
    )


class Map:
    """A map of the whole cluster, and who can reach whom."""

    def __init__(
        self, sources: Sources, lasts: dict[NodeId, int], children: int | None, depth: int | None
    ) -> None:
        self.sources, self.lasts = sources, lasts
        self.members = tuple(sources)
        self.children, self.depth = children, depth
        self.reach = {node: set(self.members) for node in self.members}

        self.distances: dict[tuple[NodeId, NodeId], Nanos] = {}
        """By (who measured, to whom)."""

    def chains(self) -> Chains:
        return Chains(
            rules=Rules(),
            members=self.members,
            sources=self.sources,
            leader=LEADER,
            children_max=self.children,
            depth_max=self.depth,
        )

    def choice(self, node: NodeId) -> NodeId:
        usable = [
            record(other, self.lasts[other], self.sources[other])
            for other in self.members
            if other != node and (other == LEADER or other in self.reach[node])
        ]
        last = Position(Term(1), LogIndex(self.lasts[node]))
        distances = {to: took for (by, to), took in self.distances.items() if by == node}
        return choose_within_limits(self.chains(), node, last, usable, distances)

    def has_cycle(self) -> bool:
        return any(self.chains().passes(node, node) for node in self.members)


@st.composite
def maps(draw: st.DrawFn) -> Map:
    """Without a circle: everybody pulls from somebody earlier in some order, who is not
    behind, or from nobody."""
    size = draw(st.integers(4, 9))
    others = draw(st.permutations([NodeId(f"n{i}") for i in range(1, size)]))
    lasts = {LEADER: 9}
    sources: Sources = {LEADER: None}
    for at, node in enumerate(others):
        source = draw(st.sampled_from([None, LEADER, *others[:at]]))
        lasts[node] = draw(st.sampled_from([9, 9, 8])) if source is None else lasts[source]
        lasts[node] -= draw(st.sampled_from([0, 0, 0, 1]))
        sources[node] = source
    members = sorted(sources)
    map_ = Map(
        {node: sources[node] for node in members},
        lasts,
        draw(st.sampled_from([1, 2, None])),
        draw(st.sampled_from([None, 2, 4])),
    )
    for node in members:
        map_.reach[node] = set(draw(st.lists(st.sampled_from(members), max_size=size)))
        for other in draw(st.lists(st.sampled_from(members), max_size=size)):
            map_.distances[node, other] = Nanos(draw(st.sampled_from([1, 2, 5, 20])) * MS)
    return map_


@settings(max_examples=300, deadline=None)
@given(maps())
def test_if_all_choose_at_once_no_circle_forms(drawn: Map) -> None:
    assert not drawn.has_cycle()
    drawn.sources = {node: None if node == LEADER else drawn.choice(node) for node in drawn.members}
    assert not drawn.has_cycle()


@settings(max_examples=300, deadline=None)
@given(maps(), st.randoms(use_true_random=False))
def test_if_one_chooses_after_the_other_no_circle_forms(drawn: Map, rng: random.Random) -> None:
    for _ in range(30):
        node = rng.choice(drawn.members[1:])
        drawn.sources[node] = drawn.choice(node)
        assert not drawn.has_cycle()


@given(st.integers(2, 9), st.integers(1, 3), st.data())
def test_places_settle_whatever_the_round_trips_are(
    size: int, children: int, data: st.DataObject
) -> None:
    nodes = [NodeId(f"n{i}") for i in range(size)]
    sources: Sources = dict.fromkeys(nodes, LEADER)
    sources[LEADER] = None
    settled = Map(sources, dict.fromkeys(nodes, 5), children, None)
    for by in nodes:
        for to in nodes:
            settled.distances[by, to] = Nanos(data.draw(st.sampled_from([1, 3, 9, 27])) * MS)
    for _ in range(3 * size):
        for node in nodes[1:]:
            settled.sources[node] = settled.choice(node)
            assert not settled.has_cycle()
    assert all(settled.chains().place(node) is not None for node in nodes)
    assert all(settled.choice(node) == settled.sources[node] for node in nodes[1:])


def test_a_place_is_left_for_a_much_nearer_one_and_not_left_again_when_times_waver() -> None:
    a, b, c = (NodeId(f"n{i}") for i in range(1, 4))
    sources: Sources = {LEADER: None, a: LEADER, b: LEADER, c: a}
    two = Map(sources, dict.fromkeys(sources, 5), 2, None)
    moves = []
    for to_a, to_b in ((90, 60), (90, 46), (90, 44), (60, 60), (40, 60), (31, 60), (29, 60)):
        two.distances = {(c, a): Nanos(to_a * MS), (c, b): Nanos(to_b * MS)}
        two.sources[c] = two.choice(c)
        moves.append(two.sources[c])
    assert moves == [a, a, b, b, b, b, a]


@given(st.integers(2, 9), st.integers(1, 3), st.data())
def test_nodes_that_reach_each_other_settle_within_the_limits(
    size: int, children: int, data: st.DataObject
) -> None:
    nodes = [NodeId(f"n{i}") for i in range(size)]
    sources: Sources = dict.fromkeys(nodes, LEADER)  # All begin at the leader.
    sources[LEADER] = None
    settled = Map(sources, dict.fromkeys(nodes, 5), children, None)
    for _ in range(3 * size):
        node = data.draw(st.sampled_from(nodes[1:]))
        settled.sources[node] = settled.choice(node)
    for _ in range(size):
        for node in nodes[1:]:
            settled.sources[node] = settled.choice(node)
    assert all(len(settled.chains().children.get(node, [])) <= children for node in nodes)
    assert all(settled.chains().place(node) is not None for node in nodes)
    assert all(settled.choice(node) == settled.sources[node] for node in nodes[1:])


def test_a_chain_is_not_longer_than_allowed() -> None:
    a, b, c = NodeId("n1"), NodeId("n2"), NodeId("n3")
    full = Map({LEADER: None, a: LEADER, b: a, c: None}, dict.fromkeys([LEADER, a, b, c], 5), 1, 3)
    assert full.choice(c) == b
    full.depth = 2
    assert full.choice(c) == LEADER  # The limits give way: better that than no source.


def test_a_child_too_many_leaves_only_for_a_better_place() -> None:
    a, b = NodeId("n1"), NodeId("n2")
    two = Map({LEADER: None, a: LEADER, b: LEADER}, {LEADER: 5, a: 5, b: 5}, 1, None)
    assert two.choice(a) == LEADER
    assert two.choice(b) == a
    two.lasts[a] = 4
    assert two.choice(b) == LEADER
    two.lasts[a] = 5
    two.reach[b] = set()
    assert two.choice(b) == LEADER


def test_a_record_that_names_itself_as_source_harms_nobody() -> None:
    a, b = NodeId("n1"), NodeId("n2")
    odd = Map({LEADER: None, a: a, b: LEADER}, {LEADER: 5, a: 5, b: 5}, 1, None)
    assert odd.choice(b) == LEADER


def test_two_that_lose_their_sources_at_once_do_not_choose_each_other() -> None:
    a, b, x, y = (NodeId(f"n{i}") for i in range(1, 5))
    sources: Sources = {LEADER: None, a: LEADER, b: LEADER, x: a, y: b}
    both = Map(sources, dict.fromkeys(sources, 5), 2, None)
    both.reach[x], both.reach[y] = {y}, {x}
    assert (both.choice(x), both.choice(y)) == (LEADER, LEADER)
    # One of them has news for the other; that cannot be mutual.
    both.lasts[y] = 6
    assert (both.choice(x), both.choice(y)) == (y, LEADER)


def test_whoever_pulls_from_us_is_no_source_even_if_it_seems_ahead() -> None:
    a, b, c = (NodeId(f"n{i}") for i in range(1, 4))
    sources: Sources = {LEADER: None, a: LEADER, b: a, c: b}
    rolled_back = Map(sources, {LEADER: 5, a: 5, b: 4, c: 5}, 1, None)
    rolled_back.reach[b] = {c}
    assert rolled_back.choice(b) == LEADER
