"""Nothing grows without bound, and whoever is turned away knows whether it was executed."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from system_under_test.gossip_raft.core.admission import after_waiting
from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.messages import (
    AckEntries,
    Body,
    Consistency,
    Forwarded,
    Heartbeat,
    Lost,
    Message,
    NotLeader,
    PutEntries,
    ReadKeys,
    ReadLog,
    RequestVote,
    Results,
    Unavailable,
    Vote,
)
from system_under_test.gossip_raft.core.node import Node
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    ClientId,
    Command,
    DurableState,
    Entry,
    HardState,
    LogIndex,
    Nanos,
    NodeId,
    Put,
    Raw,
    RequestId,
    Session,
    Term,
)
from system_under_test.gossip_raft.simulation.cluster import MS
from tests.system_under_test.watched import WatchedCluster

MEMBERS = (NodeId("n0"), NodeId("n1"), NodeId("n2"))
CONFIG = NodeConfig(
    id=NodeId("n0"),
    members=MEMBERS,
    writes_waiting_max=3,
    reads_waiting_max=2,
    request_bytes_max=100,
    uncommitted_bytes_max=400,
)
SMALL: Command = Put("x", 1)
LARGE: Command = Put("x", "y" * 100)
LATE = Nanos(0)
SOON = Nanos(50 * MS)


class Leader:
    """A leader of three that reaches nobody; only its own disk answers."""

    def __init__(self, config: NodeConfig = CONFIG, leads: bool = True) -> None:
        self.now = Nanos(0)
        self.node = Node(config, DurableState(), random.Random(1), self.now)
        self.requests = 0
        self.drain()
        if leads:
            self._campaign()

    def drain(self) -> list[tuple[str, Body]]:
        """What it says to others than its peers."""
        said: list[tuple[str, Body]] = []
        while ready := self.node.take_ready():
            said += [(m.target, m.body) for m in ready.messages if m.target not in MEMBERS]
            if ready.persist is not None:
                self.node.persisted()
            for entry in ready.committed:
                self.node.apply(entry)
        return said

    def tick(self, milliseconds: int) -> list[tuple[str, Body]]:
        self.now = Nanos(self.now + milliseconds * MS)
        self.node.tick(self.now)
        return self.drain()

    def ask(self, body: Body, source: str = "c") -> list[Body]:
        self.requests += 1
        message = Message(source, "n0", RequestId(self.requests), Term(0), (), body)
        self.node.step(message, self.now)
        return [body for _, body in self.drain()]

    def put(self, client: str, *commands: Command, expires_in: Nanos | None = None) -> list[Body]:
        return self.ask(PutEntries(Session(ClientId(client), 1), commands, None, expires_in))

    def _campaign(self) -> None:
        self.node.tick(Nanos(3_000 * MS))
        self.now = Nanos(3_000 * MS)
        for pre_vote in (True, False):
            requests = []
            while ready := self.node.take_ready():
                requests += [m for m in ready.messages if isinstance(m.body, RequestVote)]
                if ready.persist is not None:
                    self.node.persisted()
            for request in requests:
                assert isinstance(request.body, RequestVote)
                vote = Vote(request.body.term, granted=True, pre_vote=pre_vote)
                self.node.step(
                    Message(request.target, "n0", request.request, Term(0), (), vote), self.now
                )
        self.drain()
        assert self.node.status.role == "leader"


def test_a_leader_takes_in_so_many_writes_and_no_more() -> None:
    leader = Leader()
    for number in range(3):
        assert leader.put(f"c{number}", SMALL) == []
    held = len(leader.node.log)
    for number in range(3, 100):
        answer = Unavailable("overloaded: 3 writes wait, not executed")
        assert leader.put(f"c{number}", SMALL) == [answer]
    assert len(leader.node.log) == held


def test_a_leader_takes_in_so_many_bytes_and_no_more() -> None:
    leader = Leader(replace(CONFIG, writes_waiting_max=1000, uncommitted_bytes_max=300))
    answers = [leader.put(f"c{number}", SMALL) for number in range(100)]
    refused = [answer for answer in answers if answer]
    assert 0 < len(answers) - len(refused) < 10
    assert all(
        isinstance(answer[0], Unavailable) and "bytes are not committed" in answer[0].reason
        for answer in refused
    )


def test_a_leader_lets_so_many_reads_wait_and_no_more() -> None:
    leader = Leader()
    read = ReadKeys(("x",), Consistency.LINEARIZABLE)
    assert [leader.ask(read) for _ in range(3)] == [
        [],
        [],
        [Unavailable("overloaded: 2 reads wait, not executed")],
    ]


DEFINITE, INDEFINITE = Unavailable, Lost


@pytest.mark.parametrize(
    ("leads", "first", "second", "expected", "reason"),
    [
        (True, None, ("a", LARGE, None), DEFINITE, "at most 100, not executed"),
        (False, None, ("a", LARGE, None), DEFINITE, "at most 100, not executed"),
        (True, None, ("a", SMALL, LATE), DEFINITE, "deadline passed, not executed"),
        (False, None, ("a", SMALL, LATE), DEFINITE, "deadline passed, not executed"),
        (False, None, ("a", SMALL, SOON), NotLeader, None),
        (True, ("full",), ("a", SMALL, None), DEFINITE, "overloaded"),
        # Under way already: a refusal would claim that it is never executed.
        (True, ("full",), ("c0", SMALL, None), INDEFINITE, "under way already"),
    ],
)
def test_what_was_not_appended_is_refused_and_what_was_is_lost(
    leads: bool,
    first: tuple[str] | None,
    second: tuple[str, Command, Nanos | None],
    expected: type[Body],
    reason: str | None,
) -> None:
    node = Leader(leads=leads)
    if first is not None:
        for number in range(3):
            node.put(f"c{number}", SMALL)
    held = len(node.node.log)
    client, command, expires_in = second
    (answer,) = node.put(client, command, expires_in=expires_in)
    assert type(answer) is expected
    assert len(node.node.log) == held
    if reason is not None:
        assert isinstance(answer, Unavailable | Lost)
        assert reason in answer.reason


def test_only_what_no_retry_can_help_is_refused_for_good() -> None:
    node = Leader()
    (too_large,) = node.put("a", LARGE)
    (too_late,) = node.put("a", SMALL, expires_in=LATE)
    assert isinstance(too_large, Unavailable)
    assert isinstance(too_late, Unavailable)
    assert (too_large.permanent, too_late.permanent) == (True, False)


def test_a_deadline_that_passes_after_the_append_leaves_the_outcome_unknown() -> None:
    leader = Leader()
    assert leader.put("a", SMALL, expires_in=SOON) == []
    assert leader.tick(40) == []
    said = leader.tick(100)
    assert said == [("c", Lost("deadline passed before the entry was committed"))]
    # Its place in the queue is free again; its entry stays in the log.
    assert [leader.put(f"b{number}", SMALL) for number in range(3)] == [[], [], []]


def test_a_read_that_waits_past_its_deadline_is_refused() -> None:
    leader = Leader()
    assert leader.ask(ReadKeys(("x",), Consistency.LINEARIZABLE, SOON)) == []
    said = leader.tick(100)
    assert said == [("c", Unavailable("deadline passed before the read was confirmed"))]


def test_a_forwarded_request_that_is_refused_is_acknowledged_as_refused() -> None:
    leader = Leader()
    put = PutEntries(Session(ClientId("web"), 1), (LARGE,), "gateway")
    assert leader.ask(put, "n1") == [
        AckEntries(put.session, Unavailable(_TOO_LARGE, permanent=True))
    ]
    assert leader.ask(put, "web") == [Unavailable(_TOO_LARGE, permanent=True)]
    small = replace(put, commands=(SMALL,))
    assert leader.ask(small, "web") == [Forwarded(NodeId("n0"))]


_TOO_LARGE = "request of 117 bytes, at most 100, not executed"


def test_time_in_an_inbox_counts() -> None:
    put = PutEntries(Session(ClientId("a"), 1), (SMALL,), None, SOON)
    message = Message("a", "n0", RequestId(1), Term(0), (), put)
    waited = after_waiting(message, SOON).body
    assert isinstance(waited, PutEntries)
    assert Rules().has_expired(waited.expires_in)
    assert not Rules().has_expired(put.expires_in)
    assert after_waiting(message._replace(body=Heartbeat()), SOON).body == Heartbeat()
    forever = message._replace(body=replace(put, expires_in=None))
    assert after_waiting(forever, SOON) is forever


def test_a_page_of_the_raw_log_is_limited_in_bytes_but_never_empty() -> None:
    log = tuple(
        Entry(Term(1), LogIndex(i), Session(ClientId(f"w{i}"), 1), (Raw("x" * 100),))
        for i in range(1, 6)
    )
    hard = HardState(term=Term(1), commit=LogIndex(5))
    for bytes_max, listed in ((1, 1), (250, 2), (10_000, 5)):
        config = replace(CONFIG, batch_bytes_max=bytes_max)
        node = Node(config, DurableState(hard, log), random.Random(1), Nanos(0))
        while ready := node.take_ready():
            if ready.persist is not None:
                node.persisted()
            for entry in ready.committed:
                node.apply(entry)
        page = ReadLog(LogIndex(1), 10)
        node.step(Message("w", "n0", RequestId(1), Term(0), (), page), Nanos(0))
        (message,) = node.take_ready().messages
        assert message.body.entries == log[:listed]  # type: ignore[union-attr]


def test_an_overloaded_cluster_answers_at_once_and_recovers() -> None:
    cluster = WatchedCluster(3, node={"writes_waiting_max": 20})
    cluster.run(2_000)
    leader = cluster.leading()
    for number in range(500):
        put = PutEntries(Session(ClientId(f"c{number}"), 1), (SMALL,))
        cluster.ask(leader, put, client=f"c{number}")
    cluster.run(20)
    refused = sum(isinstance(answer, Unavailable) for answer in cluster.answers)
    assert refused > 400
    cluster.run(1_000)
    executed = sum(isinstance(answer, Results) for answer in cluster.answers)
    assert executed + refused == 500
    assert cluster.statuses()[leader].last.index <= 1 + executed
