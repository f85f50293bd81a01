"""Every workload under every kind of fault, briefly, in simulation; and its bug, which it finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import pytest

from checker.base import Budget
from checker.verdict import Invalid, Valid
from harness.config import RunConfig
from harness.judging import judge
from harness.planning import plan_faults
from harness.simulated import CORRECT, Plan, Simulated, simulate
from histories.event import FaultBegan
from nemesis.plan import KINDS
from system_under_test.gossip_raft.simulation.cluster import WorldOptions
from workloads.catalogue import WORKLOADS
from workloads.options import Setting

SEEDS: Final = 12
"""Worlds in which a bug may hide until it is found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A bug of the zoo that a workload is there to find, and what it takes."""

    bug: str
    seen: str
    faults: tuple[str, ...] = ("partition",)
    options: dict[str, Setting] = field(default_factory=dict)


REPEATING: Final[dict[str, Setting]] = {"retries": "exactly-once"}
WEATHER: Final = ("weather", "slow")
CONTROLS: Final = {
    "register": Control(bug="stale-read", seen="nonlinearizable"),
    "cas-register": Control(bug="stale-read", seen="nonlinearizable"),
    "read-modify-write": Control(bug="minority-commit", seen="nonlinearizable"),
    "multi-register": Control(bug="applies-by-clock", seen="nonlinearizable"),
    "set": Control(bug="stale-read", seen="nonlinearizable"),
    "set-full": Control(bug="says-executed", seen="lost-element"),
    "list": Control(bug="no-dedup", seen="nonlinearizable", faults=WEATHER, options=REPEATING),
    "counter": Control(bug="no-dedup", seen="nonlinearizable", faults=WEATHER, options=REPEATING),
    "monotonic": Control(bug="stale-read", seen="non-monotonic"),
    "queue": Control(bug="says-executed", seen="nonlinearizable"),
    "lock": Control(bug="minority-commit", seen="nonlinearizable"),
    "unique-ids": Control(bug="minority-commit", seen="duplicate-id"),
    "log": Control(bug="says-executed", seen="lost-entry"),
    "causal": Control(bug="stale-read", seen="write-causally-overwritten"),
    "session-guarantees": Control(bug="stale-read", seen="read-your-writes-violation"),
    "append": Control(bug="read-skew", seen="G-single"),
    "wr": Control(bug="applies-by-clock", seen="future-read"),
    "long-fork": Control(bug="minority-commit", seen="long-fork"),
    "bank": Control(bug="first-command-only", seen="missing-balance"),
}
"""What each workload is seen to find, and with what."""


def plan_of(
    workload: str,
    faults: tuple[str, ...],
    seed: int,
    *,
    time_s: float = 4.0,
    bug: str | None = None,
    options: dict[str, Setting] | None = None,
) -> Plan:
    config = RunConfig(
        seed=seed,
        workload=workload,
        faults=faults,
        time_s=time_s,
        rate_hz=50.0,
        concurrency=10,
        operation_timeout_ms=500,
        bug=bug,
        options=options or {},
    )
    config.check()
    schedule = plan_faults(config, leader_first=False)
    return Plan(config=config, schedule=schedule, world=WorldOptions(nodes=config.nodes))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("workload", WORKLOADS)
def test_a_correct_cluster_passes_whatever_is_asked_of_it_and_goes_wrong(
    workload: str, kind: str
) -> None:
    simulated = simulate(plan_of(workload, (kind,), seed=KINDS.index(kind)))
    assert any(isinstance(event, FaultBegan) for event in simulated.events)
    verdicts = simulated.verdicts(Budget())
    # An outage may leave a run as brief as this one with fewer answers than a verdict needs.
    enough = verdicts.pop("vacuity")
    assert not isinstance(enough, Invalid)
    assert all(isinstance(verdict, Valid) for verdict in verdicts.values()), verdicts


def found_by_workload(simulated: Simulated) -> set[str]:
    """The kinds of anomalies that its own checkers report: not those of traces and liveness."""
    history = simulated.history()
    verdicts = [
        judge(checker, history, Budget())
        for checker in simulated.plan.config.made_workload().checkers()
    ]
    invalid = [verdict for verdict in verdicts if isinstance(verdict, Invalid)]
    return {anomaly.kind for verdict in invalid for anomaly in verdict.anomalies}


def test_every_workload_has_a_bug_that_it_finds() -> None:
    assert set(CONTROLS) == set(WORKLOADS)


@pytest.mark.parametrize("workload", CONTROLS)
def test_a_workload_finds_its_bug_by_itself_and_blames_no_correct_cluster(workload: str) -> None:
    control = CONTROLS[workload]
    for seed in range(SEEDS):
        plan = plan_of(
            workload,
            control.faults,
            seed,
            time_s=5.0,
            bug=control.bug,
            options=control.options,
        )
        if control.seen in found_by_workload(simulate(plan)):
            assert not found_by_workload(simulate(plan, CORRECT))
            return
    pytest.fail(f"{control.bug} went unnoticed")
