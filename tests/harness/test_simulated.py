"""A simulated run is decided by its plan alone, and judged as a live one is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from checker.base import Budget
from checker.verdict import Invalid, Valid
from harness.analysis import analyze
from harness.errors import BadInput
from harness.provenance import record_of
from harness.simulated import Simulated, read_plan, simulate
from harness.simulated_files import write_run
from harness.store import RunDirectory, RunStore
from harness.swarm import CALLS_WANTED, Given, draw_plan
from histories.event import FaultBegan, FaultEnded, Settled
from nemesis.faults.membership import MembershipFault
from nemesis.plan import KINDS
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.mutants.mutant import Mutant
from tests.harness.determinism import PLANTED, lines

ROOT = Path(__file__).parents[2]


class NobodyLeads(Rules):
    def wins_election(self, votes: int, members: int) -> bool:
        del votes, members
        return False


NOBODY_LEADS = Mutant(name="nobody-leads", summary="", breaks=(), rules=NobodyLeads)


def stored(simulated: Simulated, store: Path) -> RunDirectory:
    plan = simulated.plan
    record = record_of(plan.config, "hearsay simulate", (), 0, world=plan.world)
    return write_run(RunStore(store), record, simulated)


def digest(planted: str, hash_seed: int) -> str:
    return subprocess.run(
        (sys.executable, "-m", "tests.harness.determinism", planted),
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("planted", PLANTED)
def test_journals_and_traces_are_the_same_in_every_process_unless_something_is_planted(
    planted: str,
) -> None:
    digests = {digest(planted, hash_seed) for hash_seed in (1, 2, 3)}
    assert (len(digests) == 1) == (planted == "nothing")


def test_a_run_that_is_stored_says_the_same_and_can_be_run_again(tmp_path: Path) -> None:
    plan = draw_plan(3, Given(time_s=5.0, rate_hz=30.0))
    simulated = simulate(plan)
    run = stored(simulated, tmp_path)
    assert read_plan(run) == plan
    assert list(lines(simulate(read_plan(run)))) == list(lines(simulated))
    assert analyze(run, Budget()).verdicts == simulated.verdicts(Budget())


def test_a_live_run_has_no_plan_that_decides_it(tmp_path: Path) -> None:
    plan = draw_plan(3, Given(time_s=5.0))
    record = record_of(plan.config, "hearsay run --seed 3", (), 17)
    with pytest.raises(BadInput, match="hearsay run --seed 3"):
        read_plan(RunStore(tmp_path).create(record))


def test_what_is_given_is_not_drawn_and_changes_nothing_else() -> None:
    for seed in range(50):
        free, fixed = draw_plan(seed, Given()), draw_plan(seed, Given(concurrency=3))
        assert fixed.config.concurrency == 3
        assert fixed.world == free.world
        assert fixed.schedule == free.schedule


def test_seeds_switch_features_off_as_well_as_on() -> None:
    plans = [draw_plan(seed, Given()) for seed in range(200)]
    assert {plan.config.nodes for plan in plans} == {3, 4, 5, 6, 7}
    assert {len(plan.config.faults) for plan in plans} >= {0, 1, 4, len(KINDS)}
    assert {"snapshot_entries_max" in plan.world.node for plan in plans} == {True, False}
    assert {plan.world.network.weather.is_fair for plan in plans} == {True, False}


def test_every_seed_draws_a_cluster_that_can_do_what_it_is_asked() -> None:
    """And one that has to work at it: with small batches, disks that hiccup, short time-outs."""
    plans = [draw_plan(seed, Given()) for seed in range(200)]
    for plan in plans:
        network, entries = plan.world.network, plan.world.node["entries_max"]
        mean_ns = network.latency_max_ns * (1 + network.jitter / 3)
        assert isinstance(entries, int)
        assert entries / (2 * mean_ns / 1e9) >= plan.config.rate_hz
        assert plan.config.operation_timeout_ms >= 8 * mean_ns / 1e6 - 1
    assert {plan.world.node["entries_max"] for plan in plans} >= {1, 2, 256}
    assert {plan.world.disk.hiccup for plan in plans} == {0.0, 0.001, 0.01}
    assert min(plan.config.operation_timeout_ms for plan in plans) == 500


def test_a_run_that_had_hardly_an_answer_while_membership_changes_waited_has_enough_now() -> None:
    """Replacing a node took until the end: a cut held that would have been undone after it."""
    plan = draw_plan(400151, Given())
    assert {"replace", "partition"} <= set(plan.config.faults)
    assert plan.config.at_once > 1
    assert isinstance(simulate(plan).verdict(Budget()), Valid)


def test_every_seed_leaves_its_cluster_time_in_peace() -> None:
    """Before any fault, where what undoes a fault may wait for a change of the membership."""
    waiting = 0
    for seed in range(200):
        plan = draw_plan(seed, Given())
        config, steps = plan.config, plan.schedule.steps
        election_s = int(plan.world.node["election_timeout_max_ns"] or 0) / 1e9
        ended_s, peaces_s = 0.0, []
        for step in steps:
            peaces_s.append(step.at_ns / 1e9 - ended_s - election_s)
            ended_s = max(ended_s, (step.at_ns + step.duration_ns) / 1e9)
        if config.at_once > 1 and any(isinstance(s.fault, MembershipFault) for s in steps):
            waiting += 1
            peaces_s = peaces_s[:1]
        else:
            peaces_s.append(config.time_s - ended_s - election_s)
        calls = config.rate_hz * sum(max(0.0, peace_s) for peace_s in peaces_s)
        assert calls >= CALLS_WANTED, f"seed {seed}"
    assert waiting > 10


def test_correct_nodes_pass_whatever_a_seed_draws_and_faults_do_occur() -> None:
    kinds = set()
    for seed in range(25):
        simulated = simulate(draw_plan(seed, Given(time_s=10.0, rate_hz=50.0)))
        assert isinstance(simulated.verdict(Budget()), Valid), f"seed {seed}"
        kinds |= {e.kind for e in simulated.events if isinstance(e, FaultBegan)}
    assert len(kinds) > 12, kinds


def test_nodes_leave_and_come_back_under_load_and_all_are_voters_in_the_end() -> None:
    given = Given(workload="register", faults=("membership", "kill"), time_s=10.0)
    removed = added = 0
    for seed in range(10):
        simulated = simulate(draw_plan(seed, given))
        assert isinstance(simulated.verdict(Budget()), Valid), f"seed {seed}"
        began = [e.detail for e in simulated.events if isinstance(e, FaultBegan)]
        ended = [e.evidence for e in simulated.events if isinstance(e, FaultEnded)]
        removed += sum("was removed" in detail for detail in began)
        added += sum("was added" in evidence for evidence in ended)
    assert min(removed, added) >= 5


def test_a_bug_is_found_and_its_run_is_invalid() -> None:
    for seed in range(20):
        simulated = simulate(draw_plan(seed, Given(bug="minority-commit")))
        if isinstance(simulated.verdict(Budget()), Invalid):
            return
    pytest.fail("it went unnoticed")


def test_a_cluster_without_a_majority_never_settles_and_says_who_lacks_what() -> None:
    """A bug that keeps everybody from leading: liveness must not pass for safety."""
    simulated = simulate(draw_plan(1, Given(nodes=3, time_s=5.0, faults=())), NOBODY_LEADS)
    (settled,) = (event for event in simulated.events if isinstance(event, Settled))
    assert not settled.settled
    assert "nobody leads" in settled.detail
    assert isinstance(simulated.verdicts(Budget())["liveness"], Invalid)
