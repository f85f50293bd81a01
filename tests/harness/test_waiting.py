"""A cluster that does not come to rest says who waits for whom, and why."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from checker.liveness import check_liveness
from checker.verdict import Invalid
from harness.simulated import simulate
from harness.swarm import Given, draw_plan
from harness.waiting import waits
from harness.zoo import plan_of
from histories.event import Settled, Wait
from system_under_test.gossip_raft.core.messages import GossipRecord, Status
from system_under_test.gossip_raft.core.types import (
    Incarnation,
    LogIndex,
    Membership,
    NodeId,
    Position,
    Term,
)
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE

NODES = A, B, C = tuple(NodeId(name) for name in "abc")


def at(term: int, index: int) -> Position:
    return Position(Term(term), LogIndex(index))


def record(node: NodeId, term: int, last: Position, *, recovering: bool = False) -> GossipRecord:
    return GossipRecord(
        node=node,
        incarnation=Incarnation(1),
        counter=1,
        term=Term(term),
        leader=None,
        last=last,
        commit=at(1, 1),
        source=None,
        unreachable=(),
        recovering=recovering,
    )


def status(
    node: NodeId,
    role: str,
    last: Position,
    *,
    term: int = 2,
    leader: NodeId | None = None,
    commit: Position | None = None,
    source: NodeId | None = None,
    records: Iterable[GossipRecord] = (),
    membership: Membership | None = None,
    recovering: bool = False,
) -> Status:
    return Status(
        role=role,
        term=Term(term),
        leader=leader,
        last=last,
        commit=commit or last,
        applied=(commit or last).index,
        source=source,
        records=(record(node, term, last, recovering=recovering), *records),
        membership=membership or Membership(NODES),
        reachable=NODES,
    )


def follower(node: NodeId, last: Position, source: NodeId | None) -> Status:
    return status(node, "follower", last, leader=A, commit=at(1, 1), source=source)


def test_a_cluster_at_rest_waits_for_nothing() -> None:
    last = at(2, 5)
    at_rest = {node: status(node, "follower", last, leader=A) for node in (B, C)}
    assert waits(NODES, {A: status(A, "leader", last, leader=A), **at_rest}) == ()


def test_nodes_that_pull_from_each_other_are_a_circle() -> None:
    statuses = {
        A: status(A, "leader", at(2, 9), leader=A),
        B: follower(B, at(2, 5), C),
        C: follower(C, at(2, 5), B),
    }
    assert waits(NODES, statuses) == (
        Wait(B, (C,), "it has entries up to 2/5, a up to 2/9; they pull in a circle: b <- c <- b"),
        Wait(C, (B,), "it has entries up to 2/5, a up to 2/9; they pull in a circle: c <- b <- c"),
    )


def test_who_is_behind_names_its_source_and_what_that_has() -> None:
    statuses = {
        A: status(A, "leader", at(2, 9), leader=A),
        B: follower(B, at(2, 5), C),
        C: status(C, "follower", at(2, 9), leader=A, source=A),
    }
    said = "it has entries up to 2/5, a up to 2/9; it pulls from c, which has entries up to 2/9"
    assert waits(NODES, statuses) == (Wait(B, (C,), said),)
    without = {**statuses, B: follower(B, at(2, 5), None)}
    (wait,) = waits(NODES, without)
    assert wait == Wait(B, (A,), "it has entries up to 2/5, a up to 2/9; it pulls from nobody")


def test_a_leader_that_cannot_commit_names_whose_positions_it_waits_for() -> None:
    last = at(2, 9)
    reports = [record(B, 1, last), record(C, 2, at(1, 4))]
    leading = status(A, "leader", last, leader=A, commit=at(1, 4), records=reports)
    others = {
        B: follower(B, last, A),
        C: follower(C, last, A),
    }
    wait = waits(NODES, {A: leading, **others})[0]
    assert (wait.node, wait.awaits) == (A, (B, C))
    assert "b has reported 2/9 in term 1; c has reported 1/4 in term 2" in wait.reason


def test_without_a_leader_each_says_who_would_refuse_it_and_why() -> None:
    statuses = {
        A: status(A, "candidate", at(1, 4)),
        B: status(B, "follower", at(1, 6)),
    }
    dead, of_a, of_b = waits(NODES, statuses)
    assert dead == Wait(C, (), "it does not answer")
    assert of_a.awaits == (B, C)
    assert of_a.reason == (
        "as candidate in term 2 it needs 2 of 3 votes; b has a newer log, up to 1/6; c does not"
        " answer"
    )
    assert of_b.reason.startswith("it knows no leader in term 2 and does not campaign; a campaigns")


def test_removed_nodes_learners_and_lost_disks_are_told() -> None:
    two = Membership((A, B), (C,))
    leading = status(A, "leader", at(2, 9), leader=A, membership=two)
    settled = {node: status(node, "follower", at(2, 9), leader=A) for node in (B, C)}
    assert waits(NODES, {A: leading, **settled}) == (
        Wait(A, (C,), "it is a learner, which has to catch up"),
    )
    alone = status(A, "follower", at(2, 9), membership=Membership((B, C)))
    lost = status(B, "follower", at(0, 0), recovering=True)
    gone = status(C, "follower", at(0, 0), recovering=True)
    reasons = [wait.reason for wait in waits(NODES, {A: alone, B: lost, C: gone})]
    assert reasons[0].startswith("it is no voter")
    assert reasons[1].startswith("it has lost its disk")


@pytest.mark.parametrize(
    ("bug", "said"),
    [
        ("no-second-election", "does not campaign"),
        ("no-rollback", "it pulls from"),
        ("waits-for-all", "has lost its disk and does not vote yet"),
    ],
)
def test_a_bug_that_keeps_a_cluster_from_rest_is_explained(bug: str, said: str) -> None:
    for seed in range(40):
        plan = plan_of(seed, CATALOGUE[bug], guided=seed % 2 == 0)
        if "lost its disk" in said:
            plan = draw_plan(seed, Given(bug=bug, nodes=3, faults=("lose-disk",)))
        simulated = simulate(plan)
        verdict = check_liveness(simulated.events, simulated.traces)
        if isinstance(verdict, Invalid):
            (settled,) = (event for event in simulated.events if isinstance(event, Settled))
            assert settled.waits
            (told,) = (a for a in verdict.anomalies if a.kind == "never settles")
            assert any(
                f"{wait.node} waits for" in told.details[i] for i, wait in enumerate(settled.waits)
            )
            assert any("campaigned; votes: " in line for line in told.details)
            if any(said in line for line in told.details):
                return
    pytest.fail("it never kept the cluster from rest for that reason")
