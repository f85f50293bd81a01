"""Leases: what a follower promises, and what a leader may make of it (PROTOCOL rule 9)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.messages import (
    Body,
    Consistency,
    GossipRecord,
    Heartbeat,
    HeartbeatReply,
    Message,
    ReadKeys,
    RequestVote,
    Values,
    Vote,
)
from system_under_test.gossip_raft.core.node import Node
from system_under_test.gossip_raft.core.rules import PPM, Rules
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    DurableState,
    HardState,
    Incarnation,
    Nanos,
    NodeId,
    Position,
    RequestId,
    Term,
)
from system_under_test.gossip_raft.simulation.cluster import MS

MEMBERS = (NodeId("n0"), NodeId("n1"), NodeId("n2"))
PROMISE = 1_000
RULES = Rules()


def leader_record(counter: int = 1) -> GossipRecord:
    return GossipRecord(
        node=NodeId("n1"),
        incarnation=Incarnation(1),
        counter=counter,
        term=Term(1),
        leader=NodeId("n1"),
        last=ORIGIN,
        commit=ORIGIN,
        source=None,
        unreachable=(),
    )


class Scripted:
    """n0 of three; the clock is in milliseconds."""

    def __init__(self, durable: DurableState | None = None) -> None:
        config = NodeConfig(id=NodeId("n0"), members=MEMBERS)
        self.node = Node(config, durable or DurableState(), random.Random(1), Nanos(0))
        self.drain()

    def drain(self) -> list[Message]:
        sent: list[Message] = []
        while ready := self.node.take_ready():
            sent += ready.messages
            if ready.persist is not None:
                self.node.persisted()
            for entry in ready.committed:
                self.node.apply(entry)
        return sent

    def hear(
        self,
        at: int,
        source: str,
        body: Body,
        *records: GossipRecord,
        term: int = 1,
        number: int = 1,
    ) -> list[Message]:
        message = Message(source, "n0", RequestId(number), Term(term), records, body)
        self.node.step(message, Nanos(at * MS))
        return self.drain()

    def votes(self, at: int, *, pre_vote: bool = False, transfer: bool = False) -> bool:
        """Whether n0 gives n2, a candidate of term 2, its vote."""
        request = RequestVote(Term(2), ORIGIN, pre_vote, transfer)
        answers = self.hear(at, "n2", request, term=1 if pre_vote else 2)
        (vote,) = [m.body for m in answers if isinstance(m.body, Vote)]
        return vote.granted


@pytest.mark.parametrize("pre_vote", [True, False])
@pytest.mark.parametrize(("at", "granted"), [(PROMISE - 1, False), (PROMISE, True)])
def test_who_hears_the_leader_elects_no_other_for_a_time(
    pre_vote: bool, at: int, granted: bool
) -> None:
    node = Scripted()
    node.hear(0, "n1", Heartbeat(), leader_record())
    assert node.votes(at, pre_vote=pre_vote) is granted


def test_the_promise_survives_the_adoption_of_a_higher_term() -> None:
    node = Scripted()
    node.hear(0, "n1", Heartbeat(), leader_record())
    node.hear(10, "n2", Heartbeat(), term=2)
    assert node.node.status.term == 2
    assert not node.votes(20)


def test_a_repeated_old_heartbeat_binds_as_well_since_it_is_confirmed_as_well() -> None:
    node = Scripted()
    node.hear(0, "n2", Heartbeat(), leader_record(counter=6))
    (reply,) = node.hear(500, "n1", Heartbeat(), leader_record(counter=5))[:1]
    assert reply.body == HeartbeatReply()
    assert not node.votes(500 + PROMISE - 1)


def test_news_at_second_hand_binds_nobody_to_refuse_a_vote() -> None:
    node = Scripted()
    node.hear(0, "n2", Heartbeat(), leader_record())
    assert node.votes(10)


@pytest.mark.parametrize(
    "heartbeat",
    [
        Message("n1", "n0", RequestId(1), Term(1), (), Heartbeat()),
        Message("n1", "n0", RequestId(1), Term(0), (leader_record(),), Heartbeat()),
        Message(
            "n1", "n0", RequestId(1), Term(1), (leader_record()._replace(leader=None),), Heartbeat()
        ),
        Message("n2", "n0", RequestId(1), Term(1), (leader_record(),), Heartbeat()),
    ],
    ids=["says nothing", "is of an older term", "does not lead", "is another's"],
)
def test_only_the_leader_of_our_term_is_promised_anything(heartbeat: Message) -> None:
    assert not RULES.promises(heartbeat, Term(1))
    own_word = Message("n1", "n0", RequestId(1), Term(1), (leader_record(),), Heartbeat())
    assert RULES.promises(own_word, Term(1))
    assert not RULES.promises(own_word, Term(2))


def test_a_candidate_sent_by_the_leader_itself_releases_from_the_promise() -> None:
    node = Scripted()
    node.hear(0, "n1", Heartbeat(), leader_record())
    assert node.votes(10, transfer=True)


def test_a_node_that_comes_back_keeps_the_promises_it_may_have_made() -> None:
    again = DurableState(HardState(incarnation=Incarnation(1), term=Term(1)))
    assert not Scripted(again).votes(PROMISE - 1)
    assert Scripted(again).votes(PROMISE)
    assert Scripted().votes(1)  # Its first life: there is nothing to keep.


def leading() -> Scripted:
    """n0 leads term 1 since 3000; its no-op is committed, but no heartbeat was answered."""
    node = Scripted()
    node.node.tick(Nanos(3_000 * MS))
    for pre_vote in (True, False):
        asked = [m for m in node.drain() if isinstance(m.body, RequestVote)]
        for message in asked:
            vote = Vote(Term(1), granted=True, pre_vote=pre_vote)
            term = 0 if pre_vote else 1
            number = message.request
            given = Message(message.target, "n0", number, Term(term), (), vote)
            node.node.step(given, Nanos(3_000 * MS))
    node.drain()
    held = leader_record(2)._replace(
        leader=NodeId("n0"), last=Position(Term(1), node.node.status.last.index)
    )
    node.hear(3_000, "n1", HeartbeatReply(), held, number=0)
    status = node.node.status
    assert (status.role, status.applied) == ("leader", 1)
    return node


READ = ReadKeys(("x",), Consistency.LEASE)


def is_answered(node: Scripted, at: int) -> bool:
    said = [m.body for m in node.hear(at, "reader", READ, term=0)]
    return any(isinstance(body, Values) and body.consistency is READ.consistency for body in said)


def heartbeat_at(node: Scripted, at: int) -> int:
    """The number of the one sent to n1."""
    node.node.tick(Nanos(at * MS))
    return next(
        m.request for m in node.drain() if isinstance(m.body, Heartbeat) and m.target == "n1"
    )


def test_a_lease_begins_when_the_heartbeat_was_sent_not_when_it_was_answered() -> None:
    node = leading()
    number = heartbeat_at(node, 3_100)
    assert not is_answered(node, 3_110)
    node = leading()
    number = heartbeat_at(node, 3_100)
    node.hear(3_600, "n1", HeartbeatReply(), number=number)
    assert is_answered(node, 3_100 + 989)
    assert not is_answered(node, 3_100 + 990)


def test_a_heartbeat_answered_in_another_term_or_not_sent_as_leader_starts_no_lease() -> None:
    node = leading()
    number = heartbeat_at(node, 3_100)
    node.hear(3_110, "n1", HeartbeatReply(), term=0, number=number)
    node.hear(3_110, "n1", HeartbeatReply(), number=1)
    assert not is_answered(node, 3_120)


def test_a_lease_that_was_given_up_is_not_held_again_in_that_term() -> None:
    node = leading()
    number = heartbeat_at(node, 3_100)
    node.hear(3_110, "n1", HeartbeatReply(), number=number)
    assert is_answered(node, 3_120)
    node.node._reads.lease.give_up()
    assert not is_answered(node, 3_130)
    number = heartbeat_at(node, 3_200)
    assert not node.node._reads.lease.is_held


@given(st.integers(1, 10**11), st.integers(0, PPM - 1))
def test_a_lease_ends_before_the_promise_even_on_a_clock_faster_by_the_drift(
    promise: int, drift: int
) -> None:
    lease = RULES.lease_length(Nanos(promise), drift)
    assert lease * (PPM + drift) <= promise * PPM


def test_only_reads_that_ask_for_it_rest_on_a_lease() -> None:
    assert [c for c in Consistency if RULES.may_use_lease(c)] == [Consistency.LEASE]
