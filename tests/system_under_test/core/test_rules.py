"""Each rule of the protocol, by itself."""

from __future__ import annotations

import random
from collections.abc import Mapping
from types import MappingProxyType

from hypothesis import given
from hypothesis import strategies as st

from system_under_test.gossip_raft.core.messages import (
    Consistency,
    GossipRecord,
    Heartbeat,
    HeartbeatReply,
    Lost,
    Message,
    RequestVote,
    Vote,
)
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    Entry,
    Incarnation,
    LogIndex,
    Nanos,
    NodeId,
    Position,
    RequestId,
    Term,
)

RULES = Rules()
MS = 1_000_000
A, B, C = NodeId("a"), NodeId("b"), NodeId("c")
positions = st.builds(Position, st.integers(0, 4), st.integers(0, 9))


def at(term: int, index: int) -> Position:
    return Position(Term(term), LogIndex(index))


def record(node: NodeId, last: Position = ORIGIN, term: int = 1, counter: int = 1) -> GossipRecord:
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


def test_a_longer_log_of_an_older_term_is_not_up_to_date() -> None:
    assert not RULES.log_is_up_to_date(at(1, 9), at(2, 1))
    assert RULES.log_is_up_to_date(at(2, 1), at(1, 9))
    assert RULES.log_is_up_to_date(at(2, 3), at(2, 3))


def test_a_vote_is_given_once_a_term_and_repeated_to_the_same_candidate() -> None:
    ask = RequestVote(Term(2), at(1, 1), pre_vote=False)
    assert RULES.grants_vote(ask, A, Term(2), None, at(1, 1))
    assert RULES.grants_vote(ask, A, Term(2), A, at(1, 1))
    assert not RULES.grants_vote(ask, A, Term(2), B, at(1, 1))
    assert not RULES.grants_vote(ask, A, Term(3), None, at(1, 1))
    assert not RULES.grants_vote(ask, A, Term(2), None, at(1, 2))


def test_a_pre_vote_is_refused_by_whoever_hears_a_leader() -> None:
    ask = RequestVote(Term(2), at(1, 1), pre_vote=True)
    assert RULES.grants_pre_vote(ask, Term(1), at(1, 1), leader_is_recent=False)
    assert not RULES.grants_pre_vote(ask, Term(1), at(1, 1), leader_is_recent=True)
    assert not RULES.grants_pre_vote(ask, Term(2), at(1, 1), leader_is_recent=False)
    assert not RULES.grants_pre_vote(ask, Term(1), at(1, 2), leader_is_recent=False)


def test_a_vote_of_an_older_election_does_not_count() -> None:
    assert RULES.counts_vote(Vote(Term(2), granted=True, pre_vote=False), Term(2))
    assert not RULES.counts_vote(Vote(Term(1), granted=True, pre_vote=False), Term(2))
    assert not RULES.counts_vote(Vote(Term(2), granted=False, pre_vote=False), Term(2))


@given(st.integers(1, 101))
def test_two_quorums_always_share_a_node(members: int) -> None:
    assert 2 * RULES.quorum_size(members) > members
    assert 2 * (RULES.quorum_size(members) - 1) <= members


def test_a_term_is_seen_wherever_it_stands() -> None:
    gossip = (record(B, term=3), record(C, term=7))
    message = Message("b", "a", RequestId(1), Term(5), gossip, Heartbeat())
    assert RULES.highest_term_seen(message) == 7
    assert RULES.highest_term_seen(message._replace(gossip=())) == 5


def test_only_a_leaders_own_word_of_our_term_is_evidence_of_it() -> None:
    own_word = record(A)._replace(leader=A)
    assert RULES.is_leader_evidence(own_word, Term(1))
    assert not RULES.is_leader_evidence(own_word, Term(2))
    assert not RULES.is_leader_evidence(own_word._replace(node=B), Term(1))


def test_contact_counts_only_in_both_directions_and_in_the_leaders_term() -> None:
    near = record(B)
    assert RULES.is_contact(near, Term(1), hears=True)
    assert not RULES.is_contact(near, Term(2), hears=True)
    assert not RULES.is_contact(near, Term(1), hears=False)
    assert not RULES.is_contact(None, Term(1), hears=True)


