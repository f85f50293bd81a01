"""For each invariant: a violation that must be found, and its closest legal neighbour."""

from __future__ import annotations

import pytest

from checker.base import Budget
from checker.raft.invariants import check_traces
from checker.verdict import Invalid, Unknown, UnknownCause, Valid
from tests.checker.raft.scripts import (
    Script,
    cluster,
    found,
    healthy,
    judge,
    kinds,
    replicate,
    settle,
)


def new_leader(leader: Script, voter: Script, term: int) -> None:
    voter.grant(term, leader.name)
    leader.lead(term)
    leader.append(term)


# --- verdicts --------------------------------------------------------------------


def test_a_healthy_run_is_valid_and_says_what_was_looked_at() -> None:
    verdict = judge(*healthy())
    assert verdict == Valid("3 nodes, 39 events, leaders in 1 terms, 3 entries committed")


def test_no_traces_are_nothing_to_check() -> None:
    verdict = check_traces({}, budget=Budget())
    assert isinstance(verdict, Unknown)
    assert verdict.cause is UnknownCause.NOTHING_TO_CHECK


def test_without_a_leader_there_is_nothing_to_check() -> None:
    verdict = judge(*cluster())
    assert verdict == Unknown(UnknownCause.NOTHING_TO_CHECK, "no leader was ever elected")


def test_without_a_commit_there_is_nothing_to_check() -> None:
    n0, n1, n2 = cluster()
    n0.lead(1)
    assert judge(n0, n1, n2) == Unknown(
        UnknownCause.NOTHING_TO_CHECK, "nothing was ever committed"
    )


def test_a_missing_trace_is_incomplete_evidence_naming_the_node() -> None:
    n0, n1, _ = healthy()
    verdict = judge(n0, n1)
    assert isinstance(verdict, Unknown)
    assert verdict.cause is UnknownCause.INCOMPLETE_EVIDENCE
    assert "n2" in verdict.detail


def test_a_trace_that_begins_late_is_incomplete_evidence() -> None:
    n0, n1, n2 = healthy()
    del n2.events[0]
    verdict = judge(n0, n1, n2)
    assert isinstance(verdict, Unknown)
    assert "n2" in verdict.detail


def test_a_violation_is_reported_even_if_a_trace_is_missing() -> None:
    n0, n1, _ = cluster()
    n0.lead(1)
    n1.lead(1)
    assert kinds(judge(n0, n1)) == {"election safety"}


def test_a_spent_budget_is_unknown() -> None:
    verdict = check_traces(
        {node.name: node.events for node in healthy()}, budget=Budget(deadline=lambda: True)
    )
    assert verdict == Unknown(UnknownCause.TIME_LIMIT, "after 0 events")


def test_a_digest_that_cannot_be_is_named_with_its_line() -> None:
    n0, n1, n2 = healthy()
    n0.append(1, -5)
    verdict = judge(n0, n1, n2)
    assert isinstance(verdict, Unknown)
    assert verdict.detail.startswith(f"n0 line {len(n0.events)}: ")
    assert "-5" in verdict.detail


def test_repeated_violations_are_one_anomaly_with_a_count() -> None:
    n0, n1, n2 = healthy()
    for _ in range(4):
        n2.apply(3)
    anomaly = found(judge(n0, n1, n2), "state-machine safety")
    assert anomaly.details[-1] == "found 4 times; this is the first"


def test_clocks_of_nodes_may_disagree_by_any_amount() -> None:
    for skewed in range(3):
        for start in (-(10**15), 10**15):
            members = ("n0", "n1", "n2")
            nodes = tuple(
                Script(name, members, at=start if number == skewed else 0)
                for number, name in enumerate(members)
            )
            for node in nodes:
                node.boot()
            n0, n1, n2 = nodes
            n0.lead(1)
            n1.grant(1, "n0")
            n0.append(1)
            settle(n0, n1, n2)
            assert isinstance(judge(n0, n1, n2), Valid)


def test_a_clock_that_jumps_back_within_a_node_changes_nothing() -> None:
    n0, n1, n2 = healthy()
    n1.at -= 500
    n1.boot()
    n1.adopt(2)
    assert isinstance(judge(n0, n1, n2), Valid)


