"""Hypothesis chooses what happens to a simulated cluster, and shrinks what should not have."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from nemesis.fault import Fault
from nemesis.strategies import faults, partitions
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from system_under_test.gossip_raft.simulation.cluster import WorldOptions
from system_under_test.gossip_raft.simulation.strategies import world_options
from tests.simulation.cluster_machine import NAMED, ClusterMachine

STEPS_MAX: Final = 12
CALM: Final = WorldOptions(
    node={"election_timeout_min_ns": 300_000_000, "election_timeout_max_ns": 600_000_000}
)


class AnyCluster(ClusterMachine):
    @initialize(world=world_options(), seed=st.integers(0, 2**16))
    def begin(self, world: WorldOptions, seed: int) -> None:
        self._begin(world, seed)

    @rule(fault=faults(NAMED), seed=st.integers(0, 2**16))
    def suffer(self, fault: Fault, seed: int) -> None:
        self._suffer(fault, seed)


class CalmCluster(ClusterMachine):
    """Whatever goes wrong is done to it, so that little is left to shrink."""

    @initialize()
    def begin(self) -> None:
        self._begin(CALM, seed=0)

    @rule(fault=partitions(NAMED))
    def suffer(self, fault: Fault) -> None:
        self._suffer(fault, seed=0)


def test_correct_nodes_bear_whatever_happens() -> None:
    examples = max(10, settings().max_examples // 3)
    run_state_machine_as_test(
        AnyCluster, settings=settings(max_examples=examples, stateful_step_count=STEPS_MAX)
    )


class MinorityCommits(CalmCluster):
    nodes = CATALOGUE["minority-commit"]


def test_a_bug_is_found_and_its_example_shrinks_to_a_few_steps() -> None:
    search = settings(
        settings.get_profile("quick"),
        max_examples=200,
        phases=(Phase.generate, Phase.shrink),
        stateful_step_count=STEPS_MAX,
        report_multiple_bugs=False,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(MinorityCommits, settings=search)
    assert len(MinorityCommits.steps) <= 4