def test_a_leader_asks_directly_whom_it_has_not_met_for_half_a_time_out() -> None:
    assert not RULES.is_asked_directly(Nanos(4), Nanos(10))
    assert RULES.is_asked_directly(Nanos(5), Nanos(10))


def test_a_position_counts_only_if_record_and_entry_are_of_the_leaders_term() -> None:
    assert RULES.counts_toward_commit(record(B, at(3, 5), term=3), Term(3))
    assert not RULES.counts_toward_commit(record(B, at(3, 5), term=4), Term(3))
    assert not RULES.counts_toward_commit(record(B, at(2, 5), term=3), Term(3))


@given(st.lists(positions, max_size=7), st.integers(1, 7))
def test_the_commit_point_is_held_by_a_majority_and_nothing_higher_is(
    held: list[Position], members: int
) -> None:
    held = held[:members]
    quorum = RULES.quorum_size(members)
    reached = RULES.commit_point_from_positions(held, members)
    if reached is None:
        assert len(held) < quorum
        return
    assert sum(position >= reached for position in held) >= quorum
    assert sum(position > reached for position in held) < quorum


def test_only_entries_of_the_own_term_are_committed_by_counting() -> None:
    entry = Entry(Term(2), LogIndex(1), None, ())
    assert RULES.may_commit(entry, Term(2))
    assert not RULES.may_commit(entry, Term(3))


def test_a_commit_point_is_believed_only_on_the_same_branch() -> None:
    assert RULES.advances_commit_from_gossip(at(2, 3), at(2, 9))
    assert not RULES.advances_commit_from_gossip(at(1, 9), at(2, 3))


def test_a_log_is_cut_only_for_a_higher_last_term() -> None:
    assert RULES.may_truncate(at(1, 9), at(2, 1))
    assert not RULES.may_truncate(at(2, 9), at(2, 1))
    assert not RULES.may_truncate(at(2, 9), at(1, 20))


def test_entries_are_taken_only_where_the_log_ends() -> None:
    assert RULES.accepts_pulled_entries(at(1, 2), at(1, 2), Term(1), Term(1))
    assert not RULES.accepts_pulled_entries(at(1, 2), at(1, 1), Term(1), Term(1))


def chosen(
    own: Position,
    *candidates: GossipRecord,
    leader: GossipRecord | None = None,
    distances: Mapping[NodeId, Nanos] = MappingProxyType({}),
) -> NodeId | None:
    return RULES.chooses_sync_source(own, leader, candidates, distances, lag_max=2)


def test_the_leader_is_the_source_if_it_is_within_reach() -> None:
    ahead = record(B, at(1, 9))
    assert chosen(at(1, 5), ahead, leader=record(A, at(1, 5))) == A
    assert chosen(at(1, 5), ahead, record(C, at(1, 7))) == B
    assert chosen(at(1, 9), ahead) is None


def test_among_equal_sources_the_one_with_fewer_children_is_chosen() -> None:
    busy, idle = record(B, at(1, 9)), record(A, at(1, 9))
    child = record(C, at(1, 9))._replace(source=B)
    assert chosen(at(1, 5), busy, idle) == B
    assert chosen(at(1, 5), busy, idle, child) in {A, C}


def test_among_fresh_sources_the_nearest_is_chosen_then_the_one_with_fewer_children() -> None:
    far, near, child = record(A, at(1, 9)), record(B, at(1, 8)), record(C, at(1, 5))
    child = child._replace(source=B)
    distances = {A: Nanos(9_000), B: Nanos(1_000)}
    assert chosen(at(1, 5), far, near, child, distances=distances) == B
    stale = near._replace(last=at(1, 7))
    assert chosen(at(1, 5), far, stale, child, distances=distances) == A
    hardly_nearer = {A: Nanos(1_010), B: Nanos(1_000)}
    assert chosen(at(1, 5), far, near, child, distances=hardly_nearer) == A
    older_branch = near._replace(last=at(0, 9))
    assert chosen(at(0, 5), far, older_branch, distances=distances) == A


def test_only_half_the_way_is_much_nearer() -> None:
    assert RULES.is_much_nearer(Nanos(4 * MS), Nanos(9 * MS))
    assert not RULES.is_much_nearer(Nanos(5 * MS), Nanos(10 * MS))
    assert not RULES.is_much_nearer(Nanos(4_000), Nanos(9_000))
    assert not RULES.is_much_nearer(None, Nanos(10 * MS))
    assert not RULES.is_much_nearer(Nanos(1), None)


