"""For each invariant: a violation that must be found, and its closest legal neighbour."""

from __future__ import annotations

import pytest

from checker.base import Budget
from checker.raft.invariants import check_traces
from checker.verdict import Unknown, UnknownCause, Valid
from tests.checker.raft.scripts import (
    Script,
    cluster,
    found,
    healthy,
    judge,
    kinds,
    new_leader,
    replicate,
    settle,
)

# --- verdicts --------------------------------------------------------------------


def test_a_healthy_run_is_valid_and_says_what_was_looked_at() -> None:
    verdict = judge(*healthy())
    assert verdict == Valid("3 nodes, 39 events, 3 entries committed, terms with a leader: 1")


def test_no_traces_are_nothing_to_check() -> None:
    verdict = check_traces({}, budget=Budget())
    assert isinstance(verdict, Unknown)
    assert verdict.cause is UnknownCause.NOTHING_TO_CHECK


def test_without_a_leader_there_is_nothing_to_check() -> None:
    verdict = judge(*cluster())
    assert verdict == Unknown(UnknownCause.NOTHING_TO_CHECK, "no leader was ever elected")


def test_without_a_commit_there_is_nothing_to_check() -> None:
    n0, n1, n2 = cluster()
    n0.lead(1, n1)
    assert judge(n0, n1, n2) == Unknown(UnknownCause.NOTHING_TO_CHECK, "nothing was ever committed")


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
        "n0 line 6 at 0.000000 s: role_changed role=leader term=4",
        "n2 line 6 at 0.000000 s: role_changed role=leader term=4",
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
    assert n2.at < n0.at
    anomaly = found(judge(n0, n1, n2), "log matching")
    assert anomaly.explanation == (
        "n2 and n0 held entry 4 of term 1 in logs that differ before it or at it, first at index 4"
    )
    assert [line.split(" at ")[0] for line in anomaly.details] == [
        f"n2 line {len(n2.events)}",
        f"n0 line {len(n0.events)}",
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
        "n0 and n1 held entry 3 of term 3 in logs that differ before it or at it, first at index 2"
    )


def test_one_node_that_contradicts_its_own_past_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1, 71)
    n0.boot()
    n0.append(1, 72)
    anomaly = found(judge(n0, n1, n2), "log matching")
    assert anomaly.explanation.startswith("n0 at two times held entry 4 of term 1 ")


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
    n0.lead(1, *nodes[1:3])
    n0.append(1)
    replicate(n0, n1)
    n2.lead(2, *nodes[3:])  # By n3 and n4, without entry 1 of term 1.
    n0.lead(3, *nodes[3:])
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
    n0.lead(1, n1)
    n0.append(1)
    replicate(n0, n1)
    n0.lead(2, n1)
    replicate(n0, n1, n2)
    n0.commit_to(1, leads=True)
    verdict = judge(n0, n1, n2)
    assert kinds(verdict) == {"commit rule"}
    assert found(verdict, "commit rule").explanation == (
        "n0, leader of term 2, committed entry 1 of the earlier term 1 by counting"
    )


def test_older_entries_commit_together_with_one_of_the_own_term() -> None:
    n0, n1, n2 = cluster()
    n0.lead(1, n1)
    n0.append(1)
    replicate(n0, n1)
    n0.lead(2, n1)
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
    n0.lead(1, n1, n3)
    n0.append(1)
    replicate(n0, n1)
    n2.lead(2, n3, n4)
    n2.append(2)
    n1.truncate(1)
    n1.copy(n2)
    n1.persist()
    n0.lead(3, n3, n4)
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
