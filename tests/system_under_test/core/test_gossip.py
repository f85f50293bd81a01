"""Gossip in a simulated cluster: news of everybody, suspicion, fanout, and clusters that do
without (PROTOCOL 3, 4)."""

from __future__ import annotations

from collections import Counter

import pytest

from system_under_test.gossip_raft.core.messages import (
    Heartbeat,
    PullEntries,
    PutEntries,
    Results,
)
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import Append, ClientId, Nanos, Session
from system_under_test.gossip_raft.runtime.codec import Codec
from tests.system_under_test.watched import (
    ELECTION_MAX_MS,
    HEARTBEAT_MS,
    WatchedCluster,
    done,
)


def settled(nodes: int, seed: int = 1, **node: int | str | None) -> WatchedCluster:
    cluster = WatchedCluster(nodes, seed, node)
    cluster.run(3_000)
    return cluster


@pytest.mark.parametrize("nodes", [3, 5])
@pytest.mark.parametrize("one_way", [False, True])
def test_a_cut_link_to_the_leader_causes_no_election_and_no_standstill(
    nodes: int, one_way: bool
) -> None:
    for seed in range(2):
        cluster = settled(nodes, seed)
        leader = cluster.leading()
        lonely = next(node for node in cluster.nodes if node != leader)
        cluster.cut_between(leader, lonely, one_way=one_way)
        before = cluster.statuses()[leader].term
        cluster.append(20, every_ms=100)
        cluster.run(500)
        after = cluster.statuses()
        assert {status.term for status in after.values()} == {before}, f"seed {seed}"
        assert after[lonely].applied == after[leader].applied >= 20, f"seed {seed}"


@pytest.mark.parametrize("nodes", [3, 5])
def test_a_dead_leader_is_replaced_within_a_few_time_outs(nodes: int) -> None:
    for seed in range(5):
        cluster = settled(nodes, seed)
        dead = cluster.leading()
        done(cluster.kill(dead))
        cluster.run(3 * ELECTION_MAX_MS)
        assert cluster.leading() != dead, f"seed {seed}"


@pytest.mark.parametrize("nodes", [3, 5, 9])
@pytest.mark.parametrize("fanout", [1, 2, 4])
def test_a_round_of_gossip_costs_a_node_its_fanout_whatever_the_size(
    nodes: int, fanout: int
) -> None:
    cluster = settled(nodes, fanout=fanout)
    heard = cluster.heard_within(10 * HEARTBEAT_MS)
    beats = Counter(m.source for m in heard if isinstance(m.body, Heartbeat))
    assert set(beats) == set(cluster.nodes)
    assert max(beats.values()) <= 11 * min(fanout, nodes - 1)
    term = cluster.statuses()[cluster.leading()].term
    cluster.append(20, every_ms=20)
    cluster.run(1_000)
    assert sum(isinstance(answer, Results) for answer in cluster.answers) == 20
    assert cluster.everybody_applied_the_same()
    if fanout > 1:  # With one, news takes long enough for a needless election now and then.
        assert cluster.statuses()[cluster.leading()].term == term


@pytest.mark.parametrize("seed", range(3))
def test_a_leader_that_gossips_with_one_at_a_time_keeps_its_majority(seed: int) -> None:
    # Chained, hardly anybody pulls from it, so that it meets the others by gossip alone.
    cluster = WatchedCluster(15, seed, {"fanout": 1, "children_max": 1})
    cluster.run(3_000)
    leader = cluster.leading()
    before = cluster.statuses()[leader].term
    heard = cluster.heard_within(6_000)
    assert cluster.statuses()[leader].role == "leader"
    assert cluster.statuses()[leader].term == before
    beats = Counter(m.source for m in heard if isinstance(m.body, Heartbeat))
    rounds = 6_000 / HEARTBEAT_MS
    # Directly it asks at most all voters in each half of a time-out, the others nobody.
    assert max(count for node, count in beats.items() if node != leader) <= 1.5 * rounds
    assert beats[leader] <= 1.5 * rounds + 14 * 6_000 / (ELECTION_MAX_MS / 4)


