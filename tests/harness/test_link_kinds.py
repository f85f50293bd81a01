"""Every kind of fault on links, in simulated runs: it takes effect, ends, and harms nobody."""

from __future__ import annotations

import re

import pytest

from checker.base import Budget
from checker.verdict import Valid
from harness.config import RunConfig
from harness.planning import plan_faults
from harness.simulated import Plan, simulate
from histories.event import FaultBegan, FaultEnded
from nemesis.link_kinds import LINK_KINDS
from system_under_test.gossip_raft.simulation.cluster import WorldOptions


@pytest.mark.parametrize("kind", [*LINK_KINDS, "slow-close", "weather"])
def test_it_takes_effect_and_the_correct_cluster_is_valid(kind: str) -> None:
    config = RunConfig(seed=3, faults=(kind,), time_s=16.0)
    world = WorldOptions(nodes=config.nodes)
    simulated = simulate(Plan(config=config, schedule=plan_faults(config), world=world))
    began = [event for event in simulated.events if isinstance(event, FaultBegan)]
    ended = [event.evidence for event in simulated.events if isinstance(event, FaultEnded)]
    assert len(began) == len(ended) >= 2
    # Slowness is seen in how long calls take, not in what is lost.
    if kind not in {"latency", "slow-partition"}:
        assert any(re.search(r"[1-9]", evidence) for evidence in ended), ended
    assert isinstance(simulated.verdict(Budget()), Valid)
