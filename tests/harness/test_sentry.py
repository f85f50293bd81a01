"""A run is stopped at its first violation, once."""

from __future__ import annotations

import pytest

from checker.base import Budget
from checker.linearizability.monitor import LinearizabilityMonitor
from checker.models.register import CasRegister
from checker.verdict import Invalid
from harness.driver import Phase
from harness.sentry import Sentry, monitor_for
from harness.simulated import simulate
from harness.swarm import Given, draw_plan
from histories.call import Ok, Read, Write
from histories.event import Completed, Event, Invoked
from histories.op import Nanos, ProcessId
from workloads.catalogue import workload


class Onlooker:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def saw(self, event: Event) -> None:
        self.events.append(event)

    def entered(self, phase: Phase) -> None:
        raise AssertionError(phase)


def test_the_run_is_stopped_once_and_the_watcher_sees_everything() -> None:
    onlooker = Onlooker()
    reasons: list[str] = []
    monitor = LinearizabilityMonitor(CasRegister(), Budget())
    sentry = Sentry(onlooker, monitor, reasons.append)
    one, two = ProcessId(0), ProcessId(1)
    events: list[Event] = [
        Invoked(time=Nanos(1), op=0, process=one, call=Write("x", 1)),
        Completed(time=Nanos(2), op=0, process=one, outcome=Ok()),
        Invoked(time=Nanos(3), op=1, process=two, call=Read("x")),
        Completed(time=Nanos(4), op=1, process=two, outcome=Ok((None,))),
    ]
    for event in events:
        sentry.saw(event)
    assert reasons == []
    for number in range(2, 5):
        sentry.saw(Invoked(time=Nanos(10 * number), op=number, process=one, call=Read("x")))
        sentry.saw(Completed(time=Nanos(10 * number + 1), op=number, process=one, outcome=Ok((1,))))
    assert len(reasons) == 1
    assert "key x: nothing explains process 1: read x -> nil" in reasons[0]
    assert len(onlooker.events) == 10


@pytest.mark.parametrize(("bug", "stopped"), [("stale-read", 1), (None, 0)])
def test_a_simulated_run_is_stopped_if_and_only_if_it_is_bad(bug: str | None, stopped: int) -> None:
    plan = draw_plan(3, Given(workload="register", faults=("partition",), bug=bug))
    run = simulate(plan)
    is_bad = isinstance(run.verdicts(Budget())["linearizable"], Invalid)
    assert is_bad == bool(stopped), "another seed is needed"
    reasons: list[str] = []
    sentry = Sentry(Onlooker(), monitor_for(workload("register")), reasons.append)
    seen = 0
    for event in run.events:
        sentry.saw(event)
        seen += not reasons
    assert len(reasons) == stopped
    if stopped:
        assert "nothing explains" in reasons[0]
        assert seen < len(run.events) - 100, "long before the end"


def test_the_register_workload_can_be_watched() -> None:
    assert isinstance(monitor_for(workload("register")), LinearizabilityMonitor)
