"""What one node is told at start, besides what is on its disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from system_under_test.gossip_raft.core.types import Nanos, NodeId

ELECTION_TIMEOUT_MIN: Final = Nanos(1_000_000_000)
ELECTION_TIMEOUT_MAX: Final = Nanos(2_000_000_000)
HEARTBEAT_INTERVAL: Final = Nanos(100_000_000)
PULL_WAIT: Final = Nanos(500_000_000)
REQUEST_TIMEOUT: Final = Nanos(500_000_000)


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
        entries_max: In one answer to a pull.
        batch_bytes_max: About as much at most in one answer that a source gives, but
            always one entry: a backlog must not outgrow what a message may hold.
        request_timeout_ns: Beyond what was granted, until a request counts as lost.

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
    entries_max: int = 256
    batch_bytes_max: int = 1024 * 1024
    request_timeout_ns: Nanos = REQUEST_TIMEOUT

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
        ):
            if getattr(self, field) <= 0:
                raise ValueError(f"{field}: must be positive, is {getattr(self, field)}")
        if self.pull_wait_ns < 0:
            raise ValueError(f"pull_wait_ns: must not be negative, is {self.pull_wait_ns}")
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
