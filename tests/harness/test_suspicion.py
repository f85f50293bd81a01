"""What a run is given by somebody who suspects a bug, and that it is then found."""

from __future__ import annotations

import pytest

from checker.base import Budget
from harness.promises import promises_of
from harness.simulated import Plan
from harness.suspicion import FAULTS_FOR
from harness.swarm import Given, draw_plan
from harness.zoo import CORRECT, HuntBudget, hunt, plan_of
from nemesis.fault import kind_of
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from system_under_test.gossip_raft.mutants.mutant import Need

PPM = 1_000_000
SEEDS = range(12)


def plans(*needs: Need) -> list[Plan]:
    return [draw_plan(seed, Given(), needs) for seed in SEEDS]


@pytest.mark.parametrize("need", FAULTS_FOR, ids=lambda need: need.name)
def test_the_faults_that_are_needed_are_planned(need: Need) -> None:
    kinds = {kind_of(step.fault) for plan in plans(need) for step in plan.schedule.steps}
    assert len(kinds - {"heal-all"}) >= 1
    assert all(set(FAULTS_FOR[need]) == set(plan.config.faults) for plan in plans(need))


def test_peace_is_such_that_promises_of_time_can_be_judged() -> None:
    for plan in plans(Need.PEACE, Need.CRASH):
        patience = promises_of(plan.world).patience
        assert patience is not None
        longest = max(step.duration_ns for step in plan.schedule.steps)
        assert longest >= patience.elect


def test_clocks_run_apart_by_no_more_than_nodes_are_told() -> None:
    for plan in plans(Need.CLOCK_DRIFT, Need.LEASE_READS):
        allowed = plan.world.node["clock_drift_max_ppm"]
        drift = plan.world.clock.drift_max_ppm
        assert isinstance(allowed, int)
        assert drift > 0
        assert (PPM + drift) * PPM <= (PPM - drift) * (PPM + allowed)


def test_limits_are_small_where_they_are_to_be_reached() -> None:
    for plan in plans(Need.OVERLOAD, Need.PARTITION):
        assert promises_of(plan.world).backlog_max is not None
        limit, batch = plan.world.network.entries_bytes_max, plan.world.node["batch_bytes_max"]
        assert isinstance(batch, int)
        assert limit is not None
        assert limit > batch
    assert all(plan.world.forwarding for plan in plans(Need.GATEWAY))
    assert all(plan.world.node["children_max"] == 1 for plan in plans(Need.CHAINS))


@pytest.mark.parametrize(
    ("bug", "checker"),
    [
        ("old-news-postpones", "availability: no leader"),
        ("same-timeout", "availability: time-outs are not drawn"),
        ("wraps-empty-anew", "raft: log matching"),
        ("unbounded-queue", "backlog: unbounded backlog"),
        ("believes-failed-sync", "liveness: forgets"),
        ("forwards-as-new", "linearizable: nonlinearizable"),
        ("partial-transaction", "transactions: G1a"),
    ],
)
def test_bugs_that_only_a_suspicion_shows_are_caught(bug: str, checker: str) -> None:
    found: set[str] = set()
    for number in range(3):
        one = hunt(bug, number, HuntBudget(runs_max=40, seconds_max=1e9), lambda: 0.0, Budget)
        assert one.caught
        found.update(one.found)
        if checker in found:
            return
    raise AssertionError(f"{checker} is not among {found}")


def test_correct_nodes_get_by_turns_what_every_bug_needs() -> None:
    for number, mutant in enumerate(CATALOGUE.values()):
        plan = plan_of(number, None, guided=True)
        alike = plan_of(number, mutant, guided=True)
        assert plan.world == alike.world
        assert plan.schedule == alike.schedule
        assert plan.config.bug is None
    assert CORRECT not in CATALOGUE
