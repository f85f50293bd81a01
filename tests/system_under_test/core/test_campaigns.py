"""Clusters in bad weather stay safe, and recover; clusters with a bug are found out."""

from __future__ import annotations

import random
from dataclasses import fields

import pytest

import histories.trace
from checker.base import Budget
from checker.raft.invariants import check_traces
from checker.verdict import Valid
from histories.trace import NodeEvent
from system_under_test.gossip_raft.core.messages import Message, PutEntries, Status
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.trace import Booted, SnapshotInstalled
from system_under_test.gossip_raft.core.types import (
    Append,
    ClientId,
    NodeId,
    RequestId,
    Session,
    Term,
)
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from tests.system_under_test.core.campaign import Campaign
from tests.system_under_test.core.world import MS, World

SEEDS = 200
CHUNKS = 10


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_correct_cluster_survives_loss_crashes_and_partitions(chunk: int) -> None:
    acknowledged = 0
    for seed in range(chunk, SEEDS, CHUNKS):
        campaign = Campaign(seed, nodes=5 if seed % 3 == 0 else 3)
        assert campaign.run() == [], f"seed {seed}"
        acknowledged += len(campaign.acknowledged)
    assert acknowledged > SEEDS // CHUNKS  # Otherwise nothing was tested.


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_cluster_that_compacts_and_loses_disks_survives_as_well(chunk: int) -> None:
    acknowledged, installed, recovered = 0, 0, 0
    for seed in range(chunk, SEEDS // 2, CHUNKS):
        nodes = 5 if seed % 3 == 0 else 3
        campaign = Campaign(seed, nodes, compacting=True, wiping=seed % 2 == 0)
        assert campaign.run() == [], f"seed {seed}"
        acknowledged += len(campaign.acknowledged)
        events = [event for _, event in campaign.world.events]
        installed += sum(isinstance(event, SnapshotInstalled) for event in events)
        recovered += sum(isinstance(event, Booted) and event.recovering for event in events)
    assert acknowledged > SEEDS // CHUNKS
    assert installed > CHUNKS
    assert (recovered > 0) == (chunk % 2 == 0)


@pytest.mark.parametrize(
    ("name", "symptom"),
    [
        ("snapshot-index-ahead", "has another snapshot at"),
        ("older-snapshot-installed", "moved its commit point back by a snapshot"),
        ("compacts-beyond-commit", "took a snapshot of what is not committed"),
    ],
)
def test_a_bug_of_snapshots_is_found_within_thirty_seeds(name: str, symptom: str) -> None:
    for seed in range(30):
        problems = Campaign(seed, 3, CATALOGUE[name].rules(), compacting=True).run()
        if any(symptom in problem for problem in problems):
            return
    pytest.fail(f"{name} went unnoticed")


def test_the_invariant_checker_follows_nodes_across_snapshots_and_lost_disks() -> None:
    for seed in range(0, 20, 2):
        campaign = Campaign(seed, 3, compacting=True, wiping=True)
        campaign.run()
        traces: dict[str, list[NodeEvent]] = {}
        for node, event in campaign.world.events:
            kind = getattr(histories.trace, type(event).__name__)
            known = {field.name: getattr(event, field.name) for field in fields(event)}
            traces.setdefault(node, []).append(kind(at=len(traces), **known))
        assert isinstance(check_traces(traces, budget=Budget()), Valid), f"seed {seed}"


class VotesAnyway(Rules):
    """Votes although what it promised before is lost."""

    def may_vote(self, term: Term, abstains: Term, *, recovering: bool) -> bool:
        del term, abstains, recovering
        return True


def test_a_node_that_votes_while_it_recovers_does_harm() -> None:
    for seed in range(150):
        problems = Campaign(seed, 3, VotesAnyway(), wiping=True).run()
        if any("lost acknowledged" in p or "below its commit point" in p for p in problems):
            return
    pytest.fail("it went unnoticed")


def test_a_disk_that_is_lost_unnoticed_does_harm() -> None:
    symptoms = {"voted twice", "lost acknowledged", "committed twice"}
    for seed in range(200):
        campaign = Campaign(seed, 3, wiping=True, knows_it_is_wiped=False)
        problems = " ".join(campaign.run())
        symptoms -= {symptom for symptom in symptoms if symptom in problems}
        if len(symptoms) <= 1:
            return
    pytest.fail(f"never seen: {symptoms}")


def test_a_campaign_is_decided_by_its_seed_alone() -> None:
    first, second = Campaign(7, nodes=3), Campaign(7, nodes=3)
    first.run()
    second.run()
    assert first.world.events == second.world.events


@pytest.mark.parametrize(
    ("name", "symptom"),
    [
        ("stale-read", "stale read"),
        ("minority-commit", "lost acknowledged"),
        ("no-dedup", "applied a request twice"),
        ("forgets-vote", "forgot its term or vote"),
        ("any-branch-commit", "committed twice, differently"),
    ],
)
def test_a_bug_is_found_within_thirty_seeds(name: str, symptom: str) -> None:
    # The others of the zoo need directed schedules: see tests/golden.
    mutant = CATALOGUE[name]
    for seed in range(30):
        problems = Campaign(seed, 3, mutant.rules(), mutant.storage).run()
        if any(symptom in problem for problem in problems):
            return
    pytest.fail(f"{name} went unnoticed")


def statuses(world: World) -> dict[NodeId, Status]:
    return {node: life.host.node.status for node, life in world.lives.items() if life.alive}


def leader_of(world: World) -> NodeId:
    led = [(s.term, node) for node, s in statuses(world).items() if s.role == "leader"]
    return max(led)[1]


def settled(seed: int, nodes: int) -> World:
    world = World(nodes, random.Random(seed), Rules())
    world.run(2_000 * MS)
    return world


@pytest.mark.parametrize("nodes", [3, 5])
@pytest.mark.parametrize("one_way", [False, True])
def test_a_cut_link_to_the_leader_causes_no_election_and_no_standstill(
    nodes: int, one_way: bool
) -> None:
    for seed in range(5):
        world = settled(seed, nodes)
        leader = leader_of(world)
        lonely = next(node for node in world.lives if node != leader)
        world.cut = {(leader, lonely)} | (set() if one_way else {(lonely, leader)})
        before = statuses(world)[leader].term
        for sequence in range(1, 41):
            session = Session(ClientId("c"), sequence)
            put = PutEntries(session, (Append("x", sequence),))
            world.transmit(Message("c", leader, RequestId(sequence), Term(0), (), put))
            world.run(100 * MS)
        world.run(500 * MS)
        after = statuses(world)
        assert {status.term for status in after.values()} == {before}, f"seed {seed}"
        assert after[lonely].applied == after[leader].applied >= 40, f"seed {seed}"


@pytest.mark.parametrize("nodes", [3, 5])
def test_a_dead_leader_is_replaced_within_a_few_time_outs(nodes: int) -> None:
    for seed in range(10):
        world = settled(seed, nodes)
        dead = leader_of(world)
        world.lives[dead].alive = False
        world.run(3 * world.config.election_timeout_max_ns)
        assert leader_of(world) != dead, f"seed {seed}"
