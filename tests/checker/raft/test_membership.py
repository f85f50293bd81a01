"""Quorums of the membership in force: what must be found, and its closest legal neighbour."""

from __future__ import annotations

from checker.verdict import Valid
from tests.checker.raft.scripts import Script, cluster, found, judge, kinds, replicate, settle

FOUR = ("n0", "n1", "n2", "n3")
WITHOUT_N3 = ("n0", "n1", "n2")
CHANGE = 77
"""The digest of an entry that changes the membership."""


def four() -> tuple[Script, Script, Script, Script]:
    """n0 leads term 1 of four and has committed two entries everywhere."""
    n0, n1, n2, n3 = cluster(4)
    n0.lead(1, n1, n2)
    n0.append(1)
    n0.append(1)
    settle(n0, n1, n2, n3)
    return n0, n1, n2, n3


def follow(leader: Script, *followers: Script) -> None:
    """The leader's last entry, which changes the membership, reaches ``followers``."""
    leader.persist()
    for follower in followers:
        follower.append(leader.term, CHANGE)
        follower.take_voters(len(follower.log), *leader.members)
        follower.persist()
        follower.tell_position()


def without_n3() -> tuple[Script, Script, Script, Script]:
    """As ``four``, and n3 has been removed, which it does not know."""
    n0, n1, n2, n3 = four()
    n0.change(*WITHOUT_N3, digest=CHANGE)
    follow(n0, n1, n2)
    n0.commit_to(3, leads=True)
    return n0, n1, n2, n3


# --- quorums ---------------------------------------------------------------------


def test_two_of_the_three_that_are_left_are_enough() -> None:
    n0, n1, n2, n3 = without_n3()
    n0.append(1)
    replicate(n0, n1)
    n0.commit_to(4, leads=True)
    assert isinstance(judge(n0, n1, n2, n3), Valid)


def test_the_position_of_a_removed_node_does_not_count() -> None:
    n0, n1, n2, n3 = without_n3()
    n0.append(1)
    replicate(n0, n3)
    n0.commit_to(4, leads=True)
    anomaly = found(judge(n0, n1, n2, n3), "commit rule")
    assert anomaly.explanation == (
        "n0 committed entry 4 as leader of term 1 though only n0 of n0, n1, n2 held it durably"
        " in that term"
    )


def test_a_majority_of_the_old_voters_only_does_not_count() -> None:
    nodes = cluster(3)
    n0, n1, n2 = nodes
    n3 = Script("n3")
    n3.boot()
    n0.lead(1, n1)
    n0.append(1)
    settle(n0, n1, n2)
    n0.change(*FOUR, digest=CHANGE)
    follow(n0, n1)
    legal = [Script(node.name) for node in (n0, n1, n2, n3)]
    for copy, node in zip(legal, (n0, n1, n2, n3), strict=True):
        copy.__dict__.update({**node.__dict__, "events": list(node.events)})
    n0.commit_to(2, leads=True)  # Two of three; of four it takes three.
    assert kinds(judge(n0, n1, n2, n3)) == {"commit rule"}
    m0, m1, m2, m3 = legal
    follow(m0, m2)
    m0.commit_to(2, leads=True)
    assert isinstance(judge(m0, m1, m2, m3), Valid)


def test_a_leader_that_removed_itself_does_not_count_itself() -> None:
    for followers, valid in ((1, False), (2, True)):
        nodes = cluster(3)
        n0, n1, n2 = nodes
        n0.lead(1, n1)
        n0.append(1)
        settle(*nodes)
        n0.change("n1", "n2", digest=CHANGE)
        follow(n0, *(n1, n2)[:followers])
        n0.commit_to(2, leads=True)
        verdict = judge(*nodes)
        assert isinstance(verdict, Valid) if valid else kinds(verdict) == {"commit rule"}


def test_the_vote_of_a_removed_node_does_not_count() -> None:
    n0, n1, n2, n3 = without_n3()
    n1.lead(2, n3)
    anomaly = found(judge(n0, n1, n2, n3), "elected by a majority")
    assert anomaly.explanation == (
        "n1 became leader of term 2 though only n1 of n0, n1, n2 voted for it"
    )


