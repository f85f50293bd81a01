"""What the cluster of a simulated run promises about time and memory, by its configuration.

Checkers are told, since traces do not say it.  Pure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from checker.availability import Patience
from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.simulation.cluster import WorldOptions

ROUNDS_MIN: Final = 8
"""So many elections may fail in any case."""
SELDOM: Final = 1e-5
"""How likely it may be that a cluster divides its votes for longer than it is waited for."""
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
    rounds = _rounds(world, node)
    if rounds is None:
        return None
    return Patience(
        elect=rounds * timeout,
        abdicate=2 * timeout + node.heartbeat_interval_ns,
        commit=timeout
        + node.request_timeout_ns
        + node.pull_wait_ns
        + (20 + 2 * BACKLOG // node.entries_max) * step,
    )


def _rounds(world: WorldOptions, node: NodeConfig) -> int | None:
    """How many elections may divide the votes, one after the other; ``None``: any number.

    One does not where nobody else's time is over before the first candidate's vote is asked for:
    its pre-vote goes there and back, its own vote to disk, its request to the others.
    """
    network, disk = world.network, world.disk
    one_way = (network.latency_min_ns + network.latency_max_ns) * (1 + network.jitter / 3) / 2
    asking = 3 * one_way + (disk.sync_min_ns + disk.sync_max_ns) / 2
    drawn_from = node.election_timeout_max_ns - node.election_timeout_min_ns
    if asking >= drawn_from:
        return None
    undivided = (1 - asking / drawn_from) ** (world.nodes - 1)
    return max(ROUNDS_MIN, math.ceil(math.log(SELDOM) / math.log1p(-undivided)))
