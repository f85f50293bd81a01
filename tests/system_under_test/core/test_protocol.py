"""What the protocol demands beyond the decisions of ``Rules``: of order, envelopes, durability.

Each test names the rule or detail of ``docs/protocol.md`` that it breaks without.
"""

from __future__ import annotations

import random

import pytest

from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.messages import (
    Body,
    Consistency,
    Digest,
    GossipRecord,
    Heartbeat,
    HeartbeatReply,
    Message,
    PulledEntries,
    PullEntries,
    PullMismatch,
    PullSnapshot,
    PullTooOld,
    PutEntries,
    ReadKeys,
    RequestVote,
    SnapshotChunk,
    TimeoutNow,
    TimeoutNowReply,
    UpdatePosition,
    UpdatePositionReply,
    Values,
    Vote,
)
from system_under_test.gossip_raft.core.node import Node
from system_under_test.gossip_raft.core.ready import Ready
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.state import NodeState, Role
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    ClientId,
    DurableState,
    Entry,
    HardState,
    Incarnation,
    InvariantViolation,
    LogIndex,
    Membership,
    Nanos,
    NodeId,
    Position,
    Put,
    RequestId,
    Session,
    Term,
)

N0, N1, N2 = MEMBERS = (NodeId("n0"), NodeId("n1"), NodeId("n2"))
CONFIG = NodeConfig(id=N0, members=MEMBERS)
TIMEOUT = CONFIG.election_timeout_min_ns
LATER = Nanos(10 * CONFIG.election_timeout_max_ns)
NO_OP = Entry(Term(1), LogIndex(1), None, ())


def position(term: int, index: int) -> Position:
    return Position(Term(term), LogIndex(index))


def record(
    node: NodeId, *, counter: int = 1, term: int = 0, last: Position = ORIGIN
) -> GossipRecord:
    return GossipRecord(
        node=node,
        incarnation=Incarnation(1),
        counter=counter,
        term=Term(term),
        leader=None,
        last=last,
        commit=ORIGIN,
        source=None,
        unreachable=(),
    )


def said(
    source: NodeId, body: Body, *records: GossipRecord, term: int = 0, request: int = 1
) -> Message:
    """``source`` hears us; it stands by its record as if for the ``counter``-th time."""
    digest = tuple(Digest(r.node, r.incarnation, r.counter, r.counter) for r in records)
    return Message(source, N0, RequestId(request), Term(term), records, body, digest, hears=True)


class Driven:
    """n0 of three; ``obey`` does what a host would, but the disk only if told to."""

    def __init__(self, durable: DurableState | None = None) -> None:
        self.node = Node(CONFIG, durable or DurableState(), random.Random(1), Nanos(0))
        self.now = Nanos(0)
        self.obey()

    def hear(self, *messages: Message) -> None:
        for message in messages:
            self.node.step(message, self.now)

    def obey(self) -> list[Ready]:
        readys = []
        while ready := self.node.take_ready():
            readys.append(ready)
            if ready.persist is not None:
                self.node.persisted()
            for entry in ready.committed:
                self.node.apply(entry)
        return readys

    def lead(self) -> None:
        """Be elected in the next term by n1; the no-op is on disk, and nobody else has it."""
        self.now = LATER
        for _ in ("pre-vote", "vote"):
            self.node.tick(self.now)
            (asked,) = [m for r in self.obey() for m in r.messages if is_to(m, N1, RequestVote)]
            assert isinstance(asked.body, RequestVote)
            vote = Vote(term=asked.body.term, granted=True, pre_vote=asked.body.pre_vote)
            self.hear(said(N1, vote, term=self.node.status.term, request=asked.request))
        self.obey()
        assert self.node.status.role == "leader"


def is_to(message: Message, target: NodeId, kind: type[Body]) -> bool:
    return message.target == target and isinstance(message.body, kind)