# --- election safety ---------------------------------------------------------------


def test_two_leaders_of_one_term_are_named_with_their_events() -> None:
    n0, n1, n2 = cluster()
    n0.lead(4)
    n2.lead(4)
    anomaly = found(judge(n0, n1, n2), "election safety")
    assert anomaly.explanation == "n0 and n2 were both leader of term 4"
    assert anomaly.source == "Ongaro & Ousterhout 2014, Figure 3: Election Safety"
    assert anomaly.evidence == ()
    assert anomaly.details == (
        "n0 line 6 at 60 ns: role_changed role=leader term=4",
        "n2 line 6 at 60 ns: role_changed role=leader term=4",
    )


def test_two_leaders_of_different_terms_at_one_time_are_legal() -> None:
    n0, n1, n2 = healthy()
    new_leader(n1, n2, 2)  # n0 has not heard of it and still believes that it leads.
    settle(n1, n2)
    assert isinstance(judge(n0, n1, n2), Valid)


# --- leader append-only --------------------------------------------------------------


def test_a_leader_that_truncates_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n0.truncate(4)
    anomaly = found(judge(n0, n1, n2), "leader append-only")
    assert anomaly.explanation == (
        "n0 truncated its entry 4 of term 1 while it was leader of term 1"
    )


@pytest.mark.parametrize("how", ["steps down", "learns of a later term", "restarts"])
def test_a_deposed_leader_may_truncate(how: str) -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n0.persist()
    new_leader(n1, n2, 2)
    settle(n1, n2)
    if how == "steps down":
        n0.become("follower")
    elif how == "learns of a later term":
        n0.adopt(2)
    else:
        n0.boot()
    n0.truncate(4)
    n0.copy(n1)
    n0.persist()
    assert isinstance(judge(n0, n1, n2), Valid)


# --- log matching --------------------------------------------------------------------


def test_one_position_with_two_entries_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1, 71)
    n2.append(1, 72)
    anomaly = found(judge(n0, n1, n2), "log matching")
    assert anomaly.explanation == (
        "n0 and n2 both hold entry 4 of term 1, but their logs up to there first differ at index 4"
    )
    assert [line.split(" at ")[0] for line in anomaly.details] == [
        f"n0 line {len(n0.events)}",
        f"n2 line {len(n2.events)}",
    ]


def test_equal_entries_after_different_prefixes_are_found_where_they_differ() -> None:
    n0, n1, n2 = cluster()
    for node, second in ((n0, 1), (n1, 2)):
        node.append(1, 7)
        node.append(second, 8)
        node.append(3, 9)
        node.append(3, 9)
    anomaly = found(judge(n0, n1, n2), "log matching")
    assert anomaly.explanation == (
        "n0 and n1 both hold entry 3 of term 3, but their logs up to there first differ at index 2"
    )


def test_different_uncommitted_tails_of_different_terms_are_legal() -> None:
    n0, n1, n2 = healthy()
    n0.append(1, 71)
    new_leader(n1, n2, 2)
    settle(n1, n2)
    assert isinstance(judge(n0, n1, n2), Valid)


# --- leader completeness ---------------------------------------------------------------


def test_a_leader_that_lacks_a_committed_entry_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    replicate(n0, n1)
    n0.commit_to(4, leads=True)
    n2.lead(3)
    anomaly = found(judge(n0, n1, n2), "leader completeness")
    assert anomaly.explanation == (
        "n2 became leader of term 3 without entry 4 of the log that n0 had committed up to"
        " index 4 as leader of term 1"
    )


def test_a_leader_may_lack_what_a_later_leader_commits() -> None:
    """The term of the commit decides, not the term of the entry (Raft, Figure 8)."""
    nodes = cluster(5)
    n0, n1, n2, n3, n4 = nodes
    n0.lead(1)
    n0.append(1)
    replicate(n0, n1)
    n2.lead(2)  # By n3 and n4, without entry 1 of term 1.
    n0.lead(3)
    n0.append(3)
    settle(n0, n1, n3)
    assert isinstance(judge(*nodes), Valid)
    assert n4.log == ()


