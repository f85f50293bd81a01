"""The test itself as a pure machine: who calls what next, and what gets journaled.

Live and simulated runs feed it the same inputs and obey the same effects.

Laws:

1.  An invocation is journaled before it is dispatched and never dated later; a
    completion is never dated earlier than it was.  Both only widen intervals.
2.  Completions are taken (``completed``) before new calls are made (``poll``).
3.  A process has at most one call in flight.  An indeterminate completion retires
    it, and so does the ``reconnect_ops``-th of any kind: its worker goes on as
    process + concurrency, at the same node, with a fresh client.  Every client opened
    is closed.
4.  A call that has not returned after ``operation_timeout`` is indeterminate, and
    what it returns later is never seen.
5.  Nothing is invoked in the main phase after ``time_limit``.  Then, in this order:
    the calls in flight end, ``HealAll`` is done, connectivity is probed, some call
    succeeds, every worker makes its final reads, the cluster settles.  Healing,
    probing and recovery together take at most ``recovery_max``, the final reads
    ``final_max`` (and the time-out of those in flight), settling ``settle_max``.
6.  ``HealAll`` comes in every run, also after an interrupt or when a generator
    raises; then nothing more is invoked.
7.  ``Finished`` is the last effect, and every run has one.
8.  A fault begins when the steps before it are done, so that faults overlap no more than
    in their schedule; not at all, if its own time is over by then, or ``LATE_MAX`` if it is
    to last for no time.

How to obey: effects in order.  ``Inject``, ``Undo``, ``HealAll``,
``ProbeConnectivity`` and ``AwaitSettled`` go one after the other through one
queue.  After any input, and at the latest ``WaitUntil``, drain what has completed
and ``poll``.  Times are read from one monotonic clock that starts with the run,
before the driver is called.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Final, assert_never

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
from harness.flights import Flight, Flights
from histories.call import Call, Indeterminate, Ok, Outcome
from histories.event import (
    Completed,
    Event,
    FaultBegan,
    FaultEnded,
    Invoked,
    NodeDied,
    Note,
    Settled,
    Wait,
)
from histories.op import FOREVER, Nanos, ProcessId
from workloads.generator import (
    EXHAUSTED,
    Completion,
    Context,
    Exhausted,
    Generator,
    Invoke,
    Pending,
    Step,
)

RETRY_INTERVAL: Final = Nanos(100_000_000)
"""Between two probes of connectivity, and between two calls that test for recovery."""

PATIENCE: Final = Nanos(20_000_000_000)

ANSWER_MARGIN: Final = Nanos(5_000_000_000)
"""After the end of ``AwaitSettled``: to look once more, and to tell."""

LATE_MAX: Final = Nanos(2_000_000_000)
"""How late something may be done to the system that is undone at once."""

CALLS_REMEMBERED: Final = 1_000
"""How many of the latest calls the final generator is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverOptions:
    """How long everything may take; all durations in nanoseconds.

    Attributes:
        concurrency: Calls in flight at most: the number of workers.
        nodes_count: Worker w's clients have node w modulo this as their contact.
        time_limit: Of the main phase.
        operation_timeout: Of one call; somewhat more than the client's own, which
            gives the better reason.
        recovery_max: From the beginning of healing to the first success.
        final_max: Of the final reads.
        settle_max: Of waiting until all nodes agree.
        reconnect_ops: Answers after which a process is retired all the same; 0: never.
    """

    concurrency: int
    nodes_count: int
    time_limit: Nanos
    operation_timeout: Nanos
    recovery_max: Nanos = PATIENCE
    final_max: Nanos = PATIENCE
    settle_max: Nanos = PATIENCE
    reconnect_ops: int = 0

    def __post_init__(self) -> None:
        assert self.concurrency > 0, self
        assert self.nodes_count > 0, self
        assert self.operation_timeout > 0, self


@dataclass(frozen=True, slots=True)
class FaultTime:
    """When fault ``i`` of a schedule is to begin and end, after the start of the run."""

    at: Nanos
    duration: Nanos


class Phase(Enum):
    MAIN = "main phase"
    DRAINING = "waiting for the calls in flight"
    HEALING = "healing"
    PROBING = "probing connectivity"
    RECOVERING = "waiting for a success"
    FINAL = "final reads"
    SETTLING = "waiting for the nodes to agree"
    ENDING = "ending"
    FINISHED = "finished"


