"""No false alarm ever, and no miss where the order of versions is known."""

from __future__ import annotations

import pytest

from tests.checker.transactions.differential import (
    against_brute_force,
    against_definitions,
    false_alarms,
)

LEVELS = (
    *("read-uncommitted", "read-committed", "read-atomic", "causal-cerone", "prefix"),
    *("parallel-snapshot-isolation", "snapshot-isolation", "serializable"),
    *("strong-session-snapshot-isolation", "strong-snapshot-isolation", "strict-serializable"),
)


def test_lists_are_judged_as_brute_force_judges_them() -> None:
    counts = against_brute_force(range(500), lists=True)
    assert counts["serializable: broken"] > 80
    assert counts["snapshot-isolation: broken"] > 80
    assert counts["strict-serializable: holds"] > 300


def test_registers_are_judged_as_brute_force_judges_them() -> None:
    counts = against_brute_force(range(500), lists=False)
    assert counts["serializable: broken"] > 40
    assert counts["strict-serializable: holds"] > 300
    assert counts["serializable: missed"] < 20


@pytest.mark.parametrize("lists", [True, False])
def test_values_written_twice_and_written_nils_raise_no_false_alarm(lists: bool) -> None:
    counts = false_alarms(range(500), lists=lists)
    assert counts["serializable: broken"] > counts["serializable: seen"] > 30


def test_every_level_is_judged_as_its_formula_says() -> None:
    counts = against_definitions(range(1_000))
    assert counts["histories"] > 500
    assert all(counts[level] > 0 for level in LEVELS if level != "read-uncommitted"), counts
