"""Obeys the driver in virtual time: clients, faults and looks at a simulated cluster."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, Final, TypeAlias, TypeVar, assert_never

from harness.agreement import disagreement, disconnection, rest
from harness.driver import Driver
from harness.effects import (
    AwaitSettled,
    CloseClient,
    Dispatch,
    Effect,
    Finished,
    HealAll,
    Inject,
    Journal,
    OpenClient,
    ProbeConnectivity,
    Undo,
    WaitUntil,
)
from harness.waiting import waits
from histories.call import Call, Indeterminate, Outcome
from histories.event import Event, Opened
from histories.op import Nanos, ProcessId
from nemesis.errors import NemesisError, NobodyToHit
from nemesis.inject import Injected, heal_all, inject, undo
from nemesis.schedule import Schedule
from system_under_test.gossip_raft.core.client_session import (
    ClientPolicy,
    Ending,
    SessionTimeouts,
)
from system_under_test.gossip_raft.core.messages import Consistency, ReadKeys
from system_under_test.gossip_raft.core.types import ClientId
from system_under_test.gossip_raft.simulation.client import SimulatedClient
from system_under_test.gossip_raft.simulation.cluster import SimulatedCluster
from system_under_test.gossip_raft.simulation.scheduler import Goal, Timer
from workloads.base import Workload
from workloads.client import outcome_of

NemesisStep: TypeAlias = Inject | Undo | HealAll | ProbeConnectivity | AwaitSettled
Result = TypeVar("Result")

LOOK_INTERVAL: Final = Nanos(100_000_000)
"""Between two looks at whether the nodes agree."""


class SimulatedRun:
    """One run.  ``run`` returns when it is over; then ``events`` is its journal."""

    def __init__(
        self,
        *,
        driver: Driver,
        cluster: SimulatedCluster,
        workload: Workload,
        schedule: Schedule,
        rng: random.Random,
        timeouts: SessionTimeouts,
        policy: ClientPolicy,
        reads: Consistency,
    ) -> None:
        self.events: Final[list[Event]] = [Opened()]
        self.problem: str | None = None
        self._driver = driver
        self._cluster = cluster
        self._scheduler = cluster.scheduler
        self._workload = workload
        self._schedule = schedule
        self._rng = rng
        self._timeouts = timeouts
        self._policy = policy
        self._reads = reads
        self._clients: dict[ProcessId, SimulatedClient] = {}
        self._injected: dict[int, Injected] = {}
        self._steps: deque[NemesisStep] = deque()
        self._stepping = False
        self._finished = Goal()
        self._poll = Timer(self._scheduler, self._polled)

    def run(self) -> None:
        self._cluster.on_death = self._node_died
        self._obey(self._driver.start(self._now))
        self._polled()
        self._scheduler.run(self._finished)

    @property
    def _now(self) -> Nanos:
        return Nanos(self._scheduler.now)

    # --- effects ---------------------------------------------------------------------

    def _polled(self) -> None:
        self._obey(self._driver.poll(self._now))

    def _tell(self, effects: tuple[Effect, ...]) -> None:
        self._obey(effects)
        self._polled()

    def _obey(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Journal(event=event):
                    self.events.append(event)
                case Dispatch(process=process, call=call):
                    self._dispatch(process, call)
                case WaitUntil(time=time):
                    self._poll.set(time)
                case OpenClient(process=process, contact=contact):
                    self._clients[process] = self._cluster.client(
                        _name(process), contact, self._timeouts, self._policy
                    )
                case CloseClient(process=process):
                    del self._clients[process]
                    self._cluster.close_client(_name(process))
                case Inject() | Undo() | HealAll() | ProbeConnectivity() | AwaitSettled():
                    self._steps.append(effect)
                    self._scheduler.at(self._now, self._take_steps)
                case Finished(problem=problem):
                    self.problem = problem
                    self._finished.is_reached = True
                case _:
                    assert_never(effect)

    # --- calls -----------------------------------------------------------------------

    def _dispatch(self, process: ProcessId, call: Call) -> None:
        # As a separate event: a driver is not told of an ending while it makes the call.
        self._scheduler.at(self._now, self._call, (process, call))

    def _call(self, what: tuple[ProcessId, Call]) -> None:
        process, call = what
        client = self._clients.get(process)
        if client is None:
            return
        request = self._workload.to_request(call)
        if isinstance(request, ReadKeys) and request.consistency is not self._reads:
            request = replace(request, consistency=self._reads)
        client.call(request, _Completion(self, process, call))

    def completed(self, process: ProcessId, call: Call, ending: Ending) -> None:
        try:
            outcome: Outcome = outcome_of(call, ending)
        except Exception as error:  # noqa: BLE001  # Whatever it is, the call was executed.
            outcome = Indeterminate(f"{type(error).__name__}: {error}")
        self._tell(self._driver.completed(process, outcome, self._now))

    # --- faults ----------------------------------------------------------------------

    def _take_steps(self, _: object) -> None:
        """One after the other, although a step may let time pass."""
        if self._stepping:
            return
        self._stepping = True
        while self._steps:
            self._take_step(self._steps.popleft())
        self._stepping = False

    def _take_step(self, step: NemesisStep) -> None:
        driver = self._driver
        match step:
            case Inject(fault=number):
                fault = self._schedule.steps[number].fault
                try:
                    done = _result(inject(fault, self._cluster, self._rng, self._injected.values()))
                except NobodyToHit as left:
                    self._tell(driver.noted(f"fault {number} left out: {left}", self._now))
                except NemesisError as error:
                    self._tell(driver.noted(f"fault {number} failed: {error!r}", self._now))
                else:
                    self._injected[number] = done
                    self._tell(
                        driver.injected(number, done.kind, done.nodes, done.detail, self._now)
                    )
            case Undo(fault=number):
                if number not in self._injected:
                    return
                evidence = _result(undo(self._injected.pop(number), self._cluster))
                self._tell(driver.undone(number, evidence, self._now))
            case HealAll():
                evidence = _result(heal_all(self._cluster))
                self._injected.clear()
                self._tell(driver.healed(evidence, self._now))
            case ProbeConnectivity():
                problem = disconnection(self._cluster.nodes, self._cluster.statuses())
                self._tell(driver.probed(problem, self._now))
            case AwaitSettled(until=until):
                self._look(until)
            case _:
                assert_never(step)

    def _look(self, until: Nanos) -> None:
        cluster = self._cluster
        statuses = cluster.statuses()
        problem = disagreement(cluster.nodes, statuses)
        if problem is None:
            settled = self._driver.settled(True, rest(statuses[cluster.nodes[0]]), self._now)
        elif self._now >= until:
            who = waits(cluster.nodes, statuses)
            settled = self._driver.settled(False, problem, self._now, who)
        else:
            self._scheduler.at(min(until, self._now + LOOK_INTERVAL), self._look, until)
            return
        self._tell(settled)

    def _node_died(self, node: str, status: str, last_lines: tuple[str, ...]) -> None:
        self._tell(self._driver.node_died(node, status, last_lines, self._now))


class _Completion:
    """Tells a run how a call ended."""

    __slots__ = ("_call", "_process", "_run")

    def __init__(self, run: SimulatedRun, process: ProcessId, call: Call) -> None:
        self._run = run
        self._process = process
        self._call = call

    def __call__(self, ending: Ending) -> None:
        self._run.completed(self._process, self._call, ending)


def _name(process: ProcessId) -> ClientId:
    return ClientId(f"p{process}")


def _result(work: Coroutine[Any, Any, Result]) -> Result:
    """Of a coroutine of a simulated system, which never suspends."""
    try:
        work.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    raise AssertionError("a simulated system suspended")
