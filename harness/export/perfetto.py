"""A run for ui.perfetto.dev and chrome://tracing.

Google's "Trace Event Format" (JSON): complete events for operations, faults and roles,
counters for what grows, instants for the rest.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from harness.trace_words import describe_event
from histories.call import Failed, Indeterminate, Ok
from histories.history import FaultWindow, History
from histories.notation import describe_call, describe_outcome
from histories.op import FOREVER, Op
from histories.trace import (
    Answered,
    Appended,
    Applied,
    Booted,
    Committed,
    NodeEvent,
    Persisted,
    PositionTold,
    RoleChanged,
    Stopped,
    TermAdopted,
)

Json: TypeAlias = "int | float | str | dict[str, Json]"

CLIENTS: Final = 1
FAULTS: Final = 2
FIRST_NODE: Final = 3
_COLOURS: Final = {Ok: "good", Failed: "grey", Indeterminate: "bad"}


def perfetto(history: History, traces: Mapping[str, Sequence[NodeEvent]]) -> Iterator[str]:
    """The file, a piece for each event.

    Operations lie in lanes, each as long as it took; an indeterminate one until the end.
    Nodes show what they recorded on the clock of the history.
    """
    yield '{"displayTimeUnit": "ms", "traceEvents": [\n'
    first = True
    for event in _events(history, traces):
        yield ("" if first else ",\n") + json.dumps(event)
        first = False
    yield "\n]}\n"


def _events(
    history: History, traces: Mapping[str, Sequence[NodeEvent]]
) -> Iterator[dict[str, Json]]:
    end = max(
        *(op.invoked for op in history.ops),
        *(op.completed for op in history.ops if op.completed != FOREVER),
        *(fault.ended for fault in history.faults),
        *(events[-1].at for events in traces.values() if events),
        0,
        0,
    )
    names = {CLIENTS: "clients", FAULTS: "faults"}
    names |= {FIRST_NODE + number: node for number, node in enumerate(sorted(traces))}
    for process, name in names.items():
        yield {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": name}}
        order: dict[str, Json] = {"sort_index": process}
        yield {"ph": "M", "name": "process_sort_index", "pid": process, "tid": 0, "args": order}
    yield from _operations(history.ops, end)
    yield from _faults(history.faults)
    for number, node in enumerate(sorted(traces)):
        yield from _node(FIRST_NODE + number, traces[node], end)


def _operations(ops: Sequence[Op], end: int) -> Iterator[dict[str, Json]]:
    intervals = [(op.invoked, end if op.completed == FOREVER else op.completed) for op in ops]
    for op, lane, interval in zip(ops, _lanes(intervals), intervals, strict=True):
        args: dict[str, Json] = {
            "op": op.index,
            "process": op.process,
            "key": op.call.key,
            "answer": describe_outcome(op.call, op.outcome),
        }
        colour = _COLOURS[type(op.outcome)]
        yield _slice((CLIENTS, lane), describe_call(op.call), interval, args, colour)


def _faults(faults: Sequence[FaultWindow]) -> Iterator[dict[str, Json]]:
    intervals = [(fault.began, fault.ended) for fault in faults]
    for fault, lane, interval in zip(faults, _lanes(intervals), intervals, strict=True):
        args: dict[str, Json] = {"detail": fault.detail, "evidence": fault.evidence}
        name = f"{fault.kind} {', '.join(fault.nodes)}".strip()
        yield _slice((FAULTS, lane), name, interval, args, "terrible")


def _lanes(intervals: Sequence[tuple[int, int]]) -> Iterator[int]:
    """For each interval, in the order of their beginnings, a lane that is free."""
    used = 0
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    for began, ended in intervals:
        while busy and busy[0][0] <= began:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            lane = heapq.heappop(free)
        else:
            lane, used = used, used + 1
        heapq.heappush(busy, (ended, lane))
        yield lane


def _node(process: int, events: Sequence[NodeEvent], end: int) -> Iterator[dict[str, Json]]:
    role: tuple[str, int] | None = None
    for event in events:
        match event:
            case Booted() | RoleChanged() | Stopped():
                if role is not None:
                    yield _slice((process, 0), role[0], (role[1], event.at), {})
                role = _role(event)
            case _:
                pass
        yield from _counters(process, event)
        match event:
            case Appended() | Applied() | Persisted() | PositionTold() | Committed() | Answered():
                pass  # There are as many as operations, and counters show them.
            case _:
                text = describe_event(event)
                yield {**_head("i", text, process, 1, event.at), "s": "t"}
    if role is not None:
        yield _slice((process, 0), role[0], (role[1], max(end, role[1])), {})


def _role(event: Booted | RoleChanged | Stopped) -> tuple[str, int] | None:
    match event:
        case Booted():
            return "follower", event.at
        case RoleChanged(role=role):
            return role, event.at
        case Stopped():
            return None


def _counters(process: int, event: NodeEvent) -> Iterator[dict[str, Json]]:
    match event:
        case TermAdopted(term=term):
            told = {"term": term}
        case Appended(index=index):
            told = {"last entry": index}
        case Committed(index=index):
            told = {"committed": index}
        case Applied(index=index):
            told = {"applied": index}
        case Booted():
            told = {
                "term": event.term,
                "last entry": event.last_index,
                "committed": event.commit_index,
            }
        case _:
            told = {}
    for name, value in told.items():
        yield {**_head("C", name, process, 0, event.at), "args": {name: value}}


def _slice(
    track: tuple[int, int],
    name: str,
    interval: tuple[int, int],
    args: dict[str, Json],
    colour: str | None = None,
) -> dict[str, Json]:
    began, ended = interval
    made = {**_head("X", name, *track, began), "dur": (ended - began) / 1e3, "args": args}
    return made if colour is None else {**made, "cname": colour}


def _head(phase: str, name: str, process: int, thread: int, at: int) -> dict[str, Json]:
    """Times are microseconds there."""
    return {"ph": phase, "name": name, "pid": process, "tid": thread, "ts": at / 1e3}