PEER_BODIES: tuple[Body, ...] = (
    Heartbeat(),
    RequestVote(Term(9), ORIGIN, pre_vote=False),
    RequestVote(Term(9), ORIGIN, pre_vote=True),
    PullEntries(ORIGIN, ORIGIN, 1, Nanos(0)),
    PullSnapshot(ORIGIN, 0, 1),
    UpdatePosition(),
    TimeoutNow(Term(1)),
    PutEntries(Session(ClientId("c"), 1), (Put("x", 1),), "elsewhere"),
    HeartbeatReply(),
    Vote(term=Term(1), granted=True, pre_vote=False),
    PulledEntries(ORIGIN, (), ORIGIN, ORIGIN),
    PullMismatch(ORIGIN, (), ORIGIN),
    PullTooOld(ORIGIN, position(1, 1)),
    SnapshotChunk(
        position=position(1, 1),
        log_digest=0,
        membership=Membership(MEMBERS),
        total=1,
        digest=0,
        offset=0,
        chunk=b"x",
    ),
    UpdatePositionReply(),
    TimeoutNowReply(),
)


@pytest.mark.parametrize("where", ["envelope", "record", "record of another"])
@pytest.mark.parametrize("body", PEER_BODIES, ids=lambda body: type(body).__name__)
@pytest.mark.parametrize("role", ["leader", "candidate"])
def test_rule_3_a_higher_term_in_any_message_of_a_peer_ends_leadership_and_candidacy(
    role: str, body: Body, where: str
) -> None:
    driven = Driven()
    if role == "leader":
        driven.lead()
    else:
        driven.hear(said(N1, Heartbeat(), record(N1)._replace(leader=N1)))
        driven.hear(said(N1, TimeoutNow(Term(0))))
        driven.obey()
    assert driven.node.status.role == role
    if where == "envelope":
        message = said(N1, body, term=9)
    else:
        owner = N1 if where == "record" else N2
        message = said(N1, body, record(owner, counter=9, term=9), term=1)
    driven.hear(message)
    persists = [ready.persist for ready in driven.obey() if ready.persist is not None]
    assert driven.node.status.role != role
    assert driven.node.status.term == 9
    assert persists[0].hard.term == 9  # And it is durable, as rule 1 demands.


def test_rule_1_a_leader_counts_its_own_entry_only_when_it_is_on_disk() -> None:
    driven = Driven()
    driven.lead()
    put = PutEntries(Session(ClientId("c"), 1), (Put("x", 1),))
    driven.node.step(Message("c", N0, RequestId(1), Term(0), (), put), driven.now)
    ready = driven.node.take_ready()
    assert ready.persist is not None
    assert ready.persist.entries[-1].index == 2
    # n1 has it, although ours is still on the way to the disk: one of three is no majority.
    reported = record(N1, counter=5, term=1, last=position(1, 2))
    driven.hear(said(N1, UpdatePosition(), reported, term=1))
    assert driven.node.status.commit == position(1, 1)
    driven.node.persisted()
    assert driven.node.status.commit == position(1, 2)


def test_rule_1_no_vote_leaves_before_it_is_on_disk() -> None:
    driven = Driven()
    driven.hear(said(N1, RequestVote(Term(1), ORIGIN, pre_vote=False), term=1))
    ready = driven.node.take_ready()
    effects = list(ready.effects())
    assert ready.persist is not None
    assert ready.persist.hard.vote == N1
    (vote,) = [m for m in ready.messages if isinstance(m.body, Vote)]
    kinds = [type(effect).__name__ for effect in effects]
    assert vote.body == Vote(term=Term(1), granted=True, pre_vote=False)
    assert kinds.index("Persist") < kinds.index("Message")


def test_rule_2_a_pre_vote_round_changes_neither_term_nor_vote_on_either_side() -> None:
    asked = Driven(DurableState(HardState(term=Term(3), vote=N2)))
    asked.now = LATER
    asked.hear(said(N1, RequestVote(Term(4), ORIGIN, pre_vote=True), term=3))
    readys = asked.obey()
    (vote,) = [m.body for r in readys for m in r.messages if isinstance(m.body, Vote)]
    assert vote == Vote(term=Term(4), granted=True, pre_vote=True)
    assert all(ready.persist is None for ready in readys)
    assert asked.node.status.term == 3

    asking = Driven(DurableState(HardState(term=Term(3), vote=N2)))
    asking.now = LATER
    asking.node.tick(asking.now)
    readys = asking.obey()
    assert asking.node.status.role == "pre_candidate"
    assert all(ready.persist is None for ready in readys)
    assert asking.node.status.term == 3


