"""What one node is told at start, besides what is on its disk."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from system_under_test.gossip_raft.core.types import Nanos, NodeId

ELECTION_TIMEOUT_MIN: Final = Nanos(1_000_000_000)
ELECTION_TIMEOUT_MAX: Final = Nanos(2_000_000_000)
HEARTBEAT_INTERVAL: Final = Nanos(100_000_000)
PULL_WAIT: Final = Nanos(500_000_000)
COMMIT_NEWS_DELAY: Final = Nanos(10_000_000)
REQUEST_TIMEOUT: Final = Nanos(500_000_000)
PAYLOAD_BYTES_MAX: Final = 8 * 1024 * 1024
"""An entry beyond what a message can hold would come in and never be replicated."""


class Heartbeats(Enum):
    """``GOSSIP``: every node to ``fanout`` others, with all it knows.  ``PLAIN``: the leader
    to all, and a message says only what its sender knows of itself; for comparison
    (PROTOCOL 4)."""

    GOSSIP = "gossip"
    PLAIN = "plain"


class Shape(Enum):
    """Whom nodes pull from: ``STAR``: the leader, or nobody (PROTOCOL 4)."""

    CHAINED = "chained"
    STAR = "star"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """The defaults suit a local network.

    Attributes:
        members: The voters of the cluster's beginning, in an order that all agree on; a
            node that is not among them joins later.
        election_timeout_min_ns: How long a node believes in a leader it does not hear of,
            and a leader in a majority; a node campaigns after a random time between this
            and ``election_timeout_max_ns`` (PROTOCOL D6).
        heartbeat_interval_ns: Between two rounds of gossip.
        fanout: To how many random peers each round goes; to all if there are no more.
        pull_wait_ns: How long a source may hold back an answer without news.
        commit_news_delay_ns: How long a source lets news of the commit point alone wait for
            entries to travel with.
        entries_max: In one answer to a pull.
        batch_bytes_max: About as much at most in one answer that a source gives, but
            always one entry: a backlog must not outgrow what a message may hold.
        request_timeout_ns: Beyond what was granted, until a request counts as lost.
        clock_drift_max_ppm: By how many millionths one node's clock may gain on another's;
            only reads by lease depend on it.
        suspicion_intervals: A node of which nothing new is heard, directly or through others,
            for longer than so many heartbeat intervals is suspected to be down.
        indirect_probes: So many others are asked to probe a node that is suspected, before it
            counts as unreachable; 0: suspicion is enough.
        heartbeats: Plain ones need the star: positions would not travel up a chain.
        shape: See ``Shape``.
        children_max: How many nodes should pull from one; ``None`` means any number.
        depth_max: How many steps a node should be from the leader at most.
        writes_waiting_max: Writes appended by a leader and not yet answered.
        reads_waiting_max: Reads that wait to be confirmed or applied.
        uncommitted_bytes_max: Of entries that a leader has not yet committed.
        request_bytes_max: Of the commands of one request.
        inbox_max: Messages that wait while the disk is busy.
        snapshot_entries_max: After so many entries applied a snapshot is taken,
        snapshot_bytes_max: or after about so many bytes of them.
        log_keep: So many entries before a snapshot stay in the log, for followers that
            are a little behind.
        snapshot_chunk_bytes: Of a snapshot in one answer.

    Raises:
        ValueError: A field is out of range; the message names field and value.
    """

    id: NodeId
    members: tuple[NodeId, ...]
    election_timeout_min_ns: Nanos = ELECTION_TIMEOUT_MIN
    election_timeout_max_ns: Nanos = ELECTION_TIMEOUT_MAX
    heartbeat_interval_ns: Nanos = HEARTBEAT_INTERVAL
    fanout: int = 4
    pull_wait_ns: Nanos = PULL_WAIT
    commit_news_delay_ns: Nanos = COMMIT_NEWS_DELAY
    entries_max: int = 256
    batch_bytes_max: int = 1024 * 1024
    request_timeout_ns: Nanos = REQUEST_TIMEOUT
    clock_drift_max_ppm: int = 10_000
    suspicion_intervals: int = 10
    indirect_probes: int = 3
    heartbeats: Heartbeats = Heartbeats.GOSSIP
    shape: Shape = Shape.CHAINED
    children_max: int | None = None
    depth_max: int | None = None
    writes_waiting_max: int = 10_000
    reads_waiting_max: int = 10_000
    uncommitted_bytes_max: int = 32 * 1024 * 1024
    request_bytes_max: int = PAYLOAD_BYTES_MAX
    inbox_max: int = 10_000
    snapshot_entries_max: int = 10_000
    snapshot_bytes_max: int = 16 * 1024 * 1024
    log_keep: int = 1_000
    snapshot_chunk_bytes: int = 256 * 1024

    def __post_init__(self) -> None:
        if not self.members:
            raise ValueError("members: must name at least one node")
        if len(set(self.members)) != len(self.members):
            raise ValueError(f"members: {self.members} names a node twice")
        for field in (
            "heartbeat_interval_ns",
            "fanout",
            "entries_max",
            "batch_bytes_max",
            "request_timeout_ns",
            "suspicion_intervals",
            "writes_waiting_max",
            "reads_waiting_max",
            "uncommitted_bytes_max",
            "request_bytes_max",
            "inbox_max",
            "snapshot_entries_max",
            "snapshot_bytes_max",
            "snapshot_chunk_bytes",
        ):
            if getattr(self, field) <= 0:
                raise ValueError(f"{field}: must be positive, is {getattr(self, field)}")
        for field in ("batch_bytes_max", "request_bytes_max"):
            if getattr(self, field) > PAYLOAD_BYTES_MAX:
                raise ValueError(f"{field}: {getattr(self, field)} exceeds {PAYLOAD_BYTES_MAX}")
        for field in ("pull_wait_ns", "commit_news_delay_ns", "log_keep", "indirect_probes"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field}: must not be negative, is {getattr(self, field)}")
        if not 0 <= self.clock_drift_max_ppm < 1_000_000:
            raise ValueError(
                f"clock_drift_max_ppm: {self.clock_drift_max_ppm} is not between 0 and 999999"
            )
        if self.election_timeout_min_ns < 2 * self.heartbeat_interval_ns:
            raise ValueError(
                f"election_timeout_min_ns: {self.election_timeout_min_ns} is less than two"
                f" heartbeat intervals of {self.heartbeat_interval_ns}"
            )
        if self.election_timeout_max_ns < self.election_timeout_min_ns:
            raise ValueError(
                f"election_timeout_max_ns: {self.election_timeout_max_ns} is less than"
                f" election_timeout_min_ns, {self.election_timeout_min_ns}"
            )

        self._check_topology()

    def _check_topology(self) -> None:
        is_star = self.shape is Shape.STAR
        if self.heartbeats is Heartbeats.PLAIN and not is_star:
            raise ValueError("heartbeats: plain ones need the shape star")
        for field in ("children_max", "depth_max"):
            limit = getattr(self, field)
            if limit is not None and limit <= 0:
                raise ValueError(f"{field}: must be positive, is {limit}")
            if limit is not None and is_star:
                raise ValueError(f"{field}: has no meaning in a star, is {limit}")
        if self.children_max is None or self.depth_max is None:
            return
        places = sum(self.children_max**depth for depth in range(1, self.depth_max + 1))
        if places < len(self.members) - 1:
            raise ValueError(
                f"children_max: {self.children_max} with depth_max {self.depth_max} has places"
                f" for {places} nodes beside the leader, not for {len(self.members) - 1}"
            )

    @property
    def limits_chains(self) -> bool:
        return self.children_max is not None or self.depth_max is not None
