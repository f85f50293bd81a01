"""A simulated cluster can suffer what nemeses do to it, and comes back when it is healed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from nemesis.fault import Fault, Isolate, Kill, RemoveNode, TransferLeadership
from nemesis.inject import Injected, heal_all, inject, undo
from nemesis.target import ChainEnd, Follower, Leader, Minority, Named, Puller
from system_under_test.control import Reconfigurable
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.simulation.cluster import MS, SimulatedCluster, WorldOptions
from tests.system_under_test.watched import done

SECOND = 1_000 * MS


def cluster_of(
    nodes: int, seed: int = 1, *, settings: Mapping[str, str] = MappingProxyType({})
) -> SimulatedCluster:
    """Settled: somebody leads."""
    rng = random.Random(seed)
    options = WorldOptions(nodes=nodes, node=settings)
    cluster = SimulatedCluster(options, lambda _: random.Random(rng.getrandbits(64)))
    cluster.scheduler.run_for(10 * SECOND)
    return cluster


def break_with(cluster: SimulatedCluster, fault: Fault) -> Injected:
    return done(inject(fault, cluster, random.Random(1)))


def voters(cluster: SimulatedCluster) -> set[NodeId]:
    leader = done(cluster.leader())
    assert leader is not None
    return set(cluster.statuses()[leader].membership.voters)


def test_a_removed_leader_and_a_removed_minority_come_back_as_voters() -> None:
    for fault in (RemoveNode(Leader()), RemoveNode(Minority())):
        cluster = cluster_of(5)
        assert isinstance(cluster, Reconfigurable)
        removed = break_with(cluster, fault)
        assert removed.detail.endswith("; ".join(f"{node} was removed" for node in removed.nodes))
        cluster.scheduler.run_for(5 * SECOND)
        assert voters(cluster) == set(cluster.nodes) - set(removed.nodes)
        said = done(undo(removed, cluster))
        assert said == "; ".join(f"{node} was added" for node in removed.nodes)
        cluster.scheduler.run_for(5 * SECOND)
        assert voters(cluster) == set(cluster.nodes)


def test_leadership_is_handed_over() -> None:
    cluster = cluster_of(3)
    before = done(cluster.leader())
    handed = break_with(cluster, TransferLeadership(Follower()))
    assert handed.detail == "follower; leadership was handed over"
    assert (done(cluster.leader()),) == handed.nodes != (before,)


def test_healing_readmits_when_nobody_could_do_it_before() -> None:
    """The removal is known to a node that is cut off, and the leader is dead."""
    cluster = cluster_of(3)
    (removed,) = break_with(cluster, RemoveNode(Follower())).nodes
    leader = done(cluster.leader())
    assert leader is not None
    break_with(cluster, Isolate(Named((removed,))))
    break_with(cluster, Kill(Named((leader,))))
    cluster.scheduler.run_for(5 * SECOND)
    assert done(cluster.readmit(cluster.nodes)) == "not every node was readmitted in time"
    assert f"{removed} was added" in done(heal_all(cluster))
    cluster.scheduler.run_for(5 * SECOND)
    assert voters(cluster) == set(cluster.nodes)
    assert done(cluster.readmit(cluster.nodes)) == ""


def test_no_removal_and_no_lost_disk_leaves_less_than_a_majority_with_sound_disks() -> None:
    cluster = cluster_of(3)
    leader = done(cluster.leader())
    first, second = (node for node in cluster.nodes if node != leader)
    done(cluster.kill(first))
    refusal = f"nothing: of the other voters only {leader} has a sound disk"
    assert done(cluster.remove(second)) == done(cluster.lose_disk(second)) == refusal
    done(cluster.start(first))
    assert done(cluster.remove(second)) == f"{second} was removed"
    # Of two voters neither may be lost, but whoever is none may.
    assert done(cluster.flip_bit(first)) == refusal
    assert done(cluster.lose_disk(second)) == "all that was on disk is gone"
    assert f"{second} was added" in done(heal_all(cluster))
    cluster.scheduler.run_for(10 * SECOND)
    assert voters(cluster) == set(cluster.nodes)


@pytest.mark.parametrize(
    "settings",
    [{}, {"shape": "star"}, {"heartbeats": "plain", "shape": "star"}],
    ids=["gossip", "star", "plain"],
)
def test_who_lost_its_disk_votes_again_however_heartbeats_go(settings: Mapping[str, str]) -> None:
    cluster = cluster_of(3, settings=settings)
    leader = done(cluster.leader())
    lost = next(node for node in cluster.nodes if node != leader)
    assert done(cluster.lose_disk(lost)) == "all that was on disk is gone"
    done(cluster.start(lost))
    cluster.scheduler.run_for(10 * SECOND)
    assert not cluster.lives[lost].host.node.recovering
    assert voters(cluster) == set(cluster.nodes)


def test_whoever_pulls_from_the_leader_is_hit_by_that_role() -> None:
    cluster = cluster_of(5)
    leader = done(cluster.leader())
    sources = done(cluster.sources())
    hit = break_with(cluster, Kill(Puller()))
    assert hit.detail == "puller from the leader"
    assert sources[hit.nodes[0]] == leader
    assert break_with(cluster, Kill(ChainEnd())).detail == "chain end"


def test_what_waited_for_a_paused_node_comes_in_no_order_and_none_is_lost() -> None:
    orders = set()
    for seed in range(5):
        cluster = cluster_of(3, seed)
        node = cluster.nodes[0]
        life, came = cluster.lives[node], list[int]()
        done(cluster.pause(node))
        for number in range(6):
            life._waiting.append((came.append, number))
        done(cluster.resume(node))
        assert sorted(came) == list(range(6))
        orders.add(tuple(came))
    assert len(orders) > 1
