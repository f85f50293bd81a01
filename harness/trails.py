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
    """For every operation its contact; for a write that was acknowledged also where and as what."""
    answered: dict[int, str] = {}
    for node in sorted(traces):
        for event in traces[node]:
            if isinstance(event, Answered):
                op = writes.get((event.client, event.sequence))
                if op is not None:
                    entry = f"entry {event.index} of term {event.term}"
                    answered.setdefault(op, f"; acknowledged by {node} as {entry}")
    return {
        op.index: f"asks n{op.process % config.concurrency % config.nodes} first"
        + answered.get(op.index, "")
        for op in history.ops
    }


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
