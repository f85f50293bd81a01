"""Wrong executors of transactions are caught, and the anomaly is called by its name."""

from __future__ import annotations

import pytest

from checker.base import Budget
from checker.verdict import Invalid, Valid
from harness.simulated import simulate
from harness.swarm import Given, draw_plan


@pytest.mark.parametrize(
    ("bug", "names"),
    [
        ("read-skew", {"G-single"}),
        ("read-committed", {"lost-update", "write-skew"}),
        ("append-lost-in-batch", {"incompatible-order"}),
    ],
)
def test_a_wrong_executor_is_caught_by_name(bug: str, names: set[str]) -> None:
    found: set[str] = set()
    for seed in range(5):
        plan = draw_plan(seed, Given(workload="append", faults=(), bug=bug, rate_hz=50.0))
        verdict = simulate(plan).verdicts(Budget())["transactions"]
        if isinstance(verdict, Invalid):
            found |= {anomaly.kind for anomaly in verdict.anomalies}
    assert names <= found


def test_the_correct_executor_is_strict_serializable() -> None:
    plan = draw_plan(1, Given(workload="append", faults=("partition", "kill"), rate_hz=50.0))
    assert isinstance(simulate(plan).verdicts(Budget())["transactions"], Valid)
