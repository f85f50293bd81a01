"""A run that is listened to is the same run, and what is heard fits what its nodes recorded."""

from __future__ import annotations

import pytest

from harness.attempts import by_operation
from harness.overhearing import AROUND_NS, Overheard, overhear
from harness.report.messages import CLIENTS
from harness.simulated import Simulated, simulate
from harness.swarm import Given, draw_plan
from harness.trails import trails_from_attempts, trails_from_traces, writes_of
from histories.call import Ok, Read
from histories.trace import SourceChosen
from workloads.catalogue import workload

PLAN = draw_plan(11, Given(workload="register", nodes=3, time_s=6.0))
MOMENT = 3_000_000_000


@pytest.fixture(scope="module")
def heard() -> tuple[Simulated, Overheard]:
    return overhear(PLAN, [MOMENT])


def test_listening_changes_nothing(heard: tuple[Simulated, Overheard]) -> None:
    alone = simulate(PLAN)
    assert heard[0].events == alone.events
    assert heard[0].traces == alone.traces


def test_messages_near_the_moment_are_heard_and_no_others(
    heard: tuple[Simulated, Overheard],
) -> None:
    arrows = heard[1].arrows()
    assert {arrow.kind for arrow in arrows} >= {"client", "entries", "gossip"}
    assert all(abs(arrow.departed - MOMENT) <= AROUND_NS for arrow in arrows)
    assert all(arrow.arrived is None or arrow.arrived > arrow.departed for arrow in arrows)
    nodes = {"n0", "n1", "n2"}
    assert {arrow.source for arrow in arrows} | {arrow.target for arrow in arrows} == {
        CLIENTS,
        *nodes,
    }


def test_every_pull_goes_to_the_source_that_the_node_recorded(
    heard: tuple[Simulated, Overheard],
) -> None:
    simulated, overheard = heard
    pulls = [
        arrow
        for arrow in overheard.arrows()
        if arrow.kind == "entries" and arrow.text.startswith("PullEntries")
    ]
    assert pulls
    for pull in pulls:
        chosen = [
            event for event in simulated.traces[pull.source] if isinstance(event, SourceChosen)
        ]
        before = [event.source for event in chosen if event.at < pull.departed]
        # Within one instant a node may ask one and choose the next.
        meanwhile = [event.source for event in chosen if event.at == pull.departed]
        assert pull.target in {*before[-1:], *meanwhile}


def test_every_answered_operation_has_a_trail_that_ends_with_an_answer(
    heard: tuple[Simulated, Overheard],
) -> None:
    history = heard[0].history()
    trails = trails_from_attempts(by_operation(history, heard[1].attempts))
    answered = [op.index for op in history.ops if isinstance(op.outcome, Ok)]
    assert answered
    assert all("answered" in trails[index] for index in answered)


def test_traces_tell_where_a_write_was_acknowledged(heard: tuple[Simulated, Overheard]) -> None:
    simulated, overheard = heard
    history, config = simulated.history(), PLAN.config
    writes = writes_of(history, workload(config.workload))
    told = trails_from_traces(config, history, simulated.traces, writes)
    seen = trails_from_attempts(by_operation(history, overheard.attempts))
    assert len(told) == len(history.ops)
    for op in history.ops:
        contact = told[op.index].split()[1]
        assert seen[op.index].startswith(f"{contact} ")
        if isinstance(op.call, Read):
            assert "acknowledged" not in told[op.index]
        elif isinstance(op.outcome, Ok):
            node = told[op.index].split("acknowledged by ")[1].split()[0]
            assert f"{node} answered" in seen[op.index]
