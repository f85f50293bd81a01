"""What transcripts cannot show: several messages between two Readys, and hostile input."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.gossip import STRANGERS_MAX
from system_under_test.gossip_raft.core.messages import (
    Body,
    GetStatus,
    GossipRecord,
    Heartbeat,
    HeartbeatReply,
    Message,
    PulledEntries,
    PullEntries,
    PutEntries,
    ReadLog,
    RequestVote,
    Results,
    Status,
    Unavailable,
    Vote,
)
from system_under_test.gossip_raft.core.node import Node
from system_under_test.gossip_raft.core.ready import Ready
from system_under_test.gossip_raft.core.trace import PositionTold, VoteTold
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    ClientId,
    DurableState,
    Entry,
    HardState,
    Incarnation,
    InvariantViolation,
    LogIndex,
    Nanos,
    NodeId,
    Position,
    Put,
    Raw,
    RequestId,
    Session,
    Term,
)

MEMBERS = (NodeId("n0"), NodeId("n1"), NodeId("n2"))
NOW = Nanos(0)


def record(node: str, counter: int = 1, term: int = 0, last: Position = ORIGIN) -> GossipRecord:
    return GossipRecord(
        node=NodeId(node),
        incarnation=Incarnation(1),
        counter=counter,
        term=Term(term),
        leader=None,
        last=last,
        commit=ORIGIN,
        source=None,
        unreachable=(),
    )


def message(source: str, body: Body, *records: GossipRecord, term: int = 0) -> Message:
    return Message(source, "n0", RequestId(1), Term(term), records, body, hears=True)


def booted(durable: DurableState | None = None) -> Node:
    config = NodeConfig(id=NodeId("n0"), members=MEMBERS)
    node = Node(config, durable or DurableState(), random.Random(1), NOW)
    drain(node)
    return node


def drain(node: Node) -> list[Ready]:
    readys = []
    while ready := node.take_ready():
        readys.append(ready)
        if ready.persist is not None:
            node.persisted()
        for entry in ready.committed:
            node.apply(entry)
    return readys


def entry(term: int, index: int) -> Entry:
    session = Session(ClientId(f"c{index}"), 1)
    return Entry(Term(term), LogIndex(index), session, (Put("x", index),))


def test_a_vote_overtaken_by_a_newer_term_before_it_is_durable_was_never_given() -> None:
    node = booted()
    node.step(message("n1", RequestVote(Term(1), ORIGIN, pre_vote=False), term=1), NOW)
    node.step(message("n2", Heartbeat(), term=2), NOW)
    (ready,) = drain(node)
    assert ready.persist is not None
    assert (ready.persist.hard.term, ready.persist.hard.vote) == (2, None)
    assert [m.body for m in ready.messages if isinstance(m.body, Vote)] == [
        Vote(Term(1), granted=False, pre_vote=False)
    ]
    assert not any(isinstance(event, VoteTold) for event in ready.told)


def test_two_candidates_of_a_term_in_one_batch_get_one_vote() -> None:
    node = booted()
    for source in ("n1", "n2"):
        node.step(message(source, RequestVote(Term(1), ORIGIN, pre_vote=False), term=1), NOW)
    (ready,) = drain(node)
    granted = [m.target for m in ready.messages if isinstance(m.body, Vote) and m.body.granted]
    assert granted == ["n1"]


def test_every_envelope_states_what_is_durable_when_it_leaves() -> None:
    node = booted()
    node.step(message("n1", Heartbeat(), term=3), NOW)
    node.step(message("n2", Heartbeat(), term=5), NOW)
    (ready,) = drain(node)
    assert ready.persist is not None
    assert {m.term for m in ready.messages} == {ready.persist.hard.term} == {5}
    own = {r for m in ready.messages for r in m.gossip if r.node == "n0"}
    assert {r.term for r in own} == {5}
    assert len(own) == 1


def test_a_position_is_told_once() -> None:
    node = booted(DurableState(HardState(term=Term(1)), (entry(1, 1),)))
    told = []
    for _ in range(2):
        node.step(message("n1", Heartbeat(), term=1), NOW)
        told += [e for ready in drain(node) for e in ready.told if isinstance(e, PositionTold)]
    assert told == [PositionTold(term=Term(1), last_term=Term(1), last_index=LogIndex(1))]


def test_clients_teach_no_terms_and_strangers_enter_no_map() -> None:
    node = booted()
    node.step(message("client", GetStatus(), record("n1", term=9), term=9), NOW)
    node.step(message("n1", Heartbeat(), record("n9")), NOW)
    node.step(message("client", GetStatus()), NOW)
    statuses = [m.body for r in drain(node) for m in r.messages if isinstance(m.body, Status)]
    assert statuses[-1].term == 0
    assert {r.node for r in statuses[-1].records} <= set(MEMBERS)


def test_a_stranger_is_heard_but_deposes_no_live_leader() -> None:
    # It may be a member of which we do not know yet, but only if its log is longer than ours;
    # or one that was removed (PROTOCOL rule 13, D12).
    node = booted()
    ask = RequestVote(Term(2), ORIGIN, pre_vote=False)
    leader = record("n1", term=1)._replace(leader=NodeId("n1"))
    node.step(message("n1", Heartbeat(), leader, term=1), NOW)
    drain(node)
    node.step(message("n9", ask, term=2), NOW)
    assert drain(node) == []
    assert node.status.term == 1
    timeout = node.config.election_timeout_min_ns
    node.step(message("n9", ask, term=2), timeout)
    assert drain(node) == []
    assert node.status.term == 1
    longer = record("n9", term=2, last=Position(Term(1), LogIndex(1)))
    node.step(message("n9", replace(ask, last=longer.last), longer, term=2), timeout)
    votes = [m.body for ready in drain(node) for m in ready.messages if isinstance(m.body, Vote)]
    assert votes == [Vote(Term(2), granted=True, pre_vote=False)]


def test_only_so_many_strangers_are_remembered_and_the_silent_make_room() -> None:
    node = booted()
    for number in range(3 * STRANGERS_MAX):
        name = f"s{number}"
        node.step(message(name, Heartbeat(), record(name)), NOW)
        node.step(message(name, PullEntries(ORIGIN, ORIGIN, 1, Nanos(2**62))), NOW)
    heard = {m.target for ready in drain(node) for m in ready.messages}
    assert heard == {f"s{number}" for number in range(STRANGERS_MAX)}
    later = Nanos(node.config.election_timeout_min_ns + 1)
    node.step(message("late", Heartbeat(), record("late")), later)
    replies = [m for ready in drain(node) for m in ready.messages]
    # Nobody holds up an answer for longer than this node is willing to.
    assert "late" in {m.target for m in replies if isinstance(m.body, HeartbeatReply)}
    assert len([m for m in replies if isinstance(m.body, PulledEntries)]) == STRANGERS_MAX
    node.step(message("n1", Heartbeat(), record("n1")), later)
    node.step(message("s0", PullEntries(ORIGIN, ORIGIN, 1, Nanos(0))), later)
    node.step(message("late", PullEntries(ORIGIN, ORIGIN, 1, Nanos(0))), later)
    replies = [m for r in drain(node) for m in r.messages]
    assert {m.target for m in replies if m.hears} == {"n1", "s0", "late"}


def test_a_term_in_a_relayed_record_is_adopted() -> None:
    node = booted()
    node.step(message("n1", Heartbeat(), record("n2", term=4)), NOW)
    assert node.status.term == 4


def test_nobody_but_the_owner_speaks_for_a_node() -> None:
    node = booted()
    forged = record("n0", counter=99, last=Position(Term(0), LogIndex(7)))
    node.step(message("n1", Heartbeat(), forged), NOW)
    (ready,) = drain(node)
    (own,) = [r for r in ready.messages[0].gossip if r.node == "n0"]
    assert own.last == ORIGIN


def test_entries_nobody_asked_for_are_not_taken() -> None:
    node = booted()
    pulled = PulledEntries(ORIGIN, (entry(1, 1),), Position(Term(1), LogIndex(1)), ORIGIN)
    node.step(message("n1", pulled, term=1), NOW)
    assert node.log == ()


def test_a_node_that_would_drop_committed_entries_stops() -> None:
    hard = HardState(term=Term(1), commit=LogIndex(2))
    node = booted(DurableState(hard, (entry(1, 1), entry(1, 2))))
    with pytest.raises(InvariantViolation, match="below its commit point 2"):
        node._state.truncate(Position(Term(1), LogIndex(1)))


def test_after_a_restart_committed_entries_are_applied_again_from_the_first() -> None:
    hard = HardState(incarnation=Incarnation(4), term=Term(1), commit=LogIndex(1))
    config = NodeConfig(id=NodeId("n0"), members=MEMBERS)
    node = Node(config, DurableState(hard, (entry(1, 1), entry(1, 2))), random.Random(1), NOW)
    first, *rest = drain(node)
    assert first.persist is not None
    assert first.persist.hard.incarnation == 5
    assert first.messages == ()
    assert [e.index for ready in (first, *rest) for e in ready.committed] == [1]
    assert node.status.applied == 1


def test_a_request_has_no_number_of_a_former_life() -> None:
    hard = HardState(incarnation=Incarnation(1))
    numbers = []
    for durable in (DurableState(), DurableState(hard)):
        node = booted(durable)
        node.tick(Nanos(10**10))
        numbers.append({m.request for ready in drain(node) for m in ready.messages})
    assert numbers[0]
    assert not numbers[0] & numbers[1]


def test_a_held_pull_is_answered_when_its_time_is_up() -> None:
    node = booted()
    node.step(message("n1", PullEntries(ORIGIN, ORIGIN, 10, Nanos(5))), NOW)
    readys = drain(node)
    assert not any(isinstance(m.body, PulledEntries) for r in readys for m in r.messages)
    assert node.take_ready().wake_at <= 5
    node.tick(Nanos(5))
    (answer,) = [
        m.body for r in drain(node) for m in r.messages if isinstance(m.body, PulledEntries)
    ]
    assert answer == PulledEntries(ORIGIN, (), ORIGIN, ORIGIN)


def test_the_raw_log_lists_only_what_is_applied() -> None:
    raw = tuple(
        Entry(Term(1), LogIndex(i), Session(ClientId("web"), i), (Raw(str(i)),)) for i in (1, 2)
    )
    node = booted(DurableState(HardState(term=Term(1), commit=LogIndex(1)), raw))
    node.step(message("web", ReadLog(LogIndex(1), 10)), NOW)
    (ready,) = drain(node)
    (reply,) = ready.messages
    assert reply.body.entries == raw[:1]  # type: ignore[union-attr]


def test_on_a_full_disk_a_leader_refuses_what_is_new_and_only_that() -> None:
    config = NodeConfig(id=NodeId("n0"), members=(NodeId("n0"),))
    node = Node(config, DurableState(), random.Random(1), NOW)
    drain(node)
    node.tick(config.election_timeout_max_ns)
    drain(node)

    def put(sequence: int) -> Body:
        body = PutEntries(Session(ClientId("c"), sequence), (Put("x", sequence),))
        node.step(Message("c", "n0", RequestId(sequence), Term(0), (), body), NOW)
        (answer,) = [message.body for ready in drain(node) for message in ready.messages]
        return answer

    first = put(1)
    assert isinstance(first, Results)
    node.disk_full(True)
    assert put(1) == first
    assert put(2) == Unavailable("the disk is full, not executed")
    node.disk_full(False)
    assert isinstance(put(2), Results)


def test_on_a_full_disk_a_follower_pulls_nothing() -> None:
    node = booted()
    leader = record("n1", term=1)._replace(leader=NodeId("n1"))

    def asked(counter: int) -> set[type[Body]]:
        beat = message("n1", Heartbeat(), leader._replace(counter=counter), term=1)
        node.step(beat, Nanos(counter))
        return {type(m.body) for ready in drain(node) for m in ready.messages}

    node.disk_full(True)
    assert PullEntries not in asked(1)
    node.disk_full(False)
    assert PullEntries in asked(2)
