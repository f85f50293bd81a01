"""What explorers choose depends on seeds and on what runs taught, and on nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from checker.base import Budget
from checker.verdict import Invalid
from harness.errors import BadInput
from harness.exploration import (
    STREAMS,
    CoverageSearch,
    Explorer,
    PrioritySearch,
    RandomSearch,
    Trial,
    explore,
    explorer_of,
)
from harness.provenance import record_of
from harness.simulated import Plan, Simulated, read_plan, simulate
from harness.simulated_files import write_run
from harness.store import RunStore
from harness.swarm import Given, draw_plan
from tests.harness.determinism import lines

FRESH = partial(draw_plan, given=Given(workload="register", time_s=5.0, rate_hz=50.0))


def states_of(plan: Plan) -> frozenset[int]:
    """Stands for a run: some states that many plans have, some that few have."""
    rng = random.Random(msgspec.json.encode((plan.config, plan.schedule)).decode())
    return frozenset(int(rng.paretovariate(0.5)) for _ in range(20))


def chosen(explorer: Explorer, seeds: range, order: random.Random) -> dict[int, Plan]:
    """What is chosen if results come in any order."""

    def run(trials: Iterable[Trial]) -> Iterator[tuple[Trial, Plan]]:
        given = [(trial, trial.plan) for trial in trials]
        return iter(order.sample(given, len(given)))

    return {t.seed: plan for t, plan in explore(explorer, seeds, run, states_of)}


@pytest.mark.parametrize("explorer", [RandomSearch, CoverageSearch, PrioritySearch])
def test_plans_do_not_depend_on_the_order_in_which_runs_end(explorer: type[Explorer]) -> None:
    first, again = (chosen(explorer(FRESH), range(100), random.Random(n)) for n in (1, 2))
    assert first == again
    assert sorted(first) == list(range(100))


def test_coverage_tries_near_what_was_new_and_never_just_the_same_again() -> None:
    plans = chosen(CoverageSearch(FRESH), range(200), random.Random(0))
    descend = [plan for seed, plan in plans.items() if plan != FRESH(seed)]
    assert 80 < len(descend) < 170
    for plan in descend:
        assert set(plan.config.reseeded) == set(STREAMS)
        assert plan.world.nodes == plan.config.nodes
    distinct = {repr((p.schedule, p.world, structs.replace(p.config, seed=0))) for p in descend}
    # Two seeds may drop the same fault.
    assert len(distinct) > 0.97 * len(descend)


def test_what_is_exchanged_fits_what_stays() -> None:
    """Else correct nodes are accused of what nobody could do: of entries that no link carries."""
    descend = chosen(CoverageSearch(FRESH), range(600), random.Random(0)).values()
    for plan in descend:
        limits = plan.world.network.entries_bytes_max, plan.world.node.get("batch_bytes_max")
        assert limits.count(None) in {0, 2}
    assert len({plan.world.network.entries_bytes_max for plan in descend}) == 2


def test_what_follows_the_streams_of_another_run_is_that_run() -> None:
    plan = FRESH(3)
    config = structs.replace(
        plan.config, seed=77, reseeded=dict.fromkeys(STREAMS, plan.config.seed)
    )
    again = simulate(Plan(config=config, schedule=plan.schedule, world=plan.world))
    assert list(lines(again)) == list(lines(simulate(plan)))


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_that_is_drawn_anew_changes_the_run(stream: str) -> None:
    given = Given(time_s=10.0, nodes=5, faults=("kill", "pause", "partition"))
    plans = (draw_plan(seed, given) for seed in range(20))
    plan = next(plan for plan in plans if plan.world.clock.drift_max_ppm)
    config = structs.replace(plan.config, reseeded={stream: 1234})
    other = simulate(Plan(config=config, schedule=plan.schedule, world=plan.world))
    assert list(lines(other)) != list(lines(simulate(plan)))


@pytest.mark.parametrize("explorer", [CoverageSearch, PrioritySearch])
def test_correct_nodes_bear_what_is_chosen_and_a_stored_run_can_be_run_again(
    explorer: type[Explorer], tmp_path: Path
) -> None:
    def run(trials: Iterable[Trial]) -> Iterator[tuple[Trial, Simulated]]:
        return ((trial, simulate(trial.plan)) for trial in trials)

    last = None
    for trial, simulated in explore(explorer(FRESH), range(24), run, Simulated.states):
        assert not isinstance(simulated.verdict(Budget()), Invalid), trial
        last = simulated
    assert last is not None
    record = record_of(last.plan.config, "hearsay simulate", (), 0, world=last.plan.world)
    stored = read_plan(write_run(RunStore(tmp_path), record, last))
    assert stored == last.plan
    assert list(lines(simulate(stored))) == list(lines(last))


def test_low_priorities_make_other_runs_and_end_with_the_faults() -> None:
    plan = next(
        plan
        for plan in map(PrioritySearch(FRESH).plan, range(100))
        if plan.world.network.priorities is not None
        and plan.world.network.priorities.delay_max_ns > 500_000_000
    )
    assert plan.world.network.priorities is not None
    assert plan.world.network.priorities.until_ns == plan.schedule.steps[-1].at_ns
    assert list(lines(simulate(plan))) != list(lines(simulate(FRESH(plan.config.seed))))


def test_an_explorer_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadInput, match="--explore: 'luck' is none of random, coverage, pct"):
        explorer_of("luck")