def test_an_answer_that_is_due_is_waited_for_as_long_as_such_answers_took() -> None:
    def patience(usual: int | None) -> Nanos:
        usually = None if usual is None else Nanos(usual)
        return RULES.pull_patience(usually, least=Nanos(10), most=Nanos(100))

    assert [patience(usual) for usual in (None, 3, 30, 300)] == [100, 10, 30, 100]


def test_a_source_that_fell_behind_is_given_up() -> None:
    assert RULES.keeps_sync_source(at(1, 5), record(B, at(1, 5)))
    assert not RULES.keeps_sync_source(at(1, 5), record(B, at(1, 4)))


def test_a_sequence_not_above_the_newest_is_a_repeat() -> None:
    assert RULES.is_repeat(3, 3)
    assert RULES.is_repeat(2, 3)
    assert not RULES.is_repeat(4, 3)


def test_only_local_reads_are_served_from_the_applied_state() -> None:
    assert RULES.reads_applied_state(Consistency.LOCAL)
    assert not RULES.reads_applied_state(Consistency.LINEARIZABLE)


def test_a_leader_is_confirmed_by_a_majority_and_knows_the_commit_point_of_its_term() -> None:
    assert RULES.confirms_leadership(2, 3)
    assert not RULES.confirms_leadership(1, 3)
    assert RULES.knows_commit_point(at(2, 4), Term(2))
    assert not RULES.knows_commit_point(at(1, 4), Term(2))


# --- gossip ------------------------------------------------------------------------

# Records of one node: what it says is decided by (incarnation, counter), as in the core,
# where the owner raises the counter whenever it states something new.
versions = st.tuples(st.integers(1, 3), st.integers(1, 5)).map(
    lambda version: record(A, at(version[0], version[1] * 7 % 5))._replace(
        incarnation=Incarnation(version[0]),
        counter=version[1],
        term=Term(version[0] + version[1] % 2),
    )
)


@given(versions, versions)
def test_merging_is_commutative(one: GossipRecord, other: GossipRecord) -> None:
    assert RULES.merge_records(one, other) == RULES.merge_records(other, one)


@given(versions, versions, versions)
def test_merging_is_associative(a: GossipRecord, b: GossipRecord, c: GossipRecord) -> None:
    merge = RULES.merge_records
    assert merge(merge(a, b), c) == merge(a, merge(b, c))


@given(versions)
def test_merging_is_idempotent(one: GossipRecord) -> None:
    assert RULES.merge_records(one, one) is one


@given(versions, versions)
def test_merging_never_goes_back_and_never_mixes(one: GossipRecord, other: GossipRecord) -> None:
    merged = RULES.merge_records(one, other)
    assert merged is one or merged is other
    assert (merged.incarnation, merged.counter) >= (one.incarnation, one.counter)


# --- flow control ------------------------------------------------------------------


def test_a_queue_has_room_up_to_its_limit_and_one_request_always_fits() -> None:
    assert RULES.has_room(1, 2)
    assert not RULES.has_room(2, 2)
    assert RULES.has_room_for_bytes(0, 99, 10)
    assert RULES.has_room_for_bytes(4, 6, 10)
    assert not RULES.has_room_for_bytes(4, 7, 10)
    assert RULES.is_too_large(11, 10)
    assert not RULES.is_too_large(10, 10)


def test_a_request_expires_when_nothing_is_left_of_its_time() -> None:
    assert RULES.has_expired(Nanos(0))
    assert not RULES.has_expired(Nanos(1))
    assert not RULES.has_expired(None)


def test_children_and_depth_are_limited_only_if_a_limit_is_set() -> None:
    assert RULES.has_room_for_child(99, None)
    assert RULES.has_room_for_child(1, 2)
    assert not RULES.has_room_for_child(2, 2)
    assert RULES.may_chain_at(99, None)
    assert RULES.may_chain_at(2, 2)
    assert not RULES.may_chain_at(3, 2)


