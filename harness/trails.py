"""How operations travelled: whom their client asked, who answered, as which entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from harness.attempts import Attempt
from harness.config import RunConfig
from harness.report.messages import Write
from histories.history import History
from histories.trace import Answered, NodeEvent
from system_under_test.gossip_raft.core.client_session import Execute
from workloads.base import Workload
from workloads.client_options import Contact


def writes_of(history: History, workload: Workload) -> dict[Write, int]:
    """The operation behind each session: a client numbers its writes, and only those."""
    counts: dict[str, int] = {}
    writes: dict[Write, int] = {}
    for op in history.ops:
        if isinstance(workload.to_request(op.call), Execute):
            client = f"p{op.process}"
            counts[client] = counts.get(client, 0) + 1
            writes[client, counts[client]] = op.index
    return writes


def trails_from_traces(
    config: RunConfig,
    history: History,
    traces: Mapping[str, Sequence[NodeEvent]],
    writes: Mapping[Write, int],
) -> dict[int, str]:
    """Whom the client of an operation asked first, if it always asks the same node, and of a
    write that was acknowledged where that was, and as which entry."""
    trails: dict[int, str] = {}
    if config.clients.clients is Contact.PINNED:
        for op in history.ops:
            trails[op.index] = f"asks n{op.process % config.concurrency % config.nodes} first"
    for index, entry in _entries(traces, writes).items():
        trails[index] = "; ".join(filter(None, (trails.get(index), entry)))
    return trails


def trails_from_attempts(
    attempts: Mapping[int, Sequence[Attempt]],
    traces: Mapping[str, Sequence[NodeEvent]] = MappingProxyType({}),
    writes: Mapping[Write, int] = MappingProxyType({}),
) -> dict[int, str]:
    """Every transmission of every operation and what was answered, and of a write its entry."""
    entries = _entries(traces, writes)
    trails: dict[int, str] = {}
    for index, made in attempts.items():
        hops = (f"{each.node} {each.answer or 'gives no answer'}" for each in made)
        trails[index] = "; ".join(filter(None, (" → ".join(hops), entries.get(index))))
    return trails


def _entries(
    traces: Mapping[str, Sequence[NodeEvent]], writes: Mapping[Write, int]
) -> dict[int, str]:
    """Of each acknowledged write by whom, and as which entry."""
    entries: dict[int, str] = {}
    for node in sorted(traces):
        for event in traces[node]:
            if isinstance(event, Answered):
                index = writes.get((event.client, event.sequence))
                if index is not None:
                    entry = f"acknowledged by {node} as entry {event.index} of term {event.term}"
                    entries.setdefault(index, entry)
    return entries