def test_rule_5_a_leader_never_truncates() -> None:
    state = NodeState(CONFIG, DurableState(), random.Random(1), Nanos(0), Rules())
    state.enter_term(Term(1), Role.CANDIDATE)
    state.become(Role.LEADER, leader=N0)
    state.propose(session=None, commands=())
    with pytest.raises(InvariantViolation, match="leads term 1 and would truncate"):
        state.truncate(ORIGIN)


def test_rule_7_a_new_leader_appends_a_no_op_at_once_and_earlier_entries_wait_for_it() -> None:
    earlier = Entry(Term(1), LogIndex(1), None, ())
    driven = Driven(DurableState(HardState(term=Term(1)), (earlier,)))
    driven.lead()
    assert driven.node.log[1:] == (Entry(Term(2), LogIndex(2), None, ()),)
    driven.hear(
        said(N1, UpdatePosition(), record(N1, counter=5, term=2, last=position(1, 1)), term=2)
    )
    assert driven.node.status.commit == ORIGIN
    driven.hear(
        said(N1, UpdatePosition(), record(N1, counter=6, term=2, last=position(2, 2)), term=2)
    )
    assert driven.node.status.commit == position(2, 2)


def test_rule_9_gossip_about_the_leader_confirms_no_read() -> None:
    driven = Driven()
    driven.lead()
    committed = record(N1, counter=5, term=1, last=position(1, 1))
    driven.hear(said(N1, UpdatePosition(), committed, term=1))
    driven.obey()
    read = ReadKeys(("x",), Consistency.LINEARIZABLE)
    driven.node.step(Message("c", N0, RequestId(1), Term(0), (), read), driven.now)
    asked = [m for r in driven.obey() for m in r.messages if is_to(m, N1, Heartbeat)]
    news = [record(n, counter=9, term=1, last=position(1, 1))._replace(leader=N0) for n in (N1, N2)]
    driven.hear(said(N1, Heartbeat(), *news, term=1), said(N2, UpdatePosition(), *news, term=1))
    assert not [m for r in driven.obey() for m in r.messages if isinstance(m.body, Values)]
    driven.hear(said(N1, HeartbeatReply(), term=1, request=asked[0].request))
    assert [m for r in driven.obey() for m in r.messages if isinstance(m.body, Values)]


def test_d2_an_answer_of_a_lower_term_is_read_and_the_asker_learns_the_higher_one() -> None:
    driven = Driven(DurableState(HardState(term=Term(5))))
    driven.hear(said(N1, RequestVote(Term(2), ORIGIN, pre_vote=False), term=2))
    (answer,) = [m for r in driven.obey() for m in r.messages if isinstance(m.body, Vote)]
    assert answer.body == Vote(term=Term(2), granted=False, pre_vote=False)
    assert answer.term == 5


def test_d5_the_sources_commit_point_counts_only_up_to_what_was_pulled_from_it() -> None:
    driven = Driven()
    leader = record(N1, term=1, last=position(1, 3))._replace(leader=N1)
    driven.hear(said(N1, Heartbeat(), leader, term=1))
    (pull,) = [m for r in driven.obey() for m in r.messages if is_to(m, N1, PullEntries)]
    pulled = PulledEntries(ORIGIN, (NO_OP,), position(1, 3), position(1, 3))
    driven.hear(said(N1, pulled, term=1, request=pull.request))
    driven.obey()
    assert driven.node.status.commit == position(1, 1)


def test_d8_old_news_of_the_leader_told_again_postpone_no_election() -> None:
    driven = Driven()
    leader = record(N2, term=1)._replace(leader=N2)
    driven.hear(said(N1, Heartbeat(), leader, term=1))
    driven.obey()
    driven.now = Nanos(CONFIG.election_timeout_max_ns - 1)
    driven.hear(said(N1, Heartbeat(), record(N1, counter=2, term=1), leader, term=1))
    driven.obey()
    driven.now = Nanos(CONFIG.election_timeout_max_ns)
    driven.node.tick(driven.now)
    assert driven.node.status.role == "pre_candidate"


