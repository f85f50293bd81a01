"""Hypothesis strategies for what simulated worlds are made of.

Small limits are as likely as large ones, since they matter all the time; everything shrinks to a
calm world.  Needs Hypothesis, a development dependency.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hypothesis import strategies as st

from system_under_test.gossip_raft.simulation.cluster import ClockOptions, WorldOptions
from system_under_test.gossip_raft.simulation.network import NetworkOptions
from system_under_test.gossip_raft.simulation.route import Weather
from system_under_test.gossip_raft.simulation.storage import DiskOptions

MS: Final = 1_000_000


def node_settings() -> st.SearchStrategy[Mapping[str, int | str | None]]:
    """Fields of ``NodeConfig`` that fit each other."""
    return _timeouts().flatmap(
        lambda timeouts: st.fixed_dictionaries(
            {name: st.just(value) for name, value in timeouts.items()},
            optional={
                "pull_wait_ns": st.sampled_from((0, 200 * MS, 500 * MS)),
                "request_timeout_ns": st.sampled_from((200 * MS, 500 * MS)),
                "commit_news_delay_ns": st.sampled_from((0, 10 * MS, 50 * MS)),
                "fanout": st.sampled_from((1, 2, 4)),
                "entries_max": st.sampled_from((1, 2, 256)),
                "snapshot_entries_max": st.sampled_from((1, 3, 10, 100)),
                "log_keep": st.sampled_from((0, 1, 5, 50)),
                "snapshot_chunk_bytes": st.sampled_from((2_000, 20_000)),
                "children_max": st.sampled_from((1, 2)),
            },
        )
    )


def _timeouts() -> st.SearchStrategy[dict[str, int]]:
    return st.builds(
        lambda election, heartbeats: {
            "election_timeout_min_ns": election * MS,
            "election_timeout_max_ns": 2 * election * MS,
            "heartbeat_interval_ns": election // heartbeats * MS,
        },
        st.sampled_from((300, 500, 1000)),
        st.sampled_from((10, 5)),
    )


def weathers() -> st.SearchStrategy[Weather]:
    """Fair, or bad enough to be felt and good enough for a cluster to get on."""
    probability = st.sampled_from((0.0, 0.01, 0.05))
    return st.builds(Weather, loss=probability, duplication=probability, straggling=probability)


def world_options(nodes: st.SearchStrategy[int] | None = None) -> st.SearchStrategy[WorldOptions]:
    """Worlds of 3 to 5 nodes, or of as many as ``nodes`` says."""
    return st.builds(
        WorldOptions,
        nodes=st.integers(3, 5) if nodes is None else nodes,
        node=node_settings(),
        network=st.builds(
            NetworkOptions,
            latency_max_ns=st.sampled_from((2 * MS, 10 * MS, 40 * MS)),
            jitter=st.sampled_from((0.2, 1.0, 5.0)),
            weather=weathers(),
        ),
        disk=st.builds(DiskOptions, sync_max_ns=st.sampled_from((1 * MS, 10 * MS, 50 * MS))),
        clock=st.builds(ClockOptions, drift_max_ppm=st.sampled_from((0, 100, 4_000))),
        rare=st.sampled_from((0.0, 0.001, 0.01)),
    )
