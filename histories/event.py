"""The lines of a journal: what was seen, in the order in which it was seen."""

from __future__ import annotations

from typing import Final, TypeAlias

from msgspec import Struct

from histories.call import Call, Outcome
from histories.op import Nanos, ProcessId

SCHEMA_VERSION: Final = 1


class Opened(Struct, frozen=True, kw_only=True, tag_field="event", tag="opened"):
    """The first line of every journal."""

    schema_version: int = SCHEMA_VERSION


class Invoked(Struct, frozen=True, kw_only=True, tag_field="event", tag="invoked"):
    """Written before the call is dispatched; ``time`` is never later than that."""

    time: Nanos
    op: int
    process: ProcessId
    call: Call


class Completed(Struct, frozen=True, kw_only=True, tag_field="event", tag="completed"):
    """Written when the outcome is known; ``time`` is never earlier than that."""

    time: Nanos
    op: int
    process: ProcessId
    outcome: Outcome


class FaultBegan(Struct, frozen=True, kw_only=True, tag_field="event", tag="fault_began"):
    """A fault holds from ``time`` on: whoever injected it has confirmed it.

    ``fault`` numbers the faults of a run from 0.  ``kind`` is the fault's name
    ("kill", "isolate" ...), ``nodes`` the ones it became at fault time and
    ``detail`` the rest in words ("n0 -x-> n1, n0 -x-> n2").
    """

    time: Nanos
    fault: int
    kind: str
    nodes: tuple[str, ...]
    detail: str


class FaultEnded(Struct, frozen=True, kw_only=True, tag_field="event", tag="fault_ended"):
    """The fault is undone.  ``evidence`` counts what it did: "dropped 812 bytes"."""

    time: Nanos
    fault: int
    evidence: str


class NodeDied(Struct, frozen=True, kw_only=True, tag_field="event", tag="node_died"):
    """A node's process ended although nobody ended it.  ``last_lines`` of its log."""

    time: Nanos
    node: str
    status: str
    last_lines: tuple[str, ...]


class Wait(Struct, frozen=True):
    """``node`` waits for the nodes ``awaits`` (perhaps nobody knows for whom); why, in words."""

    node: str
    awaits: tuple[str, ...]
    reason: str


class Settled(Struct, frozen=True, kw_only=True, tag_field="event", tag="settled"):
    """After all faults were healed the cluster was given time to come to rest.

    ``settled``: one leader, and every node with the same log, committed and applied.
    ``detail`` says so in words, or who lacked what; ``waits``: who waited for whom then.
    """

    time: Nanos
    settled: bool
    detail: str
    waits: tuple[Wait, ...] = ()


class Note(Struct, frozen=True, kw_only=True, tag_field="event", tag="note"):
    """Anything a reader should know: a phase began, a node died by itself."""

    time: Nanos
    text: str


Event: TypeAlias = (
    Opened | Invoked | Completed | FaultBegan | FaultEnded | NodeDied | Settled | Note
)
