"""``hearsay simulate`` that ends before its last seed."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from harness.exit_codes import ExitCode
from harness.store import RunStore
from tests.harness.cli.hearsay import ROOT, TIMEOUT_S, command, hearsay


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
