"""A node's metrics, as Prometheus reads them, and the ports through which they are seen.

Nothing of the node knows of this: the ports it is given are wrapped, its status is read
when somebody asks, and without an address for metrics none of it is even imported.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from system_under_test.gossip_raft.core.messages import (
    Digest,
    Message,
    PulledEntries,
    Status,
)
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.trace import Appended, RoleChanged, TraceEvent
from system_under_test.gossip_raft.core.types import DurableState, Nanos, NodeId
from system_under_test.gossip_raft.ports import Clock, Network, Recorder, Storage

ROLES: Final = ("follower", "pre_candidate", "candidate", "leader")
_SECONDS: Final = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_ENTRIES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class NodeMetrics:
    """All metrics of one node; belongs to the event loop that it runs on."""

    def __init__(self, peers: Callable[[], Collection[NodeId]], clock: Clock) -> None:
        """``peers`` are the other members, as they are when asked for."""
        self.clock: Final = clock
        self._peers = peers
        self._leads = False
        self._fresh: dict[NodeId, tuple[Digest, Nanos]] = {}
        registry = self._registry = CollectorRegistry()

        def gauge(name: str, says: str, *labels: str) -> Gauge:
            return Gauge(f"hearsay_{name}", says, labels, registry=registry)

        def counter(name: str, says: str, *labels: str) -> Counter:
            return Counter(f"hearsay_{name}", says, labels, registry=registry)

        self._up = gauge("up", "Whether the node runs.")
        self._term = gauge("term", "The node's term.")
        self._role = gauge("role", "1 for the role that the node has.", "role")
        self._index = gauge("log_index", "The log's last, committed, applied index.", "point")
        self._age = gauge("gossip_age_seconds", "Since there was news of the peer.", "peer")
        self._rpcs = counter("rpcs_served", "Calls served, by their end.", "method", "code")
        self._sent = counter("messages_sent", "Messages handed to the network.", "kind")
        self._received = counter("messages_received", "Messages taken in.", "kind")
        self._events = counter("trace_events", "Events written to the trace.", "event")
        self._proposed = counter("proposals", "Entries appended as leader, no-ops included.")
        self._logged = counter("log_records", "Lines of the server's log.", "level")
        self._persist = Histogram(
            "hearsay_persist_seconds",
            "One write and fdatasync, as the node waits for it.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._batch = Histogram(
            "hearsay_batch_entries",
            "Entries in one write to disk, and in one pull that brought some.",
            ("of",),
            buckets=_ENTRIES,
            registry=registry,
        )

    def text(self, status: Status | None) -> bytes:
        """The page that Prometheus reads; ``status`` is the node's, ``None`` if it ended."""
        self._up.set(status is not None)
        if status is not None:
            self._term.set(status.term)
            for role in ROLES:
                self._role.labels(role).set(role == status.role)
            self._index.labels("last").set(status.last.index)
            self._index.labels("commit").set(status.commit.index)
            self._index.labels("applied").set(status.applied)
        now, peers = self.clock.now(), self._peers()
        self._age.clear()  # Of those who left nothing is told.
        self._fresh = {peer: heard for peer, heard in self._fresh.items() if peer in peers}
        for peer, (_, grew) in self._fresh.items():
            self._age.labels(peer).set((now - grew) / 1e9)
        return generate_latest(self._registry)

    def served(self, method: str, code: str) -> None:
        self._rpcs.labels(method, code).inc()

    def sent(self, message: Message) -> None:
        self._sent.labels(type(message.body).__name__).inc()

    def received(self, message: Message) -> None:
        self._received.labels(type(message.body).__name__).inc()
        if isinstance(message.body, PulledEntries) and message.body.entries:
            self._batch.labels("pull").observe(len(message.body.entries))
        peers = self._peers()
        if message.source in peers:
            for known in message.digest:
                if known.node in peers:
                    self._hear_of(known)

    def recorded(self, event: TraceEvent) -> None:
        self._events.labels(type(event).__name__).inc()
        match event:
            case RoleChanged(role=role):
                self._leads = role == "leader"
            case Appended() if self._leads:
                self._proposed.inc()
            case _:
                pass

    def persisted(self, persist: Persist, took: Nanos) -> None:
        self._persist.observe(took / 1e9)
        if persist.entries:
            self._batch.labels("persist").observe(len(persist.entries))

    def logged(self, level: str) -> None:
        self._logged.labels(level).inc()

    def _hear_of(self, known: Digest) -> None:
        if known.node not in self._fresh or self._fresh[known.node][0] < known:
            self._fresh[known.node] = (known, self.clock.now())


class MeteredNetwork:
    """The port ``Network``, counted."""

    def __init__(self, network: Network, metrics: NodeMetrics) -> None:
        self._network = network
        self._metrics = metrics

    def send(self, message: Message) -> None:
        self._metrics.sent(message)
        self._network.send(message)


class MeteredStorage:
    """The port ``Storage``, timed."""

    def __init__(self, storage: Storage, metrics: NodeMetrics) -> None:
        self._storage = storage
        self._metrics = metrics

    def load(self) -> DurableState:
        return self._storage.load()

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        clock = self._metrics.clock
        began = clock.now()

        def measured() -> None:
            self._metrics.persisted(persist, Nanos(clock.now() - began))
            durable()

        self._storage.persist(persist, measured)


class MeteredRecorder:
    """The port ``Recorder``, counted."""

    def __init__(self, recorder: Recorder, metrics: NodeMetrics) -> None:
        self._recorder = recorder
        self._metrics = metrics

    def record(self, events: tuple[TraceEvent, ...]) -> None:
        self._recorder.record(events)
        for event in events:
            self._metrics.recorded(event)


class LogCounter(logging.Handler):
    """Counts what is logged, by level."""

    def __init__(self, metrics: NodeMetrics) -> None:
        super().__init__()
        self._metrics = metrics

    def emit(self, record: logging.LogRecord) -> None:
        self._metrics.logged(record.levelname.lower())
