"""Which abstract states a run visits: by hand, under other names, and of a whole run."""

from __future__ import annotations

from checker.raft.coverage import visited
from harness.simulated import simulate
from harness.swarm import Given, draw_plan
from histories.event import Event, FaultBegan, FaultEnded
from histories.op import Nanos
from histories.trace import (
    Appended,
    Booted,
    Committed,
    NodeEvent,
    RoleChanged,
    SnapshotInstalled,
    TermAdopted,
    Truncated,
)

Traces = dict[str, list[NodeEvent]]


def booted(at: int = 0, term: int = 0, index: int = 0, last_term: int = 0) -> Booted:
    return Booted(
        at=at,
        incarnation=1,
        term=term,
        vote=None,
        last_term=last_term,
        last_index=index,
        commit_index=0,
        log_digest=0,
        members=("n0", "n1", "n2"),
    )


def appended(at: int, index: int, term: int) -> Appended:
    return Appended(at=at, index=index, term=term, digest=7)


def three(*of_n0: NodeEvent, n1: tuple[NodeEvent, ...] = ()) -> Traces:
    return {"n0": [booted(), *of_n0], "n1": [booted(), *n1], "n2": [booted()]}


def new(traces: Traces, other: Traces, events: list[Event] | None = None) -> int:
    """How many states of ``other`` are not states of ``traces``."""
    return len(visited(other, events or []) - visited(traces, []))


LEADS = (TermAdopted(at=1, term=1), RoleChanged(at=1, role="leader", term=1))


def test_who_is_who_does_not_matter() -> None:
    first = three(*LEADS, appended(2, 1, 1), n1=(TermAdopted(at=3, term=1),))
    renamed = {"n2": first["n0"], "n0": first["n1"], "n1": first["n2"]}
    assert visited(first, []) == visited(renamed, [])


def test_what_happens_at_one_instant_is_one_step() -> None:
    at_once = three(TermAdopted(at=1, term=1), RoleChanged(at=1, role="leader", term=1))
    one_by_one = three(TermAdopted(at=1, term=1), RoleChanged(at=2, role="leader", term=1))
    assert visited(at_once, []) < visited(one_by_one, [])


def test_how_far_apart_is_told_apart_only_as_far_as_it_matters() -> None:
    first = three(*LEADS, appended(2, 1, 1))
    assert new(first, three(*LEADS, appended(2, 1, 1), appended(3, 2, 1))) == 0
    assert new(
        first, three(*LEADS, appended(2, 1, 1), Committed(at=3, index=1, term=1, leader_term=1))
    )


def test_logs_that_differ_are_told_from_those_that_lag() -> None:
    lags = three(*LEADS, appended(2, 1, 1), appended(2, 2, 1), n1=(appended(3, 1, 1),))
    differs = three(*LEADS, appended(2, 1, 1), appended(2, 2, 1), n1=(appended(3, 1, 0),))
    assert new(lags, differs) == 1
    gives_up = (appended(3, 1, 0), Truncated(at=4, from_index=1), appended(5, 1, 1))
    reaches = three(*LEADS, appended(2, 1, 1), appended(2, 2, 1), n1=gives_up)
    assert visited(reaches, []) == visited(lags, []) | visited(differs, [])


def test_a_restart_and_a_snapshot_stand_for_the_log_that_ends_there() -> None:
    log = tuple(appended(2 + index, index, 1) for index in (1, 2, 3))
    pulls = three(*LEADS, *log, n1=(*(appended(9, index, 1) for index in (1, 2, 3)),))
    snapshot = SnapshotInstalled(at=9, index=3, term=1, log_digest=0, image_digest=0)
    # A snapshot says also that all of it is committed.
    learns = (*pulls["n1"][1:], Committed(at=9, index=3, term=1, leader_term=None))
    assert visited(three(*LEADS, *log, n1=(snapshot,)), []) == visited(
        three(*LEADS, *log, n1=learns), []
    )
    again = three(*LEADS, *log, n1=(*pulls["n1"][1:], booted(10, 0, 3, 1)))
    assert visited(again, []) == visited(pulls, [])


def test_a_fault_makes_other_states_while_it_holds() -> None:
    began = FaultBegan(time=Nanos(5), fault=0, kind="pause", nodes=("n1",), detail="")
    ended = FaultEnded(time=Nanos(6), fault=0, evidence="")
    quiet = three(*LEADS)
    assert new(quiet, quiet, [began, ended]) == 1
    other = FaultBegan(time=Nanos(5), fault=0, kind="kill", nodes=("n1",), detail="")
    assert visited(quiet, [began]) != visited(quiet, [other])


def test_runs_visit_many_states_and_the_same_ones_again() -> None:
    runs = [simulate(draw_plan(seed, Given(time_s=5.0))) for seed in (1, 2, 2)]
    states = [run.states() for run in runs]
    assert states[1] == states[2]
    assert len(states[0] | states[1]) > max(len(states[0]), len(states[1])) > 20
