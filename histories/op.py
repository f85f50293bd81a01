"""One operation: a call, its outcome, and the interval in which it happened."""

from __future__ import annotations

from typing import Any, Final, NewType

from msgspec import Struct
from msgspec.structs import replace

from histories.call import Call, Ok, Outcome

Nanos = NewType("Nanos", int)
"""Nanoseconds since the start of the run, on one monotonic clock."""

ProcessId = NewType("ProcessId", int)
"""A logical, single-threaded client (Jepsen's process)."""

FOREVER: Final = Nanos(2**63 - 1)


class Op(Struct, frozen=True, kw_only=True, gc=False):
    """One call by one process (Herlihy & Wing 1990, section 2).

    1. ``invoked <= completed``; the interval is closed at both ends.
    2. ``completed == FOREVER`` exactly when ``outcome`` is ``Indeterminate``;
       the process is then retired and never calls again.
    3. A process has at most one op in flight.
    4. ``index`` is the position in invocation order, counted from 0.
    """

    index: int
    process: ProcessId
    call: Call
    outcome: Outcome
    invoked: Nanos
    completed: Nanos


def answer_of(op: Op) -> Ok | None:
    """Its outcome, if it was answered."""
    return op.outcome if isinstance(op.outcome, Ok) else None


def precedes(earlier: Op, later: Op) -> bool:
    """In real time, or in the order of their process where their intervals touch."""
    if earlier.process == later.process:
        return earlier.index < later.index
    return earlier.completed < later.invoked


def changed(op: Op, **fields: Any) -> Op:
    """The same op but for these fields; that it keeps the laws is for the caller to see to."""
    return replace(op, **fields)
