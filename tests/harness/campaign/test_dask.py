"""A campaign handed to a real Dask cluster on loopback, of which a worker is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.run_index import search_runs
from tests.harness.cli.hearsay import ROOT, command, hearsay
from tests.harness.cli.test_campaign import check_complete, started, when, written

pytestmark = pytest.mark.live

TEXT = """\
[budget]
shrink_seconds = 1

[[matrix]]
world = "simulated"
workloads = ["register"]
bugs = ["none", "forgets-vote"]
faults = ["kill"]
time = [10]
seeds = "0..2"
"""
LIVE = """\
canary = "none"
keep = "all"

[[matrix]]
world = "live"
time = [3]
faults = ["partition"]
seeds = "1..2"
"""


class Cluster:
    """A scheduler and two workers, each a process of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        scheduler = self._start(
            "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show"
        )
        self.address = self._said(scheduler, "Scheduler at:").split()[-1]
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        self.workers = [
            self._start("worker", self.address, *options, "--local-directory", str(folder))
            for _ in range(2)
        ]
        for worker in self.workers:
            self._said(worker, "Registered to:")

    def _start(self, role: str, *arguments: str) -> subprocess.Popen[str]:
        start = [sys.executable, "-m", f"distributed.cli.dask_{role}", *arguments]
        process = subprocess.Popen(
            start,
            cwd=self._folder,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._stack.callback(self._end, process)
        return process

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        process.kill()
        process.communicate()

    @staticmethod
    def _said(process: subprocess.Popen[str], words: str) -> str:
        assert process.stderr is not None
        for line in process.stderr:
            if words in line:
                return line.strip()
        raise AssertionError(f"the process ended before it said {words!r}")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    with ExitStack() as stack:
        yield Cluster(tmp_path, stack)


def test_a_worker_killed_in_the_middle_loses_nothing_and_nothing_counts_twice(
    tmp_path: Path, cluster: Cluster
) -> None:
    file = written(tmp_path, TEXT)
    process = started(
        "campaign", file, "--scheduler", cluster.address, "--store", tmp_path / "runs"
    )
    victim = cluster.workers[0]
    said = when(
        process,
        lambda line: line.startswith("2 of "),
        lambda: victim.send_signal(signal.SIGKILL),
    )
    assert victim.wait(10) == -signal.SIGKILL
    assert process.returncode == 1, said
    check_complete(tmp_path)


def test_live_runs_are_made_by_dask_workers(tmp_path: Path, cluster: Cluster) -> None:
    file = written(tmp_path, LIVE)
    done = hearsay("campaign", file, "--scheduler", cluster.address, "--store", tmp_path / "runs")
    assert done.returncode == 0, done
    assert [run.verdict for run in search_runs(tmp_path / "runs")] == ["valid", "valid"]


def test_a_cluster_is_started_here_if_asked_for(tmp_path: Path) -> None:
    file = written(tmp_path, TEXT.replace("0..2", "0").replace("[10]", "[5]"))
    done = hearsay("campaign", file, "--dask", "--jobs", "1", "--store", tmp_path / "runs")
    assert done.returncode in {1, 3}, done
    (summary,) = (tmp_path / "runs" / "campaigns" / "small").glob("*/summary.json")
    assert json.loads(summary.read_text())["ending"] == "complete"


def test_a_scheduler_that_is_not_there_is_the_environments_fault(tmp_path: Path) -> None:
    file = written(tmp_path, TEXT)
    arguments = ("campaign", file, "--scheduler", "tcp://127.0.0.1:1", "--store", tmp_path / "runs")
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 4, done
    assert "Dask: tcp://127.0.0.1:1" in done.stderr
