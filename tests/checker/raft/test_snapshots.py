"""Snapshots and lost disks: what must be found, and its closest legal neighbour."""

from __future__ import annotations

import msgspec

from checker.verdict import Unknown, Valid
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

SNAPSHOT = "a snapshot equals the replayed log"


def far_behind() -> tuple[Script, Script, Script]:
    """Three entries are committed and applied by n0 and n1; n2 has none of them."""
    n0, n1, n2 = cluster(3)
    n0.lead(1)
    n1.grant(1, "n0")
    for _ in range(3):
        n0.append(1)
    settle(n0, n1)
    n2.adopt(1)
    n2.persist()
    return n0, n1, n2


def test_a_follower_may_catch_up_by_a_snapshot_and_go_on_from_it() -> None:
    n0, n1, n2 = far_behind()
    n0.take_snapshot()
    n2.install(n0.log)
    n2.persist()
    n2.tell_position()
    n0.append(1)
    settle(n0, n1, n2)
    n2.take_snapshot()
    n2.boot()
    n2.commit_to(4)
    assert isinstance(judge(n0, n1, n2), Valid)


def test_a_node_that_installs_may_be_told_of_before_those_who_wrote_the_log() -> None:
    n0, n1, n2 = far_behind()
    n2.install(n0.log)
    for node in (n0, n1):
        node.at += 10**9
        node.events = [msgspec.structs.replace(e, at=e.at + 10**9) for e in node.events]
    assert isinstance(judge(n0, n1, n2), Valid)


def test_a_restart_begins_to_apply_after_the_snapshot() -> None:
    n0, n1, n2 = healthy()
    n1.take_snapshot()
    n1.persist()
    n1.boot(commit=3)
    n0.append(1)
    settle(n0, n1, n2)
    assert isinstance(judge(n0, n1, n2), Valid)
    n1.applied = 2
    n1.apply()
    assert kinds(judge(n0, n1, n2)) == {"state-machine safety"}


def test_a_snapshot_labelled_one_ahead_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n0.take_snapshot(4)
    anomaly = found(judge(n0, n1, n2), SNAPSHOT)
    assert anomaly.explanation == (
        "n0 took a snapshot at index 4 of term 1 of a state that held all up to index 3"
    )


def test_different_images_of_the_same_log_are_found() -> None:
    n0, n1, n2 = healthy()
    n0.take_snapshot()
    n1.take_snapshot()
    assert isinstance(judge(n0, n1, n2), Valid)
    n2.take_snapshot(image=77)
    assert kinds(judge(n0, n1, n2)) == {SNAPSHOT}


def test_an_image_that_changed_on_its_way_is_found() -> None:
    n0, n1, n2 = far_behind()
    n0.take_snapshot()
    n2.install(n0.log, image=77)
    assert kinds(judge(n0, n1, n2)) == {SNAPSHOT}


def test_an_image_that_changed_on_disk_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.take_snapshot()
    n0.persist()
    n0.snapshot = (3, 77)
    n0.boot()
    assert kinds(judge(n0, n1, n2)) == {SNAPSHOT}


def test_a_snapshot_of_a_log_that_nobody_had_is_found() -> None:
    n0, n1, n2 = far_behind()
    n2.install(((1, 5), (1, 6)))
    anomaly = found(judge(n0, n1, n2), SNAPSHOT)
    assert anomaly.explanation == (
        "n2 installed a snapshot at index 2 of term 1 of a log that no node ever had"
    )


def test_a_snapshot_whose_log_may_be_in_a_missing_trace_is_incomplete_evidence() -> None:
    n0, _, n2 = far_behind()
    n2.install(((1, 5), (1, 6)))
    verdict = judge(n0, n2)
    assert isinstance(verdict, Unknown)
    assert "n1, n2" in verdict.detail


def test_an_older_snapshot_over_a_newer_state_is_found() -> None:
    n0, n1, n2 = healthy()
    n2.install(n0.log)
    assert isinstance(judge(n0, n1, n2), Valid)
    n2.install(n0.log[:2])
    anomaly = found(judge(n0, n1, n2), "commit points never go back")
    assert anomaly.explanation == (
        "n2 moved its commit point back from index 3 to index 2 of term 1 by a snapshot"
    )


def test_a_snapshot_of_what_nobody_committed_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.append(1)
    n2.install(n0.log)
    assert kinds(judge(n0, n1, n2)) == {"commit rule"}


def test_a_snapshot_may_replace_a_tail_that_was_never_committed() -> None:
    n0, n1, n2 = healthy()
    n2.copy(n0)
    n0.append(1)
    n2.copy(n0)
    new_leader(n1, n0, 2)
    n0.truncate(4)
    settle(n1, n0)
    n2.adopt(2)
    n2.install(n1.log)
    n2.persist()
    n2.tell_position()
    assert isinstance(judge(n0, n1, n2), Valid)


def test_a_leader_that_installs_a_snapshot_is_found() -> None:
    n0, n1, n2 = healthy()
    n0.install(n1.log)
    assert kinds(judge(n0, n1, n2)) == {"leader append-only"}


def test_a_node_that_knows_that_its_disk_is_lost_may_begin_anew() -> None:
    n0, n1, n2 = healthy()
    n2.wiped()
    n2.adopt(1)
    n2.install(n0.log)
    n2.persist()
    n2.tell_position()
    n0.append(1)
    settle(n0, n1, n2)
    assert isinstance(judge(n0, n1, n2), Valid)


def test_a_node_that_does_not_know_is_found() -> None:
    n0, n1, n2 = healthy()
    n2.boot_with(0, None, ())
    assert kinds(judge(n0, n1, n2)) == {"recovery", "terms never go back"}


def test_a_vote_that_was_forgotten_with_the_disk_is_still_given() -> None:
    n0, n1, n2 = healthy()
    n1.grant(2, "n0")
    n1.wiped()
    n1.adopt(2)
    assert isinstance(judge(n0, n1, n2), Valid)
    n1.vote_for("n2")
    n1.persist()
    n1.tell_vote()
    assert kinds(judge(n0, n1, n2)) == {"one vote a term"}


def test_a_position_told_before_the_disk_was_lost_is_not_one_of_the_new_life() -> None:
    n0, n1, n2 = healthy()
    n1.wiped()
    n1.persist()
    n1.adopt(2)
    n1.persist()
    n1.tell_position_of(2, 1, 3)
    assert kinds(judge(n0, n1, n2)) == {"durable before acknowledged"}


def test_a_snapshot_does_not_make_a_node_count_before_its_disk_has_it() -> None:
    n0, n1, n2 = far_behind()
    n0.append(1)
    replicate(n0, n1)
    n0.commit_to(4, leads=True)
    n2.install(n0.log)
    n2.tell_position()
    assert kinds(judge(n0, n1, n2)) == {"durable before acknowledged"}


def test_a_trace_that_was_lost_with_the_disk_is_incomplete_evidence() -> None:
    n0, n1, n2 = healthy()
    n1.events.clear()
    n1.wiped()
    verdict = judge(n0, n1, n2)
    assert isinstance(verdict, Unknown)
    assert "n1" in verdict.detail


def test_a_vote_that_died_with_its_node_before_anybody_knew_was_never_given() -> None:
    n0, n1, n2 = healthy()
    n1.adopt(2)
    n1.vote_for("n0")
    n1.wiped()
    n1.grant(2, "n2")
    assert isinstance(judge(n0, n1, n2), Valid)