def test_d8_a_leader_that_stands_by_its_record_postpones_it_only_once_each_time() -> None:
    for beat, role in ((1, "pre_candidate"), (2, "follower")):
        driven = Driven()
        leader = record(N2, term=1)._replace(leader=N2)
        driven.hear(said(N1, Heartbeat(), leader, term=1))
        driven.obey()
        driven.now = Nanos(CONFIG.election_timeout_max_ns - 1)
        news = said(N1, Heartbeat(), record(N1, counter=2, term=1), term=1)
        digest = Digest(N2, Incarnation(1), counter=1, beat=beat)
        driven.hear(news._replace(digest=(*news.digest, digest)))
        driven.obey()
        driven.now = Nanos(CONFIG.election_timeout_max_ns)
        driven.node.tick(driven.now)
        assert driven.node.status.role == role


def test_d8_who_stands_by_a_record_that_we_lack_tells_us_nothing() -> None:
    driven = Driven()
    leader = record(N2, term=1)._replace(leader=N2)
    driven.hear(said(N1, Heartbeat(), leader, term=1))
    driven.obey()
    driven.now = Nanos(CONFIG.election_timeout_max_ns - 1)
    news = said(N1, Heartbeat(), record(N1, counter=2, term=1), term=1)
    # It may not lead any more, by its second record.
    driven.hear(news._replace(digest=(Digest(N2, Incarnation(1), counter=2, beat=9),)))
    driven.obey()
    driven.now = Nanos(CONFIG.election_timeout_max_ns)
    driven.node.tick(driven.now)
    assert driven.node.status.role == "pre_candidate"


def test_d8_fresh_news_of_the_leader_through_others_postpone_it() -> None:
    driven = Driven()
    for at, counter in ((0, 1), (CONFIG.election_timeout_max_ns - 1, 2)):
        driven.now = Nanos(at)
        leader = record(N2, counter=counter, term=1)._replace(leader=N2)
        driven.hear(said(N1, Heartbeat(), record(N1, counter=counter, term=1), leader, term=1))
        driven.obey()
    driven.now = Nanos(CONFIG.election_timeout_max_ns)
    driven.node.tick(driven.now)
    assert driven.node.status.role == "follower"


def test_d8_terms_are_adopted_before_the_map_is_read() -> None:
    driven = Driven()
    leader = record(N2, term=4)._replace(leader=N2)
    driven.hear(said(N1, Heartbeat(), leader, term=1))
    assert (driven.node.status.term, driven.node.status.leader) == (4, N2)


def test_d1_what_is_not_committed_is_not_applied_and_may_be_rolled_back() -> None:
    entry = Entry(Term(1), LogIndex(1), Session(ClientId("c"), 1), (Put("x", 1),))
    driven = Driven(DurableState(HardState(term=Term(1)), (entry,)))
    assert driven.node.status.applied == 0
    leader = record(N1, term=2, last=position(2, 1))._replace(leader=N1)
    driven.hear(said(N1, Heartbeat(), leader, term=2))
    (pull,) = [m for r in driven.obey() for m in r.messages if is_to(m, N1, PullEntries)]
    mismatch = PullMismatch(position(2, 1), (position(2, 1),), ORIGIN)
    driven.hear(said(N1, mismatch, term=2, request=pull.request))
    driven.obey()
    assert driven.node.log == ()
    assert driven.node.status.applied == 0


def test_d6_an_answer_to_an_earlier_round_counts_no_more() -> None:
    driven = Driven()
    rounds = []
    for _ in range(2):
        driven.now = Nanos(driven.now + LATER)
        driven.node.tick(driven.now)
        rounds += [m for r in driven.obey() for m in r.messages if is_to(m, N1, RequestVote)]
    granted = Vote(term=Term(1), granted=True, pre_vote=True)
    driven.hear(said(N1, granted, request=rounds[0].request))
    assert driven.node.status.role == "pre_candidate"
    driven.hear(said(N1, granted, request=rounds[1].request))
    assert driven.node.status.role == "candidate"


def test_d8_a_node_learns_nothing_of_itself_from_others() -> None:
    driven = Driven(DurableState(HardState(incarnation=Incarnation(1), term=Term(1), vote=N0)))
    former = record(N0, counter=9, term=1)._replace(leader=N0)
    driven.hear(said(N1, Heartbeat(), record(N1, term=1), former, term=1))
    assert driven.node.status.leader is None
