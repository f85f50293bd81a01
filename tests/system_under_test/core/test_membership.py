"""Who belongs, as the log says it, and the rules for changing that.

Clusters that change while they are under attack are in ``tests/simulation/test_campaigns.py``.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from system_under_test.gossip_raft.core.membership import (
    Memberships,
    outsiders,
    with_learner,
    with_promoted,
    without,
)
from system_under_test.gossip_raft.core.messages import GossipRecord, Status
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    Entry,
    Incarnation,
    LogIndex,
    Membership,
    Nanos,
    NodeId,
    Position,
    Put,
    SetMembership,
    Term,
)

A, B, C, D = (NodeId(name) for name in "abcd")
THREE = Membership((A, B, C))
RULES = Rules()


def entry(index: int, membership: Membership | None = None) -> Entry:
    command = Put("x", index) if membership is None else SetMembership(membership)
    return Entry(Term(1), LogIndex(index), None, (command,))


def test_a_server_joins_as_a_learner_is_promoted_and_leaves() -> None:
    learning = with_learner(THREE, D, "there")
    assert learning == Membership((A, B, C), (D,), ((D, "there"),))
    promoted = with_promoted(learning, D)
    assert promoted == Membership((A, B, C, D), (), ((D, "there"),))
    assert without(promoted, D) == without(learning, D) == THREE
    assert without(THREE, A) == Membership((B, C))


@given(st.lists(st.booleans(), max_size=12), st.data())
def test_truncation_gives_what_the_shorter_log_says(
    changes: list[bool], data: st.DataObject
) -> None:
    entries = [
        entry(index, Membership((NodeId(f"n{index}"),)) if change else None)
        for index, change in enumerate(changes, 1)
    ]
    keep = data.draw(st.integers(0, len(entries)))
    cut, short = Memberships(THREE, entries), Memberships(THREE, entries[:keep])
    changed = cut.truncate(LogIndex(keep))
    assert (cut.in_force, cut.since) == (short.in_force, short.since)
    assert changed == any(changes[keep:])


# --- the rules, one by one ---------------------------------------------------------


def record(term: int, last: Position) -> GossipRecord:
    return GossipRecord(
        node=A,
        incarnation=Incarnation(1),
        counter=1,
        term=Term(term),
        leader=None,
        last=last,
        commit=ORIGIN,
        source=None,
        unreachable=(),
    )


def test_only_voters_count_and_campaign() -> None:
    membership = Membership((A, B), (C,))
    for rule in (RULES.is_counted, RULES.may_campaign):
        assert [rule(node, membership) for node in (A, B, C, D)] == [True, True, False, False]


def test_a_change_waits_for_the_one_before_and_for_an_entry_of_the_leaders_term() -> None:
    assert RULES.change_is_over(LogIndex(3), LogIndex(3))
    assert not RULES.change_is_over(LogIndex(3), LogIndex(2))
    assert RULES.may_change_membership(Position(Term(2), LogIndex(5)), Term(2))
    assert not RULES.may_change_membership(Position(Term(1), LogIndex(5)), Term(2))


def test_a_learner_must_get_a_round_of_entries_within_an_election_time_out() -> None:
    assert RULES.has_caught_up(Nanos(10), Nanos(10))
    assert not RULES.has_caught_up(Nanos(11), Nanos(10))


def test_a_strangers_term_is_heeded_only_without_a_live_leader_and_with_a_longer_log() -> None:
    longer, own = Position(Term(1), LogIndex(6)), Position(Term(1), LogIndex(5))
    for seen, said, recent, heeded in (
        (1, own, True, True),  # Nothing is new about its term.
        (2, longer, True, False),
        (2, longer, False, True),
        (2, own, False, False),
        (2, Position(Term(0), LogIndex(9)), False, False),
        (2, Position(Term(2), LogIndex(1)), False, True),
    ):
        said_to = RULES.heeds_stranger(Term(seen), Term(1), said, own, leader_is_recent=recent)
        assert said_to is heeded, (seen, said, recent)


def test_who_did_not_win_pulls_from_a_longer_log_before_it_campaigns_again() -> None:
    own, longer = Position(Term(1), LogIndex(5)), Position(Term(2), LogIndex(1))
    assert RULES.campaigns_again(own, ())
    assert RULES.campaigns_again(own, (own, ORIGIN))
    assert not RULES.campaigns_again(own, (ORIGIN, longer))


def test_leadership_goes_only_to_a_log_as_long_as_the_leaders() -> None:
    last = Position(Term(2), LogIndex(5))
    assert RULES.may_take_over(record(2, last), last, Term(2))
    assert not RULES.may_take_over(record(1, last), last, Term(2))
    assert not RULES.may_take_over(record(2, Position(Term(2), LogIndex(4))), last, Term(2))
    assert not RULES.may_take_over(None, last, Term(2))
    assert not RULES.may_take_over(record(2, last)._replace(recovering=True), last, Term(2))


def status(role: str, term: int, membership: Membership, *, committed: bool = True) -> Status:
    last = Position(Term(term), LogIndex(7))
    commit = last if committed else Position(Term(1), LogIndex(6))
    return Status(
        role=role,
        term=Term(term),
        leader=None,
        last=last,
        commit=commit,
        applied=commit.index,
        source=None,
        records=(),
        membership=membership,
    )


def test_who_is_no_member_is_open_until_a_leader_has_committed_all_it_has() -> None:
    nodes, fewer = (A, B, C), without(THREE, C)
    knows, removed = status("follower", 2, THREE), status("follower", 2, fewer)
    assert outsiders(nodes, []) is None
    assert outsiders(nodes, [knows, status("leader", 2, THREE, committed=False)]) == ()
    assert outsiders(nodes, [knows, removed]) is None
    assert outsiders(nodes, [removed, status("leader", 2, THREE)]) == ()
    assert outsiders(nodes, [knows, status("leader", 2, fewer)]) == (C,)
    assert outsiders(nodes, [removed, status("leader", 2, THREE, committed=False)]) is None
    # A leader of an older term may have lost already.
    assert outsiders(nodes, [status("follower", 3, fewer), status("leader", 2, THREE)]) is None
    assert outsiders(nodes, [knows, status("leader", 2, with_learner(fewer, C, "x"))]) == ()
