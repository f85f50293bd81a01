"""Failures with one cause make one group."""

from __future__ import annotations

from harness.campaign.groups import grouped, to_run_again, to_shrink
from tests.harness.campaign.findings import again, failing, findings, ran, shrunk, task


def shown(*records: object) -> list[tuple[str, list[int]]]:
    made = grouped(findings(*records))  # type: ignore[arg-type]
    return [(str(group.signature), [one.task for one in group.members]) for group in made]


def test_what_is_valid_is_in_no_group() -> None:
    assert shown(ran(0), ran(1)) == []


def test_different_anomalies_are_different_causes() -> None:
    assert shown(failing(0), failing(1, found="linearizable: nonlinearizable")) == [
        ("linearizable: nonlinearizable", [1]),
        ("raft: two leaders", [0]),
    ]


def test_the_simplest_failure_stands_for_those_with_more_faults() -> None:
    found = [failing(0, "kill", "pause"), failing(1, "kill"), failing(2, "disk")]
    assert shown(*found) == [("raft: two leaders", [1, 0]), ("raft: two leaders", [2])]


def test_what_one_needs_decides_who_is_with_it() -> None:
    found = [failing(0, "kill", "pause"), failing(1, "kill", "disk"), failing(2, "disk", "pause")]
    assert shown(*found, shrunk(0, "kill")) == [
        ("raft: two leaders, after kill", [0, 1]),
        ("raft: two leaders", [2]),
    ]


def test_failures_that_shrink_to_the_same_shape_are_one_group() -> None:
    found = [failing(0, "kill", "disk"), failing(1, "kill", "pause")]
    assert shown(*found, shrunk(0, "disk", "kill"), shrunk(1, "kill")) == [
        ("raft: two leaders, after disk → kill", [0]),
        ("raft: two leaders, after kill", [1]),
    ]
    assert shown(*found, shrunk(0), shrunk(1)) == [
        ("raft: two leaders, after no fault at all", [0, 1])
    ]


def test_proven_failures_come_before_what_is_unknown() -> None:
    unknown = ran(0, "unknown", sentence="Unknown: time limit: 60 s were not enough")
    other = ran(1, "unknown", sentence="Unknown: time limit: 61 s were not enough")
    assert shown(unknown, other, failing(2)) == [
        ("raft: two leaders", [2]),
        ("unknown: time limit", [0, 1]),
    ]


def test_one_of_each_group_is_shrunk_and_one_finding_at_a_time() -> None:
    found = [failing(0, "kill"), failing(1, "disk"), failing(2, found="bank: money lost")]
    groups = grouped(findings(*found, ran(3, "unknown")))
    assert [one.task for one in to_shrink(groups, 20)] == [2, 0]
    assert [one.task for one in to_shrink(groups, 1)] == [2]
    after = grouped(findings(*found, shrunk(0, "kill"), shrunk(2)))
    assert [one.task for one in to_shrink(after, 20)] == [1]
    done = grouped(findings(*found, shrunk(0), shrunk(2)))
    assert to_shrink(done, 20) == []


def test_what_cannot_be_shrunk_is_tried_once() -> None:
    groups = grouped(findings(failing(0, "kill"), shrunk(0, problem="a live run")))
    assert to_shrink(groups, 20) == []
    assert str(groups[0].signature) == "raft: two leaders"


def test_only_live_failures_are_run_again_and_rated() -> None:
    tasks = {0: task(0), 1: task(1, live=True), 2: task(2, live=True)}
    found = [failing(0, "kill"), failing(1, "kill"), failing(2, "kill")]
    groups = grouped(findings(*found))
    assert [(one.task, n) for one, n in to_run_again(groups, tasks, 3)] == [(1, 1), (1, 2), (1, 3)]
    more = grouped(findings(*found, again(1, 2), again(1, 1, found="")))
    assert [(one.task, n) for one, n in to_run_again(more, tasks, 3)] == [(1, 3)]
    assert (more[0].failed_again, len(more[0].again)) == (1, 2)
    assert to_run_again(grouped(findings(failing(0))), tasks, 3) == []