# --- state machine -----------------------------------------------------------------------


def test_different_entries_applied_at_one_index_are_found() -> None:
    n0, n1, n2 = cluster()
    for node, digest in ((n0, 5), (n2, 6)):
        node.append(1, digest)
        node.commit_to(1)
        node.apply()
    anomaly = found(judge(n0, n1, n2), "state-machine safety")
    assert "n0 and n2 applied different entries at index 1" in anomaly.explanation


def test_a_skipped_apply_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n0.append(1)
    settle(n0, n1)
    n2.copy(n0)
    n2.commit_to(5)
    n2.apply(5)
    anomaly = found(judge(n0, n1, n2), "state-machine safety")
    assert anomaly.explanation == "n2 applied entry 5 of term 1 right after entry 3"


def test_a_different_result_of_one_entry_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    settle(n0, n1)
    n2.copy(n0)
    n2.commit_to(4)
    n2.apply(result=1)
    verdict = judge(n0, n1, n2)
    assert kinds(verdict) == {"state-machine determinism"}
    assert "entry 4 of term 1" in found(verdict, "state-machine determinism").explanation


def test_a_restarted_node_applies_its_log_again() -> None:
    n0, n1, n2 = healthy()
    n2.boot(commit=2)
    n2.apply()
    n2.apply()
    n2.commit_to(3)
    n2.apply()
    assert isinstance(judge(n0, n1, n2), Valid)


# --- votes and terms -----------------------------------------------------------------------


def test_two_votes_in_a_term_are_found_across_a_restart() -> None:
    n0, n1, n2 = healthy()
    n1.grant(2, "n2")
    n1.boot_with(2, None, n1.log)
    n1.vote_for("n0")
    verdict = judge(n0, n1, n2)
    assert kinds(verdict) == {"one vote a term", "recovery"}
    anomaly = found(verdict, "one vote a term")
    assert anomaly.explanation == "n1 voted for both n2 and n0 in term 2"
    assert "vote None although its vote for n2 was durable" in (
        found(verdict, "recovery").explanation
    )


def test_the_same_vote_told_twice_is_legal() -> None:
    n0, n1, n2 = healthy()
    n1.grant(2, "n2")
    n1.tell_vote()
    n1.boot()
    n1.tell_vote()
    assert isinstance(judge(n0, n1, n2), Valid)


def test_a_vote_that_never_left_a_dead_node_may_be_given_again() -> None:
    n0, n1, n2 = healthy()
    n1.adopt(2)
    n1.vote_for("n2")
    n1.boot()
    n1.grant(2, "n0")
    assert isinstance(judge(n0, n1, n2), Valid)


def test_a_vote_on_disk_counts_although_nobody_lived_to_say_so() -> None:
    n0, n1, n2 = healthy()
    n1.adopt(2)
    n1.vote_for("n2")
    n1.boot_with(2, "n2", n1.log)
    assert isinstance(judge(n0, n1, n2), Valid)
    n1.vote_for("n0")
    assert kinds(judge(n0, n1, n2)) == {"one vote a term"}


def test_a_vote_told_before_it_is_durable_is_found() -> None:
    n0, n1, n2 = healthy()
    n1.adopt(2)
    n1.vote_for("n2")
    n1.tell_vote()
    n1.persist()
    verdict = judge(n0, n1, n2)
    assert kinds(verdict) == {"durable before acknowledged"}
    assert found(verdict, "durable before acknowledged").explanation == (
        "n1 told n2 of its vote in term 2 before that vote was durable"
    )


def test_a_leader_whose_own_vote_is_not_durable_is_found() -> None:
    n0, n1, n2 = healthy()
    n1.adopt(2)
    n1.vote_for("n1")
    n1.become("leader")
    assert kinds(judge(n0, n1, n2)) == {"durable before acknowledged"}


def test_a_term_that_goes_back_is_found() -> None:
    n0, n1, n2 = healthy()
    n1.adopt(5)
    n1.adopt(4)
    anomaly = found(judge(n0, n1, n2), "terms never go back")
    assert anomaly.explanation == "n1 went back to term 4 after term 5"


