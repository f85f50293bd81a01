"""Calls that were written down: who calls what, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from histories.call import Call
from histories.event import Event, Invoked
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
    """

    calls: tuple[ScriptedCall, ...]

    def next(self, context: Context) -> tuple[Step, Generator]:
        free = {process % context.concurrency: process for process in context.free}
        for at, due in enumerate(self.calls):
            if due.at_ns > context.now:
                return Pending(due.at_ns), self
            process = free.get(due.worker)
            if process is not None:
                rest = Scripted((*self.calls[:at], *self.calls[at + 1 :]))
                return Invoke(process, due.call), rest
        return PENDING, self

    def update(self, completion: Completion) -> Generator:  # noqa: ARG002  # Part of the protocol.
        return self


def script_of(events: Iterable[Event], concurrency: int) -> tuple[ScriptedCall, ...]:
    """The calls that the journal ``events`` of so many workers tells of, final reads and all."""
    return tuple(
        ScriptedCall(at_ns=event.time, worker=event.process % concurrency, call=event.call)
        for event in events
        if isinstance(event, Invoked)
    )
