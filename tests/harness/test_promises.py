"""How long a simulated cluster may take, by what it is made of."""

from __future__ import annotations

from typing import Final

import pytest

from harness.promises import ROUNDS_MIN, promises_of
from system_under_test.gossip_raft.simulation.cluster import WorldOptions
from system_under_test.gossip_raft.simulation.network import NetworkOptions
from system_under_test.gossip_raft.simulation.storage import DiskOptions

MS: Final = 1_000_000


def rounds(nodes: int, least_ms: int, most_ms: int, *, slow_ms: int = 1) -> float:
    """How many of the longest time-outs an election may take; infinity: nobody can say."""
    world = WorldOptions(
        nodes=nodes,
        node={
            "election_timeout_min_ns": least_ms * MS,
            "election_timeout_max_ns": most_ms * MS,
            "heartbeat_interval_ns": least_ms * MS // 5,
        },
        network=NetworkOptions(latency_max_ns=slow_ms * MS, jitter=1.0),
        disk=DiskOptions(sync_max_ns=1 * MS),
    )
    patience = promises_of(world).patience
    return float("inf") if patience is None else patience.elect / (most_ms * MS)


def test_where_time_outs_are_drawn_from_much_hardly_any_election_is_waited_for() -> None:
    assert rounds(3, 500, 1000) == ROUNDS_MIN


def test_the_more_may_divide_the_votes_the_longer_it_may_take() -> None:
    assert rounds(3, 100, 150, slow_ms=3) < rounds(5, 100, 150, slow_ms=3)
    assert rounds(5, 100, 150, slow_ms=3) < rounds(7, 100, 150, slow_ms=3)


def test_the_closer_time_outs_are_to_the_time_a_vote_takes_the_longer_it_may_take() -> None:
    assert rounds(5, 100, 200, slow_ms=3) < rounds(5, 150, 200, slow_ms=3)
    assert rounds(5, 150, 200, slow_ms=3) < rounds(5, 180, 200, slow_ms=3)


@pytest.mark.parametrize("most_ms", [100, 103, 106])
def test_who_draws_from_nothing_may_divide_the_votes_for_ever(most_ms: int) -> None:
    assert rounds(3, 100, most_ms, slow_ms=3) == float("inf")
