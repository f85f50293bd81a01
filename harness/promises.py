"""What the cluster of a simulated run promises about time and memory, by its configuration.

Checkers are told, since traces do not say it.  Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from checker.availability import Patience
from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.simulation.cluster import WorldOptions

ROUNDS_MAX: Final = 8
"""Split votes repeat, and seldom that often."""
BACKLOG: Final = 1_000
"""So many entries may a node lack that comes back, or chunks of a snapshot."""
ENTRY_BYTES_MIN: Final = 32
"""What the smallest entry counts for (``core/log.py``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promises:
    """``None``: nothing that could be judged.

    Attributes:
        patience: How long nodes may take that are left in peace.
        backlog_max: How many entries of its own term a leader may hold that are not committed.
    """

    patience: Patience | None = None
    backlog_max: int | None = None


NONE: Final = Promises()


def promises_of(world: WorldOptions | None) -> Promises:
    """``None`` stands for a live cluster, of whose machine nothing is known."""
    if world is None:
        return NONE
    node = _node_config(world)
    backlog_max = None
    if "uncommitted_bytes_max" in world.node:
        # The entry that a leader begins with, one that always has room, one for a change of
        # the membership.
        backlog_max = node.uncommitted_bytes_max // ENTRY_BYTES_MIN + 3
    return Promises(patience=_patience(world, node), backlog_max=backlog_max)


def _node_config(world: WorldOptions) -> NodeConfig:
    """That of all nodes, but for their names."""
    members = tuple(NodeId(f"n{number}") for number in range(world.nodes))
    settings: dict[str, Any] = {
        name: value for name, value in world.node.items() if isinstance(value, int)
    }
    return NodeConfig(id=members[0], members=members, **settings)


def _patience(world: WorldOptions, node: NodeConfig) -> Patience | None:
    network, disk = world.network, world.disk
    if world.rare or disk.hiccup or not network.weather.is_fair or network.priorities:
        return None  # Chance alone may keep nodes for longer than anybody can say.
    # From one node to another and onto its disk.
    step = int(network.latency_max_ns * (1 + network.jitter)) + disk.sync_max_ns
    timeout = node.election_timeout_max_ns
    if timeout < 10 * step:
        return None
    if timeout - node.election_timeout_min_ns < timeout // 20:
        return None  # There is nothing to draw from: such nodes may well divide the votes for ever.
    return Patience(
        elect=ROUNDS_MAX * timeout,
        abdicate=2 * timeout + node.heartbeat_interval_ns,
        commit=timeout
        + node.request_timeout_ns
        + node.pull_wait_ns
        + (20 + 2 * BACKLOG // node.entries_max) * step,
    )
