"""A configuration says which field is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from system_under_test.gossip_raft.core.config import Heartbeats, NodeConfig, Shape
from system_under_test.gossip_raft.core.types import NodeId

MEMBERS = (NodeId("n0"), NodeId("n1"))


def test_the_defaults_are_valid_for_members_and_for_those_who_join() -> None:
    for node in (*MEMBERS, NodeId("n9")):
        assert NodeConfig(id=node, members=MEMBERS).members == MEMBERS


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"members": ()}, "members"),
        ({"members": ("n0", "n1", "n1")}, "members"),
        ({"heartbeat_interval_ns": 0}, "heartbeat_interval_ns"),
        ({"fanout": 0}, "fanout"),
        ({"entries_max": -1}, "entries_max"),
        ({"batch_bytes_max": 0}, "batch_bytes_max"),
        ({"request_timeout_ns": 0}, "request_timeout_ns"),
        ({"writes_waiting_max": 0}, "writes_waiting_max"),
        ({"reads_waiting_max": 0}, "reads_waiting_max"),
        ({"uncommitted_bytes_max": 0}, "uncommitted_bytes_max"),
        ({"request_bytes_max": 0}, "request_bytes_max"),
        ({"inbox_max": 0}, "inbox_max"),
        ({"request_bytes_max": 8 * 1024 * 1024 + 1}, "request_bytes_max"),
        ({"batch_bytes_max": 8 * 1024 * 1024 + 1}, "batch_bytes_max"),
        ({"clock_drift_max_ppm": -1}, "clock_drift_max_ppm"),
        ({"clock_drift_max_ppm": 1_000_000}, "clock_drift_max_ppm"),
        ({"suspicion_intervals": 0}, "suspicion_intervals"),
        ({"children_max": 0}, "children_max"),
        ({"depth_max": 0}, "depth_max"),
        ({"depth_max": 1, "shape": Shape.STAR}, "depth_max"),
        ({"heartbeats": Heartbeats.PLAIN}, "heartbeats"),
        (
            {"children_max": 1, "depth_max": 2, "members": ("n0", "n1", "n2", "n3")},
            "children_max",
        ),
        ({"pull_wait_ns": -1}, "pull_wait_ns"),
        ({"commit_news_delay_ns": -1}, "commit_news_delay_ns"),
        ({"election_timeout_min_ns": 1}, "election_timeout_min_ns"),
        ({"election_timeout_max_ns": 1}, "election_timeout_max_ns"),
    ],
)
def test_a_wrong_field_is_named(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        NodeConfig(**{"id": NodeId("n0"), "members": MEMBERS, **wrong})
