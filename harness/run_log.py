"""Everything that a run wrote down, merged by time: operations, faults, traces, node logs."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Final

from harness.analysis import read_traces
from harness.store import RunDirectory
from harness.trace_words import describe_event
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
from histories.journal import read_journal
from histories.notation import describe_call, describe_outcome
from histories.op import Nanos
from histories.trace import NodeEvent

SOURCES: Final = ("operations", "faults", "run", "trace", "log")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One thing that happened.

    Attributes:
        at: Nanoseconds on the journal's clock.
        source: One of ``SOURCES``.
        who: A node, a process of the driver ("p4"), or "" for the run as a whole.
        text: In words.
        op: The operation's number, if it is one.
    """

    at: Nanos
    source: str
    who: str
    text: str
    op: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLog:
    """``untimed``: how many lines of a node's log do not say when they were written."""

    lines: Sequence[LogLine]
    untimed: Mapping[Path, int]


def read_run_log(run: RunDirectory) -> RunLog:
    """All of it, in the order of time; of one instant the journal comes first.

    Raises:
        BadInput: ``run.json`` is broken.
        HistoryError: The journal or a trace is malformed.
    """
    record = run.read_record()
    traces, _ = read_traces(run, record)
    logs: list[list[LogLine]] = []
    untimed: dict[Path, int] = {}
    for path in sorted(run.nodes.glob("*/server.log")):
        lines, without = _read_log(path, record.clock_origin_ns)
        logs.append(lines)
        if without:
            untimed[path] = without
    merged = heapq.merge(
        list(_of_journal(read_journal(run.journal).events)),
        *(list(_of_trace(node, events)) for node, events in traces.items()),
        *logs,
        key=attrgetter("at"),
    )
    return RunLog(lines=tuple(merged), untimed=untimed)


def _of_journal(events: Sequence[Event]) -> Iterator[LogLine]:
    calls = {event.op: event.call for event in events if isinstance(event, Invoked)}
    kinds: dict[int, FaultBegan] = {}
    for event in events:
        match event:
            case Opened():
                pass
            case Invoked(op=op, process=process, call=call):
                text = f"op {op} begins: {describe_call(call)}"
                yield LogLine(
                    at=event.time, source="operations", who=f"p{process}", text=text, op=op
                )
            case Completed(op=op, process=process, outcome=outcome):
                call = calls[op]
                text = f"op {op} ends:   {describe_call(call)}: {describe_outcome(call, outcome)}"
                yield LogLine(
                    at=event.time, source="operations", who=f"p{process}", text=text, op=op
                )
            case FaultBegan(fault=number, kind=kind, nodes=nodes, detail=detail):
                kinds[number] = event
                text = f"fault {number} begins: {kind} ({detail})"
                yield LogLine(at=event.time, source="faults", who=",".join(nodes), text=text)
            case FaultEnded(fault=number, evidence=evidence):
                began = kinds[number]
                text = f"fault {number} ends: {began.kind} ({evidence})"
                yield LogLine(at=event.time, source="faults", who=",".join(began.nodes), text=text)
            case NodeDied(node=node, status=status, last_lines=last):
                text = "; ".join((f"died by itself: {status}", *last))
                yield LogLine(at=event.time, source="run", who=node, text=text)
            case Settled(detail=detail):
                yield LogLine(at=event.time, source="run", who="", text=f"settled: {detail}")
            case Note(text=text):
                yield LogLine(at=event.time, source="run", who="", text=text)


def _of_trace(node: str, events: Sequence[NodeEvent]) -> Iterator[LogLine]:
    latest = Nanos(0)
    for event in events:
        # Only the order within a node is to be trusted: a line never goes back.
        latest = max(latest, Nanos(event.at))
        yield LogLine(at=latest, source="trace", who=node, text=describe_event(event))


def _read_log(path: Path, origin: int) -> tuple[list[LogLine], int]:
    lines: list[LogLine] = []
    untimed = 0
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            fields = json.loads(line)
            at = fields.pop("at")
            said = LogLine(
                at=Nanos(int(at) - origin), source="log", who=path.parent.name, text=_said(fields)
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            untimed += 1  # A program's own words: a crash, or a system that is not ours.
        else:
            lines.append(said)
    lines.sort(key=attrgetter("at"))
    return lines, untimed


def _said(fields: dict[str, object]) -> str:
    level, message = fields.pop("level", ""), fields.pop("message", "")
    fields.pop("time", None)
    fields.pop("logger", None)
    more = " ".join(f"{name}={value}" for name, value in fields.items() if value is not None)
    return f"{level}: {message}" + (f" ({more})" if more else "")
