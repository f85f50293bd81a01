"""Gossip in a small world: suspicion, fanout, and clusters that do without (PROTOCOL 3, 4)."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from system_under_test.gossip_raft.core.config import Heartbeats, Shape
from system_under_test.gossip_raft.core.messages import (
    Body,
    Heartbeat,
    Message,
    PullEntries,
    PutEntries,
    Results,
    Status,
)
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    Append,
    ClientId,
    Nanos,
    NodeId,
    RequestId,
    Session,
    Term,
)
from tests.system_under_test.core.campaign import Campaign
from tests.system_under_test.core.world import MS, World

PLAIN: dict[str, Any] = {"heartbeats": Heartbeats.PLAIN, "shape": Shape.STAR}


class Watched(World):
    """Notes everything that is sent between nodes."""

    sent: list[Message]

    def transmit(self, message: Message) -> None:
        self.__dict__.setdefault("sent", []).append(message)
        super().transmit(message)

    def during(self, milliseconds: int) -> list[Message]:
        self.sent = []
        self.run(milliseconds * MS)
        return self.sent


def settled(nodes: int, **options: Any) -> Watched:
    world = Watched(nodes, random.Random(1), Rules(), **options)
    world.run(3_000 * MS)
    return world


def statuses(world: World) -> dict[NodeId, Status]:
    return {node: life.host.node.status for node, life in world.lives.items() if life.alive}


def leader_of(world: World) -> NodeId:
    led = [(s.term, node) for node, s in statuses(world).items() if s.role == "leader"]
    return max(led)[1]


def write(world: World, count: int, every: int = 20) -> list[Body]:
    answers: list[Body] = []
    world.to_clients = lambda message: answers.append(message.body)
    leader = leader_of(world)
    for number in range(1, count + 1):
        put = PutEntries(Session(ClientId("c"), number), (Append("x", number),))
        world.transmit(Message("c", leader, RequestId(number), Term(0), (), put))
        world.run(every * MS)
    return answers


def everybody_applied_the_same(world: World) -> bool:
    return len({(s.last, s.commit, s.applied) for s in statuses(world).values()}) == 1


@pytest.mark.parametrize("nodes", range(3, 10))
@pytest.mark.parametrize("fanout", [1, 2, 4])
def test_a_round_of_gossip_costs_a_node_its_fanout_whatever_the_size(
    nodes: int, fanout: int
) -> None:
    world = settled(nodes, fanout=fanout)
    interval = world.config.heartbeat_interval_ns // MS
    sent = world.during(10 * interval)
    beats = Counter(m.source for m in sent if isinstance(m.body, Heartbeat))
    assert set(beats) == set(world.lives)
    assert max(beats.values()) <= 11 * min(fanout, nodes - 1)
    term = statuses(world)[leader_of(world)].term
    answers = write(world, 20)
    world.run(1_000 * MS)
    assert sum(isinstance(answer, Results) for answer in answers) == 20
    assert everybody_applied_the_same(world)
    if fanout > 1:  # With one, news takes long enough for a needless election now and then.
        assert statuses(world)[leader_of(world)].term == term


def test_a_silent_node_is_suspected_and_a_sign_of_life_through_others_refutes_it() -> None:
    world = settled(3)
    leader = leader_of(world)
    near, far = (node for node in world.lives if node != leader)
    assert all(status.suspected == () for status in statuses(world).values())
    world.lives[far].alive = False
    world.run(11 * world.config.heartbeat_interval_ns)
    assert statuses(world)[leader].suspected == statuses(world)[near].suspected == (far,)
    # It comes back, but only ``near`` can talk to it.
    world.cut = {(leader, far), (far, leader)}
    world.start(far)
    world.run(5 * world.config.heartbeat_interval_ns)
    assert statuses(world)[leader].suspected == ()


def test_suspicion_never_makes_a_smaller_quorum_do() -> None:
    world = settled(5)
    leader = leader_of(world)
    others = [node for node in world.lives if node != leader]
    for node in others[:3]:
        world.lives[node].alive = False
    put = PutEntries(Session(ClientId("c"), 1), (Append("x", 1),))
    world.transmit(Message("c", leader, RequestId(1), Term(0), (), put))
    before = statuses(world)[leader].commit
    world.run(2_000 * MS)
    after = statuses(world)
    assert set(after[others[3]].suspected) == set(others[:3])
    assert after[leader].commit == before


def test_a_suspicion_begins_after_the_patience_and_not_before() -> None:
    assert not Rules().suspects(Nanos(10), Nanos(10))
    assert Rules().suspects(Nanos(11), Nanos(10))


def test_with_plain_heartbeats_only_the_leader_speaks_and_only_of_itself() -> None:
    world = settled(5, **PLAIN)
    leader = leader_of(world)
    sent = world.during(400)
    assert {m.source for m in sent if isinstance(m.body, Heartbeat)} == {leader}
    assert {m.target for m in sent if isinstance(m.body, Heartbeat)} == set(world.lives) - {leader}
    assert all([r.node for r in m.gossip] == [m.source] for m in sent if m.target in world.lives)
    write(world, 20)
    world.run(500 * MS)
    assert everybody_applied_the_same(world)


@pytest.mark.parametrize("heartbeats", Heartbeats)
def test_in_a_star_everybody_pulls_from_the_leader_or_from_nobody(heartbeats: Heartbeats) -> None:
    world = settled(3, shape=Shape.STAR, heartbeats=heartbeats)
    leader = leader_of(world)
    lonely, other = (node for node in world.lives if node != leader)
    sent = world.during(400)
    assert {m.target for m in sent if isinstance(m.body, PullEntries)} == {leader}
    world.cut = {(leader, lonely), (lonely, leader)}
    world.run(1_000 * MS)
    sent = world.during(400)
    pulls = {(m.source, m.target) for m in sent if isinstance(m.body, PullEntries)}
    # Chained, ``lonely`` would pull from ``other``.
    assert (lonely, other) not in pulls


@pytest.mark.parametrize(
    "options",
    [PLAIN, {"shape": Shape.STAR}, {"children_max": 1}, {"children_max": 2, "depth_max": 3}],
    ids=["plain", "star", "line", "tree"],
)
def test_every_topology_survives_bad_weather(options: dict[str, Any]) -> None:
    acknowledged = 0
    for seed in range(8):
        campaign = Campaign(seed, 5 if seed % 2 else 3, **options)
        assert campaign.run() == [], f"seed {seed}"
        acknowledged += len(campaign.acknowledged)
    assert acknowledged > 8


@pytest.mark.parametrize(("children", "depth"), [(1, 6), (2, 3), (3, 2)])
def test_chains_settle_within_their_limits_and_carry_writes(children: int, depth: int) -> None:
    world = settled(7, children_max=children, depth_max=depth)
    world.run(2_000 * MS)
    answers = write(world, 30, every=30)
    world.run(1_000 * MS)
    assert sum(isinstance(answer, Results) for answer in answers) == 30
    assert everybody_applied_the_same(world)
    sources = {node: status.source for node, status in statuses(world).items()}
    assert max(Counter(filter(None, sources.values())).values()) <= children
    for node in sources:
        steps, at = 0, node
        while (above := sources[at]) is not None:
            at, steps = above, steps + 1
            assert steps <= depth, sources
        assert at == leader_of(world)