def test_a_node_that_lost_its_disk_is_in_no_quorum() -> None:
    sound = record(B, last=at(1, 3))._replace(leader=A)
    lost = sound._replace(recovering=True)
    assert RULES.counts_toward_commit(sound, Term(1))
    assert not RULES.counts_toward_commit(lost, Term(1))
    assert RULES.is_contact(sound, Term(1), hears=True)
    assert not RULES.is_contact(lost, Term(1), hears=True)


def test_a_node_that_lost_its_disk_votes_in_no_term_in_which_it_may_have_voted() -> None:
    assert not RULES.may_vote(Term(9), Term(0), recovering=True)
    assert not RULES.may_vote(Term(2), Term(2), recovering=False)
    assert RULES.may_vote(Term(3), Term(2), recovering=False)


def test_a_snapshot_is_installed_only_if_it_moves_the_commit_point_forward() -> None:
    assert RULES.installs_snapshot(at(1, 4), LogIndex(3))
    assert not RULES.installs_snapshot(at(1, 3), LogIndex(3))
    assert not RULES.installs_snapshot(at(2, 2), LogIndex(3))


def test_a_snapshot_stands_where_the_state_machine_does() -> None:
    assert RULES.compaction_point(LogIndex(3), LogIndex(7)) == 3


# --- what used to be decided in passing --------------------------------------------


def test_only_a_higher_term_is_adopted_and_it_ends_every_leadership() -> None:
    told = Message("b", "a", RequestId(1), Term(5), (), Heartbeat())
    assert RULES.adopts_term(told, Term(5), Term(4))
    assert not RULES.adopts_term(told, Term(5), Term(5))
    assert not RULES.adopts_term(told, Term(4), Term(5))
    assert RULES.steps_down(told, leads=True)


def test_an_answer_belongs_to_the_election_that_asked_for_it() -> None:
    assert RULES.is_of_election(RequestId(7), RequestId(7))
    assert not RULES.is_of_election(RequestId(6), RequestId(7))


def test_an_election_time_out_is_drawn_between_its_limits() -> None:
    rng = random.Random(1)
    drawn = {RULES.election_timeout(Nanos(10), Nanos(20), rng) for _ in range(200)}
    assert drawn == set(range(10, 21))


def test_silence_is_minded_in_every_term() -> None:
    assert RULES.minds_silence(Term(0))
    assert RULES.minds_silence(Term(7))


def test_everybody_asks_before_a_campaign_but_who_was_appointed() -> None:
    assert RULES.asks_before_campaign(transfer=False)
    assert not RULES.asks_before_campaign(transfer=True)


def test_a_leader_needs_a_majority_in_touch() -> None:
    assert RULES.keeps_leading(3, 5)
    assert not RULES.keeps_leading(2, 5)


def test_a_record_told_again_is_no_news() -> None:
    assert not RULES.retelling_is_news()


def test_entries_are_given_only_after_the_very_entry_that_is_asked_for() -> None:
    assert RULES.holds_what_is_asked(at(1, 2), at(1, 2))
    assert not RULES.holds_what_is_asked(at(1, 2), at(2, 2))
    assert not RULES.holds_what_is_asked(at(1, 2), None)


def test_a_commit_point_is_taken_only_as_far_as_the_log_goes() -> None:
    assert RULES.commit_from_source(LogIndex(5), LogIndex(3)) == 3
    assert RULES.commit_from_source(LogIndex(2), LogIndex(3)) == 2


def test_a_client_waits_for_the_very_entry_and_hears_nothing_definite_when_leadership_ends() -> (
    None
):
    assert RULES.awaited(at(2, 3)) != RULES.awaited(at(1, 3))
    assert isinstance(RULES.answer_when_deposed(at(2, 3)), Lost)


def test_an_answer_confirms_only_in_the_leaders_own_term() -> None:
    answer = Message("b", "a", RequestId(1), Term(2), (), HeartbeatReply())
    assert RULES.is_confirmation(answer, Term(2))
    assert not RULES.is_confirmation(answer, Term(1))


def test_a_lease_is_judged_by_the_time_it_is() -> None:
    assert RULES.lease_is_judged_at(Nanos(9), Nanos(1)) == 9


def test_a_refused_transaction_changes_nothing() -> None:
    assert RULES.changes_of_refused({"x": 1}) == {}