def test_a_restart_that_forgets_the_term_is_found() -> None:
    n0, n1, n2 = healthy()
    n1.adopt(5)
    n1.persist()
    n1.boot_with(1, None, n1.log)
    anomaly = found(judge(n0, n1, n2), "terms never go back")
    assert anomaly.explanation == "n1 restarted in term 1 although it had persisted term 5"


def test_a_term_that_was_not_yet_durable_may_be_forgotten() -> None:
    n0, n1, n2 = healthy()
    n1.adopt(5)
    n1.boot()
    assert isinstance(judge(n0, n1, n2), Valid)


def test_a_leader_may_return_as_a_follower_of_the_same_term() -> None:
    n0, n1, n2 = healthy()
    n0.boot(commit=3)
    n0.tell_position()
    assert isinstance(judge(n0, n1, n2), Valid)


# --- commit points -----------------------------------------------------------------------


def test_a_commit_point_that_goes_back_is_found() -> None:
    n0, n1, n2 = healthy()
    n1.commit_to(2)
    anomaly = found(judge(n0, n1, n2), "commit points never go back")
    assert anomaly.explanation == (
        "n1 moved its commit point back from index 3 to index 2 of term 1"
    )


def test_an_older_commit_point_after_a_restart_is_legal() -> None:
    n0, n1, n2 = healthy()
    n1.boot(commit=1)
    n1.commit_to(2)
    assert isinstance(judge(n0, n1, n2), Valid)


def test_a_restart_with_a_commit_point_never_reached_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    settle(n0, n1)
    n2.copy(n0)
    n2.persist()
    n2.boot(commit=4)
    assert kinds(judge(n0, n1, n2)) == {"recovery"}


def test_a_commit_point_beyond_the_log_is_found() -> None:
    n0, n1, n2 = healthy()
    n1.commit_to(9)
    assert kinds(judge(n0, n1, n2)) == {"commit point within the log"}


def test_an_entry_of_an_older_term_committed_by_counting_is_found() -> None:
    n0, n1, n2 = cluster()
    n0.lead(1)
    n0.append(1)
    replicate(n0, n1)
    n0.lead(2)
    for node in (n0, n1, n2):
        replicate(n0, *({n1, n2} - {node}))
    n0.commit_to(1, leads=True)
    verdict = judge(n0, n1, n2)
    assert kinds(verdict) == {"commit rule"}
    assert found(verdict, "commit rule").explanation == (
        "n0, leader of term 2, committed entry 1 of the earlier term 1 by counting"
    )


def test_older_entries_commit_together_with_one_of_the_own_term() -> None:
    n0, n1, n2 = cluster()
    n0.lead(1)
    n0.append(1)
    replicate(n0, n1)
    n0.lead(2)
    n0.append(2)
    settle(n0, n1, n2)
    assert isinstance(judge(n0, n1, n2), Valid)


def test_a_commit_without_a_durable_majority_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n0.persist()
    n1.copy(n0)
    n0.commit_to(4, leads=True)
    verdict = judge(n0, n1, n2)
    assert kinds(verdict) == {"commit rule"}
    assert found(verdict, "commit rule").explanation == (
        "n0 committed entry 4 as leader of term 1 though only n0 of n0, n1, n2 held it durably"
        " in that term"
    )
    n1.persist()
    assert isinstance(judge(n0, n1, n2), Valid)


def test_the_leaders_own_disk_counts_only_from_when_it_holds_the_entry() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n1.copy(n0)
    n1.persist()
    n0.commit_to(4, leads=True)
    n0.persist()
    assert kinds(judge(n0, n1, n2)) == {"commit rule"}
    n2.copy(n0)
    n2.persist()
    assert isinstance(judge(n0, n1, n2), Valid)


def test_a_position_held_only_in_a_later_term_does_not_count() -> None:
    """SERVER-22136: the report of a node that has moved on proves nothing."""
    n0, n1, n2 = healthy()
    n0.append(1)
    n0.persist()
    n2.grant(2, "n1")
    n2.copy(n0)
    n2.persist()
    n2.tell_position()
    n0.commit_to(4, leads=True)
    assert kinds(judge(n0, n1, n2)) == {"commit rule"}