class Driver:
    """One run.  See the laws above."""

    def __init__(
        self,
        options: DriverOptions,
        generator: Generator,
        final_generator: Callable[[Iterable[Call]], Generator],
        faults: Sequence[FaultTime] = (),
    ) -> None:
        """``faults`` in the order of ``at``; ``final_generator`` as ``Workload``'s."""
        assert all(a.at <= b.at for a, b in pairwise(faults)), faults
        self._options = options
        self._generator = generator
        self._final_generator = final_generator
        self._faults = faults
        self._faults_begun = 0
        self._faults_held: set[int] = set()
        self._fault_pending = False
        self._undo_due: list[tuple[Nanos, int]] = []
        self._phase: Phase | None = None
        self._phase_over = FOREVER
        self._ask_at = FOREVER
        self._exhausted = False
        self._recovered = False
        self._step_done = False
        self._problem: str | None = None
        self._not_connected: str | None = None
        self._start = self._now = Nanos(0)
        self._op = 0
        self._free: deque[ProcessId] = deque()
        self._flights = Flights()
        self._served = [0] * options.concurrency
        self._recent: deque[Call] = deque(maxlen=CALLS_REMEMBERED)
        self._all_busy = 0
        self._all_busy_since = Nanos(0)
        self._effects: list[Effect] = []

    @property
    def phase(self) -> Phase | None:
        """For progress reports; ``None`` before the start."""
        return self._phase

    @property
    def finished(self) -> bool:
        """Whether ``Finished`` was said."""
        return self._phase is Phase.FINISHED

    # --- inputs ------------------------------------------------------------------

    def start(self, now: Nanos) -> tuple[Effect, ...]:
        """Open the clients.  Called once, first."""
        assert self._phase is None, "a driver drives one run"
        self._start = self._now = now
        for worker in range(self._options.concurrency):
            self._open(ProcessId(worker))
        self._enter(Phase.MAIN, Nanos(now + self._options.time_limit))
        return self._taken()

    def poll(self, now: Nanos) -> tuple[Effect, ...]:
        """Everything that is due now; ends with ``WaitUntil`` or ``Finished``."""
        self._advance(now)
        if self._phase is Phase.FINISHED:
            return ()
        for process, flight in self._flights.overdue(now):
            self._end(process, flight, self._overdue())
        phase = None
        while phase is not self._phase:
            phase = self._phase
            self._run_phase()
        if not self.finished:
            self._effects.append(WaitUntil(self._next_time()))
        return self._taken()

    def completed(self, process: ProcessId, outcome: Outcome, now: Nanos) -> tuple[Effect, ...]:
        """The call of ``process`` ended.  Too late (law 4) is as good as never."""
        self._advance(now)
        flight = self._flights.get(process)
        if flight is None:
            return ()
        self._end(process, flight, outcome if now < flight.deadline else self._overdue())
        return self._taken()

    def injected(
        self, fault: int, kind: str, nodes: tuple[str, ...], detail: str, now: Nanos
    ) -> tuple[Effect, ...]:
        """The fault holds; what it became is for the journal."""
        self._fault_told(now)
        self._faults_held.add(fault)
        time = self._faults[fault]
        heapq.heappush(self._undo_due, (Nanos(self._start + time.at + time.duration), fault))
        self._journal(FaultBegan(time=now, fault=fault, kind=kind, nodes=nodes, detail=detail))
        return self._taken()

    def noted(self, text: str, now: Nanos) -> tuple[Effect, ...]:
        """Why a fault could not be injected or undone."""
        self._fault_told(now)
        self._note(text)
        return self._taken()

    def undone(self, fault: int, evidence: str, now: Nanos) -> tuple[Effect, ...]:
        """The fault no longer holds."""
        self._fault_told(now)
        self._fault_ended(fault, evidence)
        return self._taken()

    def healed(self, evidence: str, now: Nanos) -> tuple[Effect, ...]:
        """No fault holds any more, and every node was started."""
        self._advance(now)
        for fault in sorted(self._faults_held):
            self._fault_ended(fault, evidence)
        self._step_done |= self._phase is Phase.HEALING
        return self._taken()

    def probed(self, problem: str | None, now: Nanos) -> tuple[Effect, ...]:
        """Everything is connected, or what is not ("n1 does not answer")."""
        self._advance(now)
        if problem is not None:
            self._note(f"not connected: {problem}")
        if self._phase is Phase.PROBING:
            self._step_done = problem is None
            self._ask_at = Nanos(now + RETRY_INTERVAL)
        return self._taken()

    def settled(
        self, settled: bool, detail: str, now: Nanos, waits: tuple[Wait, ...] = ()
    ) -> tuple[Effect, ...]:
        """Whether the nodes agreed in time; see ``histories.event.Settled``."""
        self._advance(now)
        if self._phase is Phase.SETTLING:
            self._journal(Settled(time=now, settled=settled, detail=detail, waits=waits))
            self._step_done = True
        return self._taken()

    def node_died(
        self, node: str, status: str, last_lines: tuple[str, ...], now: Nanos
    ) -> tuple[Effect, ...]:
        """A node ended although nobody ended it."""
        self._advance(now)
        self._journal(NodeDied(time=now, node=node, status=status, last_lines=last_lines))
        return self._taken()

    def interrupt(self, reason: str, now: Nanos) -> tuple[Effect, ...]:
        """Invoke nothing more, heal, let the calls in flight end, and finish."""
        self._advance(now)
        self._abandon(reason)
        return self._taken()

    # --- phases ------------------------------------------------------------------

    def _run_phase(self) -> None:
        """Do what the phase has due; enter the next one if it is over."""
        over = self._now >= self._phase_over
        match self._phase:
            case Phase.MAIN:
                self._run_main(over)
            case Phase.DRAINING:
                # Who stops a run wants the faults gone first, the calls may take a while.
                if not self._flights or self._problem is not None:
                    self._enter(Phase.HEALING, Nanos(self._now + self._options.recovery_max))
                    self._effects.append(HealAll())
            case Phase.HEALING:
                if over and not self._step_done:
                    self._note("healing was not confirmed in time")
                if over or self._step_done:
                    self._enter(Phase.PROBING, self._phase_over)
                    self._ask_at = self._now
            case Phase.ENDING:
                if not self._flights:
                    self._finish()
            case Phase.FINISHED:
                pass
            case _ if self._problem is not None:
                self._enter(Phase.ENDING, FOREVER)
            case Phase.PROBING:
                if over or self._step_done:
                    self._enter(Phase.RECOVERING, self._phase_over)
                    self._begin_final_generator()
                elif self._now >= self._ask_at:
                    self._ask_at = FOREVER
                    self._effects.append(ProbeConnectivity())
            case Phase.RECOVERING:
                if not (over or self._recovered):
                    self._try_one_call()
                if over or self._exhausted or self._recovered:
                    self._note("recovered" if self._recovered else "no call succeeded")
                    self._enter(Phase.FINAL, Nanos(self._now + self._options.final_max))
            case Phase.FINAL:
                if not over:
                    self._invoke_what_is_due()
                if (over or self._exhausted) and not self._flights:
                    until = Nanos(self._now + self._options.settle_max)
                    self._enter(Phase.SETTLING, Nanos(until + ANSWER_MARGIN))
                    self._effects.append(AwaitSettled(until))
            case Phase.SETTLING:
                if over and not self._step_done:
                    self._note("nobody told whether the nodes agree")
                if over or self._step_done:
                    self._enter(Phase.ENDING, FOREVER)
            case _:
                raise AssertionError(self._phase)

    def _run_main(self, over: bool) -> None:
        if not over and self._problem is None:
            self._undo_and_inject()
            self._invoke_what_is_due()
        if over or self._exhausted or self._problem is not None:
            self._note(f"{Phase.MAIN.value} over; {self._all_busy_share()}")
            self._enter(Phase.DRAINING, FOREVER)

    def _enter(self, phase: Phase, over: Nanos) -> None:
        self._phase = phase
        self._phase_over = over
        self._ask_at = FOREVER
        self._step_done = self._exhausted = False
        if self._problem is None:
            self._note(phase.value)

    def _abandon(self, problem: str) -> None:
        if self._problem is None:
            self._problem = problem
            self._note(problem)

    def _finish(self) -> None:
        self._effects.extend(CloseClient(process) for process in self._free)
        self._phase = Phase.FINISHED
        self._effects.append(Finished(self._problem))

    def _next_time(self) -> Nanos:
        times = [self._phase_over, self._ask_at]
        if (deadline := self._flights.next_deadline) is not None:
            times.append(deadline)
        if self._phase is Phase.MAIN:
            if self._undo_due:
                times.append(self._undo_due[0][0])
            if self._faults_begun < len(self._faults):
                times.append(Nanos(self._start + self._faults[self._faults_begun].at))
        earliest = FOREVER
        for time in times:
            if self._now < time < earliest:
                earliest = time
        return earliest

    # --- faults ------------------------------------------------------------------

    def _undo_and_inject(self) -> None:
        """One step at a time (law 8), and undo first: faults follow each other without a gap."""
        while not self._fault_pending:
            if self._undo_due and self._undo_due[0][0] <= self._now:
                self._effects.append(Undo(heapq.heappop(self._undo_due)[1]))
                self._fault_pending = True
                return
            number = self._faults_begun
            if number == len(self._faults) or self._now < self._start + self._faults[number].at:
                return
            self._faults_begun += 1
            fault = self._faults[number]
            if self._now >= self._start + fault.at + (fault.duration or LATE_MAX):
                self._note(f"fault {number} skipped: the one before took too long")
            else:
                self._effects.append(Inject(number))
                self._fault_pending = True

    def _fault_told(self, now: Nanos) -> None:
        self._advance(now)
        self._fault_pending = False

    def _fault_ended(self, fault: int, evidence: str) -> None:
        self._faults_held.remove(fault)
        self._journal(FaultEnded(time=self._now, fault=fault, evidence=evidence))

    # --- calls -------------------------------------------------------------------

    def _invoke_what_is_due(self) -> None:
        self._ask_at = FOREVER
        while self._free:
            step, self._generator = self._ask()
            match step:
                case Invoke():
                    self._dispatch(step)
                case Pending(until=until):
                    self._ask_at = until
                    return
                case Exhausted():
                    self._exhausted = True
                    return
                case _:
                    assert_never(step)

    def _try_one_call(self) -> None:
        """Make the first of the final calls, which stays to be made, again and again."""
        if self._now < self._ask_at:
            return
        self._ask_at = Nanos(self._now + RETRY_INTERVAL)
        if self._free:
            step, _ = self._ask()
            if isinstance(step, Invoke):
                self._dispatch(step)
            self._exhausted = isinstance(step, Exhausted)

    def _begin_final_generator(self) -> None:
        self._ask_at = self._now
        try:
            self._generator = self._final_generator(tuple(self._recent))
        except Exception as error:  # noqa: BLE001  # As in _ask.
            self._abandon(f"the final generator raised {error!r}")

    def _ask(self) -> tuple[Step, Generator]:
        try:
            step, after = self._generator.next(self._context())
            if isinstance(step, Invoke) and step.process not in self._free:
                raise ValueError(f"process {step.process} is not free")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001  # A broken workload must not leave faults.
            self._abandon(f"the generator raised {error!r}")
            return EXHAUSTED, self._generator
        return step, after

    def _context(self) -> Context:
        return Context(self._now, tuple(self._free), self._options.concurrency)

    def _dispatch(self, invoke: Invoke) -> None:
        self._free.remove(invoke.process)
        if not self._free:
            self._all_busy_since = self._now
        deadline = Nanos(self._now + self._options.operation_timeout)
        self._flights.depart(invoke.process, Flight(self._op, invoke.call, deadline))
        self._recent.append(invoke.call)
        self._journal(
            Invoked(time=self._now, op=self._op, process=invoke.process, call=invoke.call)
        )
        self._effects.append(Dispatch(invoke.process, invoke.call))
        self._op += 1

    def _end(self, process: ProcessId, flight: Flight, outcome: Outcome) -> None:
        del self._flights[process]
        if not self._free:
            self._all_busy += self._now - self._all_busy_since
        self._journal(Completed(time=self._now, op=flight.op, process=process, outcome=outcome))
        if isinstance(outcome, Indeterminate) or self._has_served(process):
            self._effects.append(CloseClient(process))
            self._open(ProcessId(process + self._options.concurrency))
        else:
            self._free.append(process)
        self._recovered |= self._phase is Phase.RECOVERING and isinstance(outcome, Ok)
        try:
            completion = Completion(self._now, process, flight.call, outcome)
            self._generator = self._generator.update(completion)
        except Exception as error:  # noqa: BLE001  # As in _ask.
            self._abandon(f"the generator raised {error!r}")

    def _has_served(self, process: ProcessId) -> bool:
        """Whether it is time for a new client; counts what ``process`` has completed."""
        if not self._options.reconnect_ops:
            return False
        worker = process % self._options.concurrency
        self._served[worker] = (self._served[worker] + 1) % self._options.reconnect_ops
        return self._served[worker] == 0

    def _open(self, process: ProcessId) -> None:
        worker = process % self._options.concurrency
        self._effects.append(OpenClient(process, worker % self._options.nodes_count))
        self._free.append(process)

    def _overdue(self) -> Indeterminate:
        return Indeterminate(f"no answer in {self._options.operation_timeout / 1e9:g} s")

    def _all_busy_share(self) -> str:
        """Saturation: when nobody was free, a call may have been due that was not made."""
        since = 0 if self._free else self._now - self._all_busy_since
        share = (self._all_busy + since) / max(1, self._now - self._start)
        return f"all clients were busy {share:.0%} of the time"

    # --- output ------------------------------------------------------------------

    def _advance(self, now: Nanos) -> None:
        assert self._phase is not None, "start comes first"
        assert now >= self._now, "the clock went backwards"
        self._now = now

    def _journal(self, event: Event) -> None:
        if self._phase is Phase.FINISHED:
            return  # Law 7: whoever tears the nodes down may still report their deaths.
        self._effects.append(Journal(event))

    def _note(self, text: str) -> None:
        self._journal(Note(time=self._now, text=text))

    def _taken(self) -> tuple[Effect, ...]:
        effects, self._effects = tuple(self._effects), []
        return effects
