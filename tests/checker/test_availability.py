"""What nodes do while faults hold: each law is broken by one story and kept by its neighbour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from checker.availability import Patience, check_availability
from checker.verdict import Invalid, Unknown, Valid
from histories.event import Event, FaultBegan, FaultEnded, NodeDied, Note
from histories.op import Nanos
from histories.trace import (
    Appended,
    Booted,
    Committed,
    NodeEvent,
    RoleChanged,
    SnapshotInstalled,
    Stopped,
    TermAdopted,
    Voted,
)

PATIENCE: Final = Patience(elect=100, abdicate=20, commit=30)
Story = dict[str, list[NodeEvent]]


def booted(at: int = 0) -> Booted:
    return Booted(
        at=at,
        incarnation=1,
        term=0,
        vote=None,
        last_term=0,
        last_index=0,
        commit_index=0,
        log_digest=0,
        members=("n0", "n1", "n2"),
    )


def quiet() -> Story:
    """n0 leads term 1 from 10 on, until the end at 1000."""
    return {
        "n0": [booted(), RoleChanged(at=10, role="leader", term=1)],
        "n1": [booted()],
        "n2": [booted()],
    }


def fault(
    kind: str, nodes: tuple[str, ...], since: int, until: int, detail: str = ""
) -> list[Event]:
    return [
        FaultBegan(time=Nanos(since), fault=0, kind=kind, nodes=nodes, detail=detail),
        FaultEnded(time=Nanos(until), fault=0, evidence=""),
    ]


def kinds(story: Story, events: Sequence[Event]) -> set[str]:
    """Of the anomalies in ``story``, which ends at 1000."""
    end = Note(time=Nanos(1000), text="the end")
    verdict = check_availability([*events, end], story, PATIENCE)
    if isinstance(verdict, Invalid):
        return {anomaly.kind for anomaly in verdict.anomalies}
    assert isinstance(verdict, Valid), verdict
    return set()


def test_a_cluster_that_goes_on_is_valid() -> None:
    assert kinds(quiet(), fault("kill", ("n1",), 200, 400)) == set()


def test_a_majority_in_peace_needs_a_leader() -> None:
    story = quiet()
    story["n0"].append(Stopped(at=200, reason="killed"))
    events = fault("kill", ("n0",), 200, 400)
    assert kinds(story, events) == {"no leader"}
    story["n1"].append(RoleChanged(at=250, role="leader", term=2))
    assert kinds(story, events) == set()


def test_a_fault_shorter_than_patience_needs_none() -> None:
    story = quiet()
    story["n0"] += [
        Stopped(at=200, reason="killed"),
        booted(290),
        RoleChanged(at=300, role="leader", term=2),
    ]
    assert kinds(story, fault("kill", ("n0",), 200, 290)) == set()


def test_nothing_is_expected_without_a_majority_in_peace_or_in_bad_weather() -> None:
    story = quiet()
    story["n0"].append(RoleChanged(at=200, role="follower", term=1))
    story["n1"].append(RoleChanged(at=450, role="leader", term=2))
    for events in (
        fault("weather", ("n0",), 150, 400),
        fault("isolate", ("n1", "n2"), 150, 400),
        fault("lose-disk", ("n1",), 50, 60),
    ):
        assert kinds(story, events) == set(), events


def test_nodes_may_wait_for_what_their_clocks_had_shown_before_they_went_back() -> None:
    story = quiet()
    story["n0"].append(Stopped(at=200, reason="killed"))
    killed = fault("kill", ("n0",), 200, 400)
    assert kinds(story, [*fault("strobe-clock", ("n1",), 50, 100), *killed]) == set()
    assert kinds(story, [*fault("drift-clock", ("n1",), 50, 100), *killed]) == {"no leader"}


def test_a_leader_in_peace_is_not_replaced() -> None:
    story = quiet()
    story["n0"].append(TermAdopted(at=410, term=2))
    story["n1"].append(RoleChanged(at=420, role="leader", term=2))
    assert kinds(story, fault("isolate", ("n2",), 200, 400)) == {"needless election"}
    assert kinds(story, fault("isolate", ("n0",), 395, 408)) == set()


def test_a_leader_that_was_handed_over_is_meant_to_go() -> None:
    story = quiet()
    story["n0"].append(TermAdopted(at=410, term=2))
    story["n1"] += [
        RoleChanged(at=405, role="candidate", term=2),
        RoleChanged(at=420, role="leader", term=2),
    ]
    assert kinds(story, fault("transfer-leadership", ("n1",), 421, 421)) == set()


def test_how_a_node_was_chosen_does_not_matter() -> None:
    note = "no leader known: a random node"
    story = quiet()
    story["n0"].append(TermAdopted(at=500, term=2))
    story["n1"].append(RoleChanged(at=510, role="leader", term=2))
    assert kinds(story, fault("transfer-leadership", ("n1",), 520, 560, note)) == set()
    led_on = quiet()
    cut = fault("isolate", ("n0",), 200, 250, f"{note}; n0 <-x-> n1")
    assert kinds(led_on, cut) == {"leads without a majority"}


def test_who_is_asked_to_lead_has_to_win() -> None:
    story = quiet()
    story["n0"].append(TermAdopted(at=410, term=2))
    story["n1"].append(RoleChanged(at=405, role="candidate", term=2))
    story["n2"].append(RoleChanged(at=450, role="leader", term=3))
    events = fault("transfer-leadership", ("n1",), 451, 451)
    assert kinds(story, events) == {"handed over to nobody"}


def test_a_leader_that_is_cut_off_gives_up() -> None:
    story = quiet()
    events = fault("isolate", ("n0",), 200, 250)
    assert kinds(story, events) == {"leads without a majority"}
    story["n0"] += [
        RoleChanged(at=215, role="follower", term=1),
        RoleChanged(at=260, role="leader", term=2),
    ]
    assert kinds(story, events) == set()


def test_one_whose_links_are_only_slow_may_lead_on() -> None:
    slow = fault("isolate", ("n0",), 200, 250, "leader; 5 ± 1 ms: n0 <-x-> n1")
    assert kinds(quiet(), slow) == set()


def test_what_a_leader_appends_is_committed_everywhere() -> None:
    story = quiet()
    story["n0"].append(Appended(at=300, index=1, term=1, digest=0))
    assert kinds(story, ()) == {"nothing is committed"}
    for node in ("n0", "n1"):
        story[node].append(Committed(at=310, index=1, term=1, leader_term=None))
    assert kinds(story, ()) == {"a node falls behind"}
    assert kinds(story, fault("kill", ("n2",), 100, 150)) == set()
    story["n2"].append(Committed(at=329, index=1, term=1, leader_term=None))
    assert kinds(story, ()) == set()


def test_a_snapshot_brings_what_it_replaces() -> None:
    story = quiet()
    story["n0"].append(Appended(at=300, index=1, term=1, digest=0))
    for node in ("n0", "n1"):
        story[node].append(Committed(at=310, index=1, term=1, leader_term=None))
    story["n2"].append(SnapshotInstalled(at=320, index=1, term=1, log_digest=0, image_digest=0))
    assert kinds(story, ()) == set()


def test_whoever_the_leader_does_not_hear_gets_entries_all_the_same() -> None:
    story = quiet()
    story["n0"].append(Appended(at=300, index=1, term=1, digest=0))
    for node in ("n0", "n1"):
        story[node].append(Committed(at=310, index=1, term=1, leader_term=None))
    assert kinds(story, fault("shun", ("n2",), 200, 400)) == {"a node falls behind"}


def test_time_outs_are_drawn() -> None:
    def campaigns(waits: Sequence[int]) -> list[NodeEvent]:
        """One in vain after the other, each after so long."""
        events: list[NodeEvent] = [booted()]
        at = 0
        for term, wait in enumerate(waits, 1):
            at += wait
            events += [
                RoleChanged(at=at, role="pre_candidate", term=term - 1),
                RoleChanged(at=at, role="candidate", term=term),
                Voted(at=at, term=term, candidate="n1"),
            ]
        return events

    story = quiet()
    story["n1"] = campaigns([100] * 5)
    assert kinds(story, ()) == {"time-outs are not drawn"}
    story["n1"] = campaigns([100, 100, 100, 100, 150])
    assert kinds(story, ()) == set()
    story["n1"] = campaigns([100] * 4)
    assert kinds(story, ()) == set()


def test_a_node_that_died_is_not_waited_for() -> None:
    story = quiet()
    story["n2"].append(Stopped(at=100, reason="broken"))
    story["n0"].append(Appended(at=300, index=1, term=1, digest=0))
    for node in ("n0", "n1"):
        story[node].append(Committed(at=310, index=1, term=1, leader_term=None))
    death = NodeDied(time=Nanos(100), node="n2", status="broken", last_lines=())
    assert kinds(story, [death]) == set()


def test_a_run_too_short_for_any_leader_says_nothing() -> None:
    silent = {node: [booted()] for node in ("n0", "n1", "n2")}
    assert isinstance(check_availability([], silent, PATIENCE), Unknown)