def test_a_member_that_is_not_heard_may_have_been_the_missing_one() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n0.persist()
    n0.commit_to(4, leads=True)
    assert kinds(judge(n0, n1, n2)) == {"commit rule"}
    assert isinstance(judge(n0, n1), Unknown)


def test_a_follower_that_takes_an_uncommitted_entry_for_committed_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    replicate(n0, n1)
    n1.commit_to(4)
    verdict = judge(n0, n1, n2)
    assert kinds(verdict) == {"commit rule"}
    n0.commit_to(4, leads=True)
    assert isinstance(judge(n0, n1, n2), Valid)


def test_two_committed_branches_are_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n2.grant(2, "n1")
    n1.lead(2)
    n1.append(2)
    settle(n1, n2)
    n0.commit_to(4)
    anomaly = found(judge(n0, n1, n2), "one committed log")
    assert "first differ at index 4" in anomaly.explanation
    assert "n0" in anomaly.explanation


# --- truncation --------------------------------------------------------------------------


def test_truncating_below_the_own_commit_point_is_found() -> None:
    n0, n1, n2 = healthy()
    n1.truncate(3)
    anomaly = found(judge(n0, n1, n2), "committed entries are never truncated")
    assert anomaly.explanation == (
        "n1 truncated its entry 3 of term 1, which it knew to be committed up to index 3"
    )


def test_truncating_what_the_leader_of_the_last_term_committed_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    replicate(n0, n1)
    n1.truncate(4)
    assert isinstance(judge(n0, n1, n2), Valid)
    n0.commit_to(4, leads=True)
    verdict = judge(n0, n1, n2)
    assert kinds(verdict) == {"committed entries are never truncated"}
    assert found(verdict, "committed entries are never truncated").explanation == (
        "n1 truncated entry 4 of term 1, which n0 had committed as leader of term 1"
    )


def test_an_entry_may_be_truncated_by_one_and_committed_later_by_another() -> None:
    nodes = cluster(5)
    n0, n1, n2, n3, n4 = nodes
    n0.lead(1)
    n0.append(1)
    replicate(n0, n1)
    n2.lead(2)
    n2.append(2)
    n1.truncate(1)
    n1.copy(n2)
    n1.persist()
    n0.lead(3)
    n0.append(3)
    settle(n0, n3, n4)
    assert isinstance(judge(*nodes), Valid)


# --- applied and acknowledged -----------------------------------------------------------


def test_applying_before_the_commit_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n0.apply()
    verdict = judge(n0, n1, n2)
    assert kinds(verdict) == {"applied is a prefix of committed"}
    assert found(verdict, "applied is a prefix of committed").explanation == (
        "n0 applied entry 4 of term 1 while its commit point was index 3"
    )


def test_applying_what_is_not_in_the_log_is_found() -> None:
    n0, n1, n2 = healthy()
    n2.boot(commit=3)
    n2.log = ((1, 4), *n2.log[1:])
    n2.apply()
    assert "applied is a prefix of committed" in kinds(judge(n0, n1, n2))


def test_an_answer_before_the_commit_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n0.answer(4, client="c9", sequence=3)
    verdict = judge(n0, n1, n2)
    assert kinds(verdict) == {"acknowledged entries are kept"}
    assert found(verdict, "acknowledged entries are kept").explanation == (
        "n0 acknowledged to client c9 entry 4 of term 1, which it did not know to be committed"
        " (its commit point was index 3)"
    )


def test_an_acknowledged_entry_that_a_later_leader_lacks_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n0.commit_to(4)
    n0.answer(4)
    n2.grant(2, "n1")
    n1.lead(2)
    anomaly = found(judge(n0, n1, n2), "acknowledged entries are kept")
    assert anomaly.explanation == (
        "n1 became leader of term 2 without entry 4 of the log up to index 4 whose last entry"
        " n0 had acknowledged to client c1 in term 1"
    )


def test_an_acknowledged_entry_that_later_leaders_hold_is_legal() -> None:
    n0, n1, n2 = healthy()
    n0.answer(3)
    new_leader(n1, n2, 2)
    settle(n1, n2)
    n1.answer(3)  # The same request, repeated to the new leader.
    assert isinstance(judge(n0, n1, n2), Valid)


