"""What the driver wants done, in order; see ``harness.driver``.  Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from histories.call import Call
from histories.event import Event
from histories.op import Nanos, ProcessId


@dataclass(frozen=True, slots=True)
class Journal:
    """Write this now."""

    event: Event


@dataclass(frozen=True, slots=True)
class OpenClient:
    """A new logical process, with a client of its own whose contact is node ``contact``."""

    process: ProcessId
    contact: int


@dataclass(frozen=True, slots=True)
class CloseClient:
    """The process is over; abandon what it may still have under way."""

    process: ProcessId


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Make the call; tell ``completed`` what became of it."""

    process: ProcessId
    call: Call


@dataclass(frozen=True, slots=True)
class Inject:
    """Begin fault number ``fault`` of the schedule; answer ``injected``, or ``noted`` why not."""

    fault: int


@dataclass(frozen=True, slots=True)
class Undo:
    """End a fault that was injected; answer ``undone``."""

    fault: int


@dataclass(frozen=True, slots=True)
class HealAll:
    """End every fault and start every node; answer ``healed``."""


@dataclass(frozen=True, slots=True)
class ProbeConnectivity:
    """See whether all links work and all nodes serve; answer ``probed``."""


@dataclass(frozen=True, slots=True)
class AwaitSettled:
    """Answer ``settled`` as soon as all nodes agree, or at ``until``."""

    until: Nanos


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """``poll`` at ``time``, if no other input comes earlier."""

    time: Nanos


@dataclass(frozen=True, slots=True)
class Finished:
    """The run is over.  ``problem``: why it is incomplete ("interrupted"), or ``None``."""

    problem: str | None


Effect: TypeAlias = (
    Journal
    | OpenClient
    | CloseClient
    | Dispatch
    | Inject
    | Undo
    | HealAll
    | ProbeConnectivity
    | AwaitSettled
    | WaitUntil
    | Finished
)