def quiet_bytes(nodes: int) -> float:
    """What a leader sends and receives in a second without writes."""
    cluster = settled(nodes, children_max=4)
    leader, codec = cluster.leading(), Codec("c")
    heard = cluster.heard_within(1_000)
    ours = [m for m in heard if leader in {m.source, m.target}]
    return sum(codec.encode(m).ByteSize() for m in ours)


def test_bytes_of_a_quiet_leader_do_not_grow_with_the_square_of_the_size() -> None:
    assert quiet_bytes(32) < 3 * quiet_bytes(16)


def test_a_silent_node_is_suspected_and_a_sign_of_life_through_others_refutes_it() -> None:
    cluster = settled(3)
    leader = cluster.leading()
    near, far = (node for node in cluster.nodes if node != leader)
    assert all(status.suspected == () for status in cluster.statuses().values())
    done(cluster.kill(far))
    cluster.run(11 * HEARTBEAT_MS)
    statuses = cluster.statuses()
    assert statuses[leader].suspected == statuses[near].suspected == (far,)
    # It comes back, but only ``near`` can talk to it.
    cluster.cut_between(leader, far)
    done(cluster.start(far))
    cluster.run(5 * HEARTBEAT_MS)
    assert cluster.statuses()[leader].suspected == ()


def test_suspicion_never_makes_a_smaller_quorum_do() -> None:
    cluster = settled(5)
    leader = cluster.leading()
    others = [node for node in cluster.nodes if node != leader]
    for node in others[:3]:
        done(cluster.kill(node))
    before = cluster.statuses()[leader].commit
    cluster.ask(leader, PutEntries(Session(ClientId("c"), 1), (Append("x", 1),)))
    cluster.run(2_000)
    after = cluster.statuses()
    assert set(after[others[3]].suspected) == set(others[:3])
    assert after[leader].commit == before


def test_a_suspicion_begins_after_the_patience_and_not_before() -> None:
    assert not Rules().suspects(Nanos(10), Nanos(10))
    assert Rules().suspects(Nanos(11), Nanos(10))


def test_with_plain_heartbeats_only_the_leader_speaks_and_only_of_itself() -> None:
    cluster = settled(5, heartbeats="plain", shape="star")
    leader = cluster.leading()
    heard = cluster.heard_within(400)
    assert {m.source for m in heard if isinstance(m.body, Heartbeat)} == {leader}
    followers = set(cluster.nodes) - {leader}
    assert {m.target for m in heard if isinstance(m.body, Heartbeat)} == followers
    assert all([r.node for r in m.gossip] == [m.source] for m in heard)
    cluster.append(20, every_ms=20)
    cluster.run(500)
    assert cluster.everybody_applied_the_same()


@pytest.mark.parametrize("heartbeats", ["gossip", "plain"])
def test_in_a_star_everybody_pulls_from_the_leader_or_from_nobody(heartbeats: str) -> None:
    cluster = settled(3, shape="star", heartbeats=heartbeats)
    leader = cluster.leading()
    lonely, other = (node for node in cluster.nodes if node != leader)
    heard = cluster.heard_within(400)
    assert {m.target for m in heard if isinstance(m.body, PullEntries)} == {leader}
    cluster.cut_between(leader, lonely)
    cluster.run(1_000)
    heard = cluster.heard_within(400)
    pulls = {(m.source, m.target) for m in heard if isinstance(m.body, PullEntries)}
    # Chained, ``lonely`` would pull from ``other``.
    assert (lonely, other) not in pulls


@pytest.mark.parametrize(("children", "depth"), [(1, 6), (2, 3), (3, 2)])
def test_chains_settle_within_their_limits_and_carry_writes(children: int, depth: int) -> None:
    cluster = settled(7, children_max=children, depth_max=depth)
    cluster.run(2_000)
    cluster.append(30, every_ms=30)
    cluster.run(1_000)
    assert sum(isinstance(answer, Results) for answer in cluster.answers) == 30
    assert cluster.everybody_applied_the_same()
    sources = {node: status.source for node, status in cluster.statuses().items()}
    assert max(Counter(filter(None, sources.values())).values()) <= children
    for node in sources:
        steps, at = 0, node
        while (above := sources[at]) is not None:
            at, steps = above, steps + 1
            assert steps <= depth, sources
        assert at == cluster.leading()
