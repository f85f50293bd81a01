"""The verdict on a finished run from the traces of its nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from itertools import repeat
from typing import Final

from checker.base import Budget
from checker.raft.monitor import MalformedTrace, RaftMonitor
from checker.verdict import Invalid, Unknown, UnknownCause, Verdict
from histories.trace import NodeEvent

_EVENTS_PER_LOOK: Final = 4_096


def check_traces(traces: Mapping[str, Sequence[NodeEvent]], *, budget: Budget) -> Verdict:
    """Judge a run by what its nodes say they did.

    Args:
        traces: by node, all its events in its own order, restarts included.
        budget: only ``deadline`` applies; memory grows with the log entries alone.

    Returns:
        ``Invalid`` with one anomaly for each invariant violated (its first
        evidence and a count); ``Unknown`` if nothing was elected or committed,
        the trace of a member is missing or begins late, or an event is malformed;
        otherwise ``Valid``.

    Cost: O(n log n) in the number of events.
    """
    monitor = RaftMonitor()
    for count, (_, node, event) in enumerate(merge(*_streams(traces), key=_time)):
        if count % _EVENTS_PER_LOOK == 0 and budget.deadline():
            return _cut_short(monitor, UnknownCause.TIME_LIMIT, f"after {count:,} events")
        try:
            monitor.feed(node, event)
        except MalformedTrace as problem:
            return _cut_short(monitor, UnknownCause.INCOMPLETE_EVIDENCE, str(problem))
    return monitor.finish()


def _cut_short(monitor: RaftMonitor, cause: UnknownCause, detail: str) -> Verdict:
    """What is found stays found; only the end is not judged."""
    found = monitor.anomalies()
    return Invalid(found) if found else Unknown(cause, detail)


def _streams(
    traces: Mapping[str, Sequence[NodeEvent]],
) -> Iterator[Iterable[tuple[int, str, NodeEvent]]]:
    """Each node's events with the latest time the node has shown so far."""
    for node in sorted(traces):
        yield zip(_times(traces[node]), repeat(node), traces[node], strict=False)


def _times(events: Sequence[NodeEvent]) -> Iterator[int]:
    """Never going back, so that merging by them keeps the node's own order."""
    latest = None
    for event in events:
        latest = event.at if latest is None or event.at > latest else latest
        yield latest


def _time(item: tuple[int, str, NodeEvent]) -> int:
    return item[0]
