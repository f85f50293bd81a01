"""From the events of a journal to a history: who was answered what, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Final, assert_never

from histories.call import Indeterminate, Ok, Outcome, answers_with
from histories.errors import MalformedHistory
from histories.event import (
    Completed,
    Event,
    FaultBegan,
    FaultEnded,
    Invoked,
    NodeDied,
    Note,
    Opened,
    Settled,
)
from histories.history import FaultWindow, History
from histories.journal import Journal
from histories.op import FOREVER, Nanos, Op, ProcessId

UNFINISHED: Final = Indeterminate("no completion was recorded")
NEVER_UNDONE: Final = "still held when the journal ended"

_START: Final = Nanos(0)
_PROCESS_MAX: Final = 2**63 - 1


def history_of(journal: Journal) -> History:
    """The history that a journal tells.  Raises MalformedHistory with file and line."""
    return pair(journal.events, file=journal.file)


def pair(
    events: Iterable[Event], *, file: str | None = None, lines: Iterable[int] | None = None
) -> History:
    """Match completions with invocations and fault ends with fault beginnings.

    An invocation without completion becomes indeterminate; a fault without end
    lasts until the last event.

    Args:
        events: In the order of the journal.
        file: Named in errors.
        lines: The line of each event, for errors; 1, 2, 3 ... if not given.

    Raises:
        MalformedHistory: The events break a law of ``Op`` (a process calls while
            its last call is open, an answer to nobody, a retired process calls
            again, numbers with gaps, time going backwards, a wrong number of answers),
            with the line.
    """
    pairing = _Pairing(file)
    for line, event in zip(count(1) if lines is None else lines, events, strict=False):
        pairing.take(event, line)
    return pairing.history()


@dataclass(slots=True)
class _Process:
    """What one logical client is doing: ``op`` is open, or the last that was."""

    op: int
    open: bool
    free_from: Nanos
    retired: bool = False


@dataclass(slots=True)
class _Pairing:
    file: str | None
    line: int = 0
    invocations: list[Invoked] = field(default_factory=list)
    completions: dict[int, Completed] = field(default_factory=dict)
    processes: dict[ProcessId, _Process] = field(default_factory=dict)
    faults_began: dict[int, FaultBegan] = field(default_factory=dict)
    faults_ended: dict[int, FaultEnded] = field(default_factory=dict)
    latest: Nanos = _START

    def take(self, event: Event, line: int) -> None:
        self.line = line
        match event:
            case Invoked():
                self._invoked(event)
            case Completed():
                self._completed(event)
            case Opened():
                return
            case FaultBegan(fault=fault):
                if fault in self.faults_began:
                    raise self._broken("fault", f"fault {fault} began already")
                self.faults_began[fault] = event
            case FaultEnded(fault=fault):
                self._fault_ended(event)
            case NodeDied() | Settled() | Note():
                pass
            case _:
                assert_never(event)
        if event.time > self.latest:  # noqa: PLR1730  called for each event, and this is faster
            self.latest = event.time

    def history(self) -> History:
        ops: list[Op] = []
        for invoked in self.invocations:
            completed = self.completions.get(invoked.op)
            outcome: Outcome = UNFINISHED if completed is None else completed.outcome
            certain = completed is not None and not isinstance(outcome, Indeterminate)
            ops.append(
                Op(
                    index=invoked.op,
                    process=invoked.process,
                    call=invoked.call,
                    outcome=outcome,
                    invoked=invoked.time,
                    completed=completed.time if completed and certain else FOREVER,
                )
            )
        # All laws of ``Op`` were seen to, event by event.
        windows = tuple(self._window(began) for began in self.faults_began.values())
        return History(tuple(ops), windows)

    def _invoked(self, event: Invoked) -> None:
        if event.op != len(self.invocations):
            raise self._broken("op", f"op {event.op} was invoked where {self._next} was due")
        if self.invocations and event.time < self.invocations[-1].time:
            raise self._broken("time", f"op {event.op} was invoked before the previous op")
        if not _START <= event.time < FOREVER:
            raise self._broken("time", f"op {event.op} was invoked at {event.time}")
        process = self.processes.get(event.process)
        if process is None:
            if not 0 <= event.process <= _PROCESS_MAX:
                raise self._broken("process", f"op {event.op} is of process {event.process}")
            self.processes[event.process] = _Process(event.op, open=True, free_from=event.time)
        else:
            if process.retired:
                raise self._broken(
                    "process",
                    f"process {event.process} calls again after op {process.op} was indeterminate",
                )
            if process.open:
                raise self._broken(
                    "process", f"process {event.process} calls while op {process.op} is open"
                )
            if event.time < process.free_from:
                raise self._broken(
                    "time", f"op {event.op} was invoked before op {process.op} completed"
                )
            process.op, process.open = event.op, True
        self.invocations.append(event)

    @property
    def _next(self) -> int:
        return len(self.invocations)

    def _completed(self, event: Completed) -> None:
        process = self.processes.get(event.process)
        if process is None or not process.open or process.op != event.op:
            raise self._broken(
                "op", f"process {event.process} has no open op {event.op} to be completed"
            )
        invoked = self.invocations[event.op]
        if not invoked.time <= event.time < FOREVER:
            raise self._broken("time", f"op {event.op} completed before it was invoked")
        outcome = event.outcome
        if isinstance(outcome, Ok) and not answers_with(invoked.call, len(outcome.values)):
            raise self._broken(
                "outcome.values", f"{len(outcome.values)} answers to such a call as op {event.op}"
            )
        self.completions[event.op] = event
        process.open = False
        process.free_from = event.time
        process.retired = isinstance(outcome, Indeterminate)

    def _fault_ended(self, event: FaultEnded) -> None:
        began = self.faults_began.get(event.fault)
        if began is None or event.fault in self.faults_ended:
            raise self._broken("fault", f"fault {event.fault} ended without having begun")
        if event.time < began.time:
            raise self._broken("time", f"fault {event.fault} ended before it began")
        self.faults_ended[event.fault] = event

    def _window(self, began: FaultBegan) -> FaultWindow:
        ended = self.faults_ended.get(began.fault)
        return FaultWindow(
            kind=began.kind,
            nodes=began.nodes,
            detail=began.detail,
            began=began.time,
            ended=self.latest if ended is None else ended.time,
            evidence=NEVER_UNDONE if ended is None else ended.evidence,
        )

    def _broken(self, name: str, problem: str) -> MalformedHistory:
        return MalformedHistory(problem, file=self.file, line=self.line, field=name)
