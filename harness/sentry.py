"""Stops a run at its first violation (``hearsay run --stop-on-violation``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from checker.base import Budget
from checker.errors import ForeignCall
from checker.linearizability.check import LinearizabilityChecker
from checker.linearizability.monitor import LinearizabilityMonitor
from checker.verdict import Anomaly
from harness.driver import Phase
from harness.errors import BadInput
from harness.live_run import Watcher
from histories.event import Completed, Event, Invoked
from workloads.base import Workload

STATES_MAX = 20_000
"""For each answer: the run must not wait for its checker."""


def monitor_for(workload: Workload) -> LinearizabilityMonitor[Any]:
    """A monitor of what the workload should be linearizable as.

    Raises:
        BadInput: Its checkers do not ask for linearizability.
    """
    for checker in workload.checkers():
        if isinstance(checker, LinearizabilityChecker):
            return LinearizabilityMonitor(checker.model, Budget(states_max=STATES_MAX))
    raise BadInput(f"--stop-on-violation: {workload.name} is not judged while it runs")


class Sentry:
    """Passes on what it sees to another watcher, and to a monitor."""

    def __init__(
        self,
        watcher: Watcher,
        monitor: LinearizabilityMonitor[Any],
        stop: Callable[[str], None],
    ) -> None:
        """``stop`` is called once, with the reason."""
        self._watcher = watcher
        self._monitor: LinearizabilityMonitor[Any] | None = monitor
        self._stop = stop

    def entered(self, phase: Phase) -> None:
        self._watcher.entered(phase)

    def saw(self, event: Event) -> None:
        self._watcher.saw(event)
        if self._monitor is None:
            return
        try:
            anomaly = self._judge(self._monitor, event)
        except ForeignCall:
            # The verdict at the end says so; the run goes on without a monitor.
            self._monitor = None
            return
        if anomaly is not None:
            self._monitor = None
            self._stop(f"stopped at a violation: {anomaly.explanation}")

    @staticmethod
    def _judge(monitor: LinearizabilityMonitor[Any], event: Event) -> Anomaly | None:
        match event:
            case Invoked(process=process, call=call, time=time):
                return monitor.invoked(process, call, time)
            case Completed(process=process, outcome=outcome, time=time):
                return monitor.completed(process, outcome, time)
            case _:
                return None
