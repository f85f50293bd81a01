"""Hunting bugs: a caught one, the control, and what the table makes of them."""

from __future__ import annotations

from checker.base import Budget
from harness.zoo import CORRECT, Hunt, HuntBudget, Row, hunt, plan_of, rows_of
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE

SMALL = HuntBudget(runs_max=8, seconds_max=1e9)


def at_no_cost() -> float:
    return 0.0


def a_hunt(bug: str, seed: int | None, runs: int = 5) -> Hunt:
    found = () if seed is None else ("raft: election safety",)
    return Hunt(bug=bug, seed=seed, found=found, runs=runs, virtual_ns=runs, seconds=1.0)


def test_a_bug_is_caught_and_its_seed_catches_it_again() -> None:
    one = hunt("skips-sync", 0, SMALL, at_no_cost, Budget)
    assert one.caught
    assert one.found
    assert one == hunt("skips-sync", 0, SMALL, at_no_cost, Budget)


def test_correct_nodes_are_not_accused() -> None:
    one = hunt(CORRECT, 0, HuntBudget(runs_max=3), at_no_cost, Budget)
    assert (one.caught, one.runs) == (False, 3)


def test_a_hunt_ends_when_its_seconds_are_spent() -> None:
    clock = iter(range(0, 1000, 10))
    one = hunt(CORRECT, 0, HuntBudget(seconds_max=10), lambda: next(clock), Budget)
    assert one.runs == 1


def test_a_guided_run_has_the_faults_that_the_bug_needs() -> None:
    plan = plan_of(3, CATALOGUE["skips-sync"], guided=True)
    assert "power" in plan.config.faults
    assert plan.config.bug == "skips-sync"


def test_a_bug_that_is_known_to_be_found_disappoints_when_missed() -> None:
    known = next(name for name, mutant in CATALOGUE.items() if mutant.random)
    unknown = next(name for name, mutant in CATALOGUE.items() if not mutant.random)
    for bug, disappoints in ((known, True), (unknown, False), (CORRECT, False)):
        assert Row(bug=bug, hunts=(a_hunt(bug, None),)).disappoints is disappoints
    assert Row(bug=CORRECT, hunts=(a_hunt(CORRECT, 7),)).disappoints


def test_rows_come_in_the_order_of_the_catalogue_with_medians() -> None:
    first, second = tuple(CATALOGUE)[:2]
    rows = rows_of(
        [a_hunt(CORRECT, None), a_hunt(second, 1, 2), a_hunt(first, 1, 3), a_hunt(first, None, 9)]
    )
    assert [row.bug for row in rows] == [first, second, CORRECT]
    assert (rows[0].caught, rows[0].runs) == (1, 6)