def test_the_vote_of_another_voter_does() -> None:
    n0, n1, n2, n3 = without_n3()
    n1.lead(2, n2)
    assert isinstance(judge(n0, n1, n2, n3), Valid)


def test_a_node_whose_log_lags_is_elected_by_the_voters_of_its_own_log() -> None:
    n0, n1, n2, n3 = without_n3()
    n0.lead(2, n1)
    replicate(n0, n1, n2)
    assert isinstance(judge(n0, n1, n2, n3), Valid)
    n0, n1, n2, n3 = four()
    n0.lead(2, n1)  # Two of four.
    assert kinds(judge(n0, n1, n2, n3)) == {"elected by a majority"}


def test_after_a_restart_the_voters_are_those_of_the_log() -> None:
    n0, n1, n2, n3 = without_n3()
    n1.boot()
    n1.lead(2, n2)
    n1.append(2)
    replicate(n1, n2)
    n1.commit_to(4, leads=True)
    assert isinstance(judge(n0, n1, n2, n3), Valid)


# --- one change at a time ----------------------------------------------------------


def test_a_second_change_before_the_first_is_committed_is_found() -> None:
    n0, n1, n2, n3 = four()
    n0.change(*WITHOUT_N3)
    n0.change("n0", "n1")
    anomaly = found(judge(n0, n1, n2, n3), "one membership change at a time")
    assert "at entry 4 before the change at entry 3 was committed" in anomaly.explanation


def test_a_second_change_after_the_first_is_committed_is_legal() -> None:
    n0, n1, n2, n3 = without_n3()
    n0.change("n0", "n1")
    assert isinstance(judge(n0, n1, n2, n3), Valid)


def test_a_change_before_an_entry_of_the_leaders_own_term_is_committed_is_found() -> None:
    for commits_first in (False, True):
        n0, n1, n2, n3 = four()
        n1.lead(2, n2, n3)
        n1.append(2)
        if commits_first:
            replicate(n1, n2, n3)
            n1.commit_to(3, leads=True)
        n1.change("n1", "n2", "n3")
        verdict = judge(n0, n1, n2, n3)
        if commits_first:
            assert isinstance(verdict, Valid)
        else:
            anomaly = found(verdict, "one membership change at a time")
            assert "before it had committed an entry of its own term" in anomaly.explanation


def test_two_servers_in_one_step_are_found() -> None:
    n0, n1, n2, n3 = four()
    n0.change("n0", "n1")
    anomaly = found(judge(n0, n1, n2, n3), "one membership change at a time")
    assert anomaly.explanation == (
        "n0 went from voters n0, n1, n2, n3 to n0, n1 at entry 3 in one step"
    )


def test_two_nodes_that_read_one_entry_differently_are_found() -> None:
    n0, n1, n2, n3 = four()
    n0.change(*WITHOUT_N3, digest=CHANGE)
    n1.append(1, CHANGE)
    n1.take_voters(3, "n0", "n1", "n3")
    anomaly = found(judge(n0, n1, n2, n3), "one membership change at a time")
    assert anomaly.explanation == (
        "n0 takes n0, n1, n2 for the voters from entry 3 of term 1 on, n1 takes n0, n1, n3"
    )


def test_a_change_that_is_truncated_was_none() -> None:
    n0, n1, n2, n3 = four()
    n0.change(*WITHOUT_N3)
    n1.lead(2, n2, n3)
    n1.append(2)
    n0.adopt(2)
    n0.become("follower")
    n0.truncate(3)
    n0.take_voters(0, *FOUR)
    replicate(n1, n0, n2)
    n1.commit_to(3, leads=True)
    n0.lead(3, n2, n3)
    n0.append(3)
    replicate(n0, n2, n3)
    n0.commit_to(4, leads=True)
    n0.change("n0", "n1", "n2")
    assert isinstance(judge(n0, n1, n2, n3), Valid)
