"""Calls that were written down: who calls what, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from histories.call import Call
from histories.event import Completed, Event, Invoked
from histories.op import Nanos
from workloads.generator import PENDING, Completion, Context, Generator, Invoke, Pending, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedCall:
    """``worker`` is to make ``call`` at ``at_ns``, or as soon after as it has nothing in flight."""

    at_ns: Nanos
    worker: int
    call: Call


@dataclass(frozen=True, slots=True)
class Scripted:
    """These calls, in the order of time; then pending for ever.

    It never is exhausted: a run goes on to its end, as there may be faults after the last call.
    Those before ``position`` were made, but for the ``overdue``, whose workers are busy.
    """

    calls: tuple[ScriptedCall, ...]
    position: int = 0
    overdue: tuple[ScriptedCall, ...] = ()

    def next(self, context: Context) -> tuple[Step, Generator]:
        free = {process % context.concurrency: process for process in context.free}
        for at, due in enumerate(self.overdue):
            if due.worker in free:
                rest = (*self.overdue[:at], *self.overdue[at + 1 :])
                after = Scripted(self.calls, self.position, rest)
                return Invoke(free[due.worker], due.call), after
        overdue = list(self.overdue)
        for position in range(self.position, len(self.calls)):
            due = self.calls[position]
            if due.at_ns > context.now:
                return Pending(due.at_ns), Scripted(self.calls, position, tuple(overdue))
            if due.worker in free:
                after = Scripted(self.calls, position + 1, tuple(overdue))
                return Invoke(free[due.worker], due.call), after
            overdue.append(due)
        return PENDING, Scripted(self.calls, len(self.calls), tuple(overdue))

    def update(self, completion: Completion) -> Generator:  # noqa: ARG002  # Part of the protocol.
        return self


def script_of(
    events: Iterable[Event], concurrency: int, *, after_answers: bool = False
) -> tuple[ScriptedCall, ...]:
    """The calls that the journal ``events`` of so many workers tells of, final reads and all.

    ``after_answers``: what was called in the very instant of an answer, and perhaps because of
    it, comes a nanosecond later, lest it come before that answer.
    """
    calls: list[ScriptedCall] = []
    answered: Nanos | None = None
    for event in events:
        match event:
            case Invoked(time=time, process=process, call=call):
                at_ns = Nanos(time + 1) if after_answers and time == answered else time
                calls.append(ScriptedCall(at_ns=at_ns, worker=process % concurrency, call=call))
            case Completed(time=time):
                answered = time
            case _:
                pass
    return tuple(calls)
