"""Votes, terms, disks and restarts: what must be found, and its closest legal neighbour."""

from __future__ import annotations

import pytest

from checker.verdict import Invalid, Valid
from tests.checker.raft.scripts import found, healthy, judge, kinds, new_leader, settle

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
    for voter in (n0, n2):
        voter.grant(2, "n1")
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


def test_a_start_that_died_before_its_first_write_may_be_numbered_again() -> None:
    n0, n1, n2 = healthy()
    n1.boot()
    n1.incarnation -= 1
    n1.boot()
    assert isinstance(judge(n0, n1, n2), Valid)


def test_a_gap_in_a_log_is_found() -> None:
    n0, n1, n2 = healthy()
    n1.log = (*n1.log, (1, 1))
    n1.append(1)
    verdict = judge(n0, n1, n2)
    assert kinds(verdict) == {"log without gaps"}
    assert isinstance(verdict, Invalid)
