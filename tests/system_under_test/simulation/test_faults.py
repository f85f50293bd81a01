"""Faults of processes, clocks, disks and membership take effect in simulation, and are healed."""

from __future__ import annotations

import random

import pytest

from nemesis.fault import (
    BumpClock,
    CrashAt,
    DriftClock,
    FailSync,
    Fault,
    FillDisk,
    FlipBit,
    Kill,
    LoseDisk,
    LosePower,
    Pause,
    ReadOnlyDisk,
    RemoveNode,
    ReplaceNode,
    SkewClock,
    SlowDisk,
    StrobeClock,
    TearLog,
    Terminate,
    kind_of,
)
from nemesis.inject import Injected, heal_all, inject, undo
from nemesis.target import All, Follower, Leader, Named
from system_under_test.control import Moment
from system_under_test.gossip_raft.core.messages import PutEntries, Results, Unavailable
from system_under_test.gossip_raft.core.types import Append, ClientId, Nanos, NodeId, Session
from system_under_test.gossip_raft.simulation.cluster import MS
from tests.system_under_test.watched import WatchedCluster, done

SECOND = 1_000 * MS
N0 = NodeId("n0")

ENDING: tuple[Fault, ...] = (
    Kill(Follower()),
    Terminate(Leader()),
    Terminate(Follower()),
    LosePower(Leader()),
    LosePower(Follower(), torn=True),
    TearLog(Leader()),
    FlipBit(Follower()),
    LoseDisk(Leader()),
    CrashAt(Leader(), Moment.PERSISTED),
    CrashAt(Follower(), Moment.SEND, 3),
    ReadOnlyDisk(Leader()),
    FailSync(Follower()),
    ReplaceNode(Follower()),
)
FOUND = {
    "tear-log": "torn",
    "flip-bit": "rebuilt",
    "lose-disk": "rebuilt",
    "replace-node": "rebuilt",
}


class Writing(WatchedCluster):
    """Settled, with a log, and written to as often as ``run`` is called."""

    def __init__(self, nodes: int = 3) -> None:
        super().__init__(nodes)
        self.writes = 0
        super().run(2_000)
        for _ in range(5):
            self.run(50)

    def run(self, milliseconds: int) -> None:
        leader = self._leader()
        if leader is not None:
            self.writes += 1
            session = Session(ClientId("writer"), self.writes)
            self.ask(leader, PutEntries(session, (Append("x", self.writes),)))
        super().run(milliseconds)

    def broken_with(self, fault: Fault, held: tuple[Injected, ...] = ()) -> Injected:
        return done(inject(fault, self, random.Random(1), held))

    def settles(self) -> bool:
        for _ in range(100):
            self.run(100)
            recovering = any(life.host.node.recovering for life in self.lives.values())
            if not recovering and len(self.statuses()) == len(self.nodes):
                super().run(1_000)
                return self.everybody_applied_the_same()
        return False

    def off_ns(self, node: NodeId) -> int:
        """By how much its clock is ahead of what it showed when the world began."""
        return self.clocks[node].now() - self.scheduler.now


@pytest.mark.parametrize("fault", ENDING, ids=str)
def test_faults_that_end_a_process_end_it_and_it_comes_back(fault: Fault) -> None:
    cluster = Writing()
    injected = cluster.broken_with(fault)
    (node,) = injected.nodes
    for _ in range(10):
        cluster.run(100)
    assert not cluster.lives[node].alive
    assert node in done(undo(injected, cluster))
    assert cluster.lives[node].alive
    if (found := FOUND.get(kind_of(fault))) is not None:
        assert found in cluster.repairs[node][-1]
    assert cluster.settles()


def test_whoever_is_asked_to_end_hands_its_leadership_over_first() -> None:
    cluster = Writing()
    (node,) = cluster.broken_with(Terminate(Leader())).nodes
    assert cluster.leading() != node


def test_a_paused_process_does_nothing_until_it_is_resumed() -> None:
    cluster = Writing()
    injected = cluster.broken_with(Pause(Follower()))
    (node,) = injected.nodes
    last = cluster.lives[node].host.node.status.last
    for _ in range(5):
        cluster.run(50)
    assert cluster.lives[node].host.node.status.last == last
    done(undo(injected, cluster))
    assert cluster.settles()


@pytest.mark.parametrize(
    ("fault", "after", "healed"),
    [
        (BumpClock(Named((N0,)), 3 * SECOND), 3 * SECOND, 3 * SECOND),
        (SkewClock(Named((N0,)), 300 * MS), 300 * MS, 0),
        (DriftClock(Named((N0,)), 1_000_000), SECOND, SECOND),
        (DriftClock(Named((N0,)), -250_000), -SECOND // 4, -SECOND // 4),
        (StrobeClock(Named((N0,)), Nanos(700 * MS), Nanos(400 * MS)), 700 * MS, 0),
    ],
    ids=str,
)
def test_a_clock_is_wrong_as_told_and_then_goes_on(fault: Fault, after: int, healed: int) -> None:
    cluster = Writing()
    right = cluster.off_ns(N0)
    injected = cluster.broken_with(fault)
    cluster.run(1_000)
    assert cluster.off_ns(N0) - right == pytest.approx(after, abs=MS)
    done(undo(injected, cluster))
    cluster.run(2_000)
    assert cluster.off_ns(N0) - right == pytest.approx(healed, abs=MS)
    assert cluster.settles()


def test_a_slow_disk_makes_writes_slow_and_several_add_up() -> None:
    cluster = Writing()
    first = cluster.broken_with(SlowDisk(All(), Nanos(50 * MS)))
    second = cluster.broken_with(SlowDisk(All(), Nanos(60 * MS)), (first,))
    cluster.answers.clear()
    cluster.run(105)
    assert cluster.answers == []
    cluster.run(2_000)
    assert Results in map(type, cluster.answers)
    done(undo(first, cluster))
    done(undo(second, cluster))
    assert cluster.settles()
    cluster.answers.clear()
    cluster.run(100)
    assert [type(answer) for answer in cluster.answers] == [Results]


def test_a_full_disk_refuses_writes_until_there_is_room() -> None:
    cluster = Writing()
    full = cluster.broken_with(FillDisk(All()))
    cluster.answers.clear()
    cluster.run(500)
    assert [type(answer) for answer in cluster.answers] == [Unavailable]
    done(undo(full, cluster))
    cluster.run(1_000)
    assert Results in map(type, cluster.answers)
    assert cluster.settles()


@pytest.mark.parametrize("fault", [RemoveNode(Follower()), ReplaceNode(Follower())], ids=str)
def test_who_is_removed_is_no_member_until_it_is_readmitted(fault: Fault) -> None:
    cluster = Writing(5)
    injected = cluster.broken_with(fault)
    (node,) = injected.nodes
    assert node not in cluster.statuses()[cluster.leading()].membership.voters
    assert done(undo(injected, cluster)) == f"{node} was added"
    assert cluster.settles()
    assert node in cluster.statuses()[cluster.leading()].membership.voters


def test_faults_of_all_kinds_at_once_are_all_healed() -> None:
    cluster = Writing(5)
    held: tuple[Injected, ...] = ()
    for fault in (
        DriftClock(All(), 200_000),
        SlowDisk(All(), Nanos(20 * MS)),
        RemoveNode(Follower()),
        Pause(Follower()),
        FillDisk(Leader()),
    ):
        held += (cluster.broken_with(fault, held),)
        cluster.run(200)
    done(heal_all(cluster))
    assert cluster.settles()
