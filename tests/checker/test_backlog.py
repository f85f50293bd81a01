"""Leaders that take in more than they may, and those that just do not."""

from __future__ import annotations

import pytest

from checker.backlog import check_backlog
from checker.verdict import Invalid, Unknown, Valid
from histories.trace import Appended, Committed, NodeEvent, RoleChanged, TermAdopted

LEADS = RoleChanged(at=0, role="leader", term=1)


def appended(*indices: int) -> list[NodeEvent]:
    return [Appended(at=index, index=index, term=1, digest=0) for index in indices]


def committed(index: int) -> Committed:
    return Committed(at=index, index=index, term=1, leader_term=1)


def test_a_leader_with_more_than_it_has_room_for_is_accused_once() -> None:
    verdict = check_backlog({"n0": [LEADS, *appended(1, 2, 3, 4, 5)]}, 3)
    assert isinstance(verdict, Invalid)
    (anomaly,) = verdict.anomalies
    assert "appended entry 4" in anomaly.explanation


@pytest.mark.parametrize(
    "trace",
    [
        [LEADS, *appended(1, 2, 3)],
        [LEADS, *appended(1, 2, 3), committed(2), *appended(4, 5)],
        [LEADS, *appended(1, 2, 3), TermAdopted(at=9, term=2), *appended(4, 5, 6, 7)],
    ],
    ids=["as many as it has room for", "some committed meanwhile", "pulled as a follower"],
)
def test_within_bounds_nobody_is_accused(trace: list[NodeEvent]) -> None:
    assert isinstance(check_backlog({"n0": trace}, 3), Valid)


def test_without_a_leader_nothing_is_shown() -> None:
    assert isinstance(check_backlog({"n0": appended(1, 2, 3)}, 3), Unknown)
