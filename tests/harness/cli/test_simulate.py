"""``hearsay simulate`` that is broken off."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from harness.exit_codes import ExitCode
from tests.harness.cli.hearsay import ROOT, TIMEOUT_S, command


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
