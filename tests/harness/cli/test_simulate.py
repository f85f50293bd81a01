"""``hearsay simulate`` that ends before its last seed."""

from __future__ import annotations

import signal
import subprocess
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Final

from rich.console import Console

from harness.cli.simulate import Judged, Tally, show
from harness.exit_codes import ExitCode
from harness.exploration import Trial
from harness.store import RunStore
from harness.swarm import Given, draw_plan
from tests.harness.cli.hearsay import ROOT, TIMEOUT_S, command, hearsay

PLAN: Final = draw_plan(0, Given())
VALID: Final = Judged(
    seed=0,
    code=ExitCode.VALID,
    verdict="valid",
    sentence="Valid",
    run=None,
    command="",
    steps=1,
    virtual_ns=1,
    ops=1,
    faults={},
    states=frozenset(),
)


def test_who_breaks_it_off_twice_is_told_what_was_judged_all_the_same(tmp_path: Path) -> None:
    """As somebody does who stops a whole group of processes."""
    bug = ("--bug", "votes-twice", "--failures", "1000")
    process = subprocess.Popen(
        command("simulate", "--seeds", "0..99999", "--jobs", "2", *bug, "--store", tmp_path),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert first.startswith("seed "), "a seed that fails is told of at once"
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
        assert process.wait(TIMEOUT_S) == ExitCode.INVALID
    finally:
        process.kill()
        process.communicate()
    assert " seeds: " in said
    assert "interrupted" in said


def test_no_run_is_left_half_judged_when_enough_have_failed(tmp_path: Path) -> None:
    """Several may be under way when the last failure comes."""
    done = hearsay(
        *("simulate", "--seeds", "0..99999", "--jobs", "4", "--failures", "1"),
        *("--bug", "votes-twice", "--keep", "--store", tmp_path),
    )
    assert done.returncode == ExitCode.INVALID, done
    runs = list(RunStore(tmp_path).runs())
    assert 1 <= len(runs) < 99999
    assert f"{len(runs)} seeds:" in done.stdout
    assert all(run.verdict.exists() for run in runs)


def test_without_a_terminal_it_tells_how_far_it_is() -> None:
    said = StringIO()
    results = ((Trial(seed, PLAN), replace(VALID, seed=seed)) for seed in range(1_000))
    assert not show(Console(file=said), results, 1_000, Tally())
    tenths = [f"{number:,} of 1,000 seeds: {number:,} valid" for number in range(100, 1_001, 100)]
    assert said.getvalue().splitlines() == tenths