# --- durability and recovery ---------------------------------------------------------------


def test_a_position_told_before_it_is_durable_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n1.copy(n0)
    n1.tell_position()
    n1.persist()
    verdict = judge(n0, n1, n2)
    assert kinds(verdict) == {"durable before acknowledged"}
    assert found(verdict, "durable before acknowledged").explanation == (
        "n1 told others in term 1 that it held entry 4 of term 1 before that was durable"
    )


def test_a_position_may_be_told_while_more_is_being_written() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n1.copy(n0)
    n1.tell_position_of(1, 1, 3)
    assert isinstance(judge(n0, n1, n2), Valid)


def test_a_position_never_held_in_the_stated_term_is_found() -> None:
    """A gossip record merged field by field states what never was (PROTOCOL D8)."""
    n0, n1, n2 = healthy()
    n0.append(1)
    n1.copy(n0)
    n1.persist()
    n1.adopt(2)
    n1.truncate(4)
    n1.persist()
    n1.tell_position_of(1, 1, 4)  # Late, but it was so.
    assert isinstance(judge(n0, n1, n2), Valid)
    n1.tell_position_of(2, 1, 4)
    assert kinds(judge(n0, n1, n2)) == {"durable before acknowledged"}


def test_a_write_that_ends_after_the_log_moved_on_is_understood() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n1.copy(n0)
    in_flight = n1.log
    n1.persist()
    persisted = n1.events.pop()
    n0.append(1)
    n1.copy(n0)
    n1.events.append(persisted)  # The disk is done with entry 4 only now.
    n1.boot_with(n1.term, n1.vote, in_flight)
    assert isinstance(judge(n0, n1, n2), Valid)


def test_persisting_a_log_that_never_was_is_found() -> None:
    n0, n1, n2 = healthy()
    n1.log = (*n1.log, (1, 9))
    n1.persist()
    assert kinds(judge(n0, n1, n2)) == {"durable before acknowledged"}


def test_losing_what_was_durable_is_found() -> None:
    n0, n1, n2 = healthy()
    n1.boot_with(n1.term, n1.vote, n1.log[:2])
    verdict = judge(n0, n1, n2)
    assert kinds(verdict) == {"recovery"}
    assert found(verdict, "recovery").explanation == (
        "n1 restarted with a log that ends at index 2 of term 1 although index 3 of term 1"
        " was durable"
    )


@pytest.mark.parametrize("kept", [3, 4, 5])
def test_any_part_of_an_unfinished_write_may_survive(kept: int) -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n0.append(1)
    n1.copy(n0)
    n1.boot_with(n1.term, n1.vote, n1.log[:kept])
    n1.tell_position()
    assert isinstance(judge(n0, n1, n2), Valid)


@pytest.mark.parametrize("state", ["before", "cut", "after"])
def test_an_unfinished_truncation_may_or_may_not_survive(state: str) -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n0.persist()
    before = n0.log
    new_leader(n1, n2, 2)
    settle(n1, n2)
    n0.adopt(2)
    n0.truncate(4)
    cut = n0.log
    n0.copy(n1)
    n0.boot_with(1, "n0", {"before": before, "cut": cut, "after": n0.log}[state])
    assert isinstance(judge(n0, n1, n2), Valid)


def test_a_recovered_log_with_an_altered_entry_is_found() -> None:
    n0, n1, n2 = healthy()
    n1.boot_with(n1.term, n1.vote, ((1, 5), *n1.log[1:]))
    assert kinds(judge(n0, n1, n2)) == {"recovery"}


def test_an_incarnation_that_does_not_grow_is_found() -> None:
    n0, n1, n2 = healthy()
    n1.incarnation -= 1
    n1.boot()
    assert kinds(judge(n0, n1, n2)) == {"recovery"}


def test_a_gap_in_a_log_is_found() -> None:
    n0, n1, n2 = healthy()
    n1.log = (*n1.log, (1, 1))
    n1.append(1)
    verdict = judge(n0, n1, n2)
    assert kinds(verdict) == {"log without gaps"}
    assert isinstance(verdict, Invalid)
