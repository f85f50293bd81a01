"""Hypothesis strategies for whole simulated runs.

Needs Hypothesis, a development dependency.
"""

from __future__ import annotations

from hypothesis import strategies as st

from harness.config import RunConfig
from harness.simulated import Plan
from nemesis.strategies import schedules
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.simulation.strategies import world_options
from workloads.catalogue import WORKLOADS


@st.composite
def plans(
    draw: st.DrawFn,
    *,
    bug: str | None = None,
    time_s: float = 5.0,
    faults_max: int = 4,
) -> Plan:
    """Runs of ``time_s`` of which correct nodes must make a valid one.

    Faults end early enough for an election and some calls after them.
    """
    world = draw(world_options())
    nodes = [NodeId(f"n{number}") for number in range(world.nodes)]
    config = RunConfig(
        seed=draw(st.integers(0, 2**32)),
        workload=draw(st.sampled_from(tuple(WORKLOADS))),
        nodes=world.nodes,
        faults=(),
        time_s=time_s,
        concurrency=draw(st.sampled_from((5, 10))),
        rate_hz=draw(st.sampled_from((30.0, 50.0))),
        operation_timeout_ms=draw(st.sampled_from((500, 1000))),
        bug=bug,
    )
    schedule = draw(schedules(nodes, int(time_s / 2 * 1e9), faults_max=faults_max))
    return Plan(config=config, schedule=schedule, world=world)
