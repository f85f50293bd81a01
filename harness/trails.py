"""How operations travelled: whom their client asked, who answered, as which entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.config import RunConfig
from harness.overhearing import Attempt
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
    acknowledged = set[int]()
    for node in sorted(traces):
        for event in traces[node]:
            if not isinstance(event, Answered):
                continue
            index = writes.get((event.client, event.sequence))
            if index is not None and index not in acknowledged:
                acknowledged.add(index)
                entry = f"acknowledged by {node} as entry {event.index} of term {event.term}"
                trails[index] = "; ".join(filter(None, (trails.get(index), entry)))
    return trails


def trails_from_attempts(history: History, attempts: Iterable[Attempt]) -> dict[int, str]:
    """Every transmission of every operation, as it was overheard."""
    of_client: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        of_client.setdefault(attempt.client, []).append(attempt)
    trails: dict[int, str] = {}
    for op in reversed(history.ops):
        # The latest operation takes the latest attempts, and leaves the others to those before.
        mine = of_client.get(f"p{op.process}", [])
        hops: list[str] = []
        while mine and mine[-1].departed >= op.invoked:
            attempt = mine.pop()
            hops.append(f"{attempt.node} {attempt.answer or 'gives no answer'}")
        if hops:
            trails[op.index] = " → ".join(reversed(hops))
    return trails
