"""``hearsay shrink`` on stored runs: what it leaves, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from harness.provenance import record_of
from harness.regression import read_regression
from harness.simulated import simulate
from harness.simulated_files import write_run
from harness.store import RunDirectory, RunStore
from harness.swarm import Given, draw_plan
from tests.harness.cli.hearsay import ROOT, hearsay

PLAIN = Given(workload="register", nodes=3, faults=(), time_s=5.0, reads="linearizable")


def stored(store: Path, bug: str | None) -> RunDirectory:
    plan = draw_plan(1, replace(PLAIN, bug=bug))
    record = record_of(plan.config, "hearsay simulate", (), 0, world=plan.world)
    return write_run(RunStore(store), record, simulate(plan))


def test_a_failing_run_becomes_a_small_one_with_a_test_that_passes(tmp_path: Path) -> None:
    stored(tmp_path, "stale-read")
    done = hearsay("shrink", "latest", "--seconds", "30", "--store", tmp_path)
    assert done.returncode == 1, done
    run = RunStore(tmp_path).find("latest-failed")
    regression = read_regression(run.shrunk)
    assert regression.steps <= 4
    for line in regression.story:
        assert f"  {line}\n" in done.stdout
    assert run.report.exists()
    tested = subprocess.run(
        (sys.executable, "-m", "pytest", "-q", "-n", "0", str(run.regression_test)),
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in tested.stdout, tested.stdout
    again = hearsay("replay", run.path, "--store", tmp_path)
    assert "byte for byte" in again.stdout, again


def test_a_valid_run_is_nothing_to_shrink(tmp_path: Path) -> None:
    stored(tmp_path, None)
    done = hearsay("shrink", "latest", "--store", tmp_path)
    assert done.returncode == 2, done
    assert "nothing to shrink" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_live_run_must_be_judged_before_it_is_shrunk(tmp_path: Path) -> None:
    plan = draw_plan(1, PLAIN)
    RunStore(tmp_path).create(record_of(plan.config, "hearsay run --seed 1", (), 17))
    done = hearsay("shrink", "latest", "--store", tmp_path)
    assert done.returncode == 2, done
    assert "not judged yet" in done.stderr


def test_an_anomaly_that_the_run_does_not_show_is_refused(tmp_path: Path) -> None:
    stored(tmp_path, "stale-read")
    wanted = ("--anomaly", "raft: log matching")
    done = hearsay("shrink", "latest", *wanted, "--store", tmp_path)
    assert done.returncode == 2, done
    assert "linearizable: nonlinearizable" in done.stderr


def test_a_budget_of_nothing_is_refused(tmp_path: Path) -> None:
    for option in ("--seconds", "--runs"):
        done = hearsay("shrink", "latest", option, "0", "--store", tmp_path)
        assert done.returncode == 2, done
        assert option in done.stderr
