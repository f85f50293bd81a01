"""Which bugs are hunted live, and with what; the hunt itself is among the live campaigns."""

from __future__ import annotations

from harness.planning import plan_faults
from harness.zoo_live import live_config, why_not_live
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE


def test_every_bug_is_hunted_live_or_has_a_reason_why_not() -> None:
    reasons = {name: why_not_live(mutant) for name, mutant in CATALOGUE.items()}
    live = [name for name, reason in reasons.items() if reason is None]
    assert len(live) >= 30
    for name in live:
        config = live_config(CATALOGUE[name], 1, 10.0)
        config.check()
        assert plan_faults(config).steps


def test_a_live_hunt_has_the_faults_and_the_workload_that_the_bug_needs() -> None:
    config = live_config(CATALOGUE["lease-after-sleep"], 1, 10.0)
    assert (config.faults, config.reads, config.workload) == (("pause",), "lease", "register")
    config = live_config(CATALOGUE["read-skew"], 1, 10.0)
    assert (config.faults, config.workload) == ((), "append")
