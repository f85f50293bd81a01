"""Drawn plans are runs that correct nodes pass."""

from __future__ import annotations

from hypothesis import given, settings

from checker.base import Budget
from checker.verdict import Invalid
from harness.simulated import Plan, simulate
from harness.strategies import plans


@settings(max_examples=max(5, settings().max_examples // 5))
@given(plans(time_s=4.0))
def test_correct_nodes_bear_any_plan(plan: Plan) -> None:
    verdict = simulate(plan).verdict(Budget())
    assert not isinstance(verdict, Invalid), verdict
