"""Whole campaigns as a user runs them: real processes, proxies, signals and files."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.store import RunDirectory, RunStore
from histories.call import Ok
from histories.event import FaultBegan, FaultEnded, Settled
from histories.journal import read_journal
from histories.pairing import history_of
from tests.harness.cli.hearsay import TIMEOUT_S, command, hearsay

pytestmark = pytest.mark.live


def processes_of(run: Path) -> list[int]:
    """Every process that was started for ``run``: its data directory is an argument."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes()
            except OSError:
                continue  # It ended while we looked.
            if f"--data\0{run}".encode() in arguments:
                found.append(int(entry.name))
    return found


def wait_until_dead(pids: list[int]) -> None:
    for pid in pids:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        readable, _, _ = select.select([descriptor], [], [], TIMEOUT_S)
        os.close(descriptor)
        assert readable, f"process {pid} lives on"


def lines_until(campaign: subprocess.Popen[str], text: str) -> Iterator[str]:
    assert campaign.stdout is not None
    for line in campaign.stdout:
        yield line
        if text in line:
            return
    raise AssertionError(f"the campaign ended before it said {text!r}")


def started(store: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command("run", "--store", store, *arguments), stdout=subprocess.PIPE, text=True
    )


def only_run(store: Path) -> RunDirectory:
    (run,) = RunStore(store).runs()
    return run


def test_the_zoo_is_hunted_live_where_it_can_be(tmp_path: Path) -> None:
    bugs = ("crashes-without-leader", "field-merge")
    table = tmp_path / "zoo.json"
    done = hearsay("zoo", *bugs, "--live", "--hunts", "2", "--json", table, "--store", tmp_path)
    assert done.returncode == 0, done
    assert "crashes-without-leader: liveness: unexpected death" in done.stdout
    assert "field-merge: simulated only: needs messages as slow as elections are" in done.stdout
    assert "of 1 bug that live clusters can show 1 caught" in done.stdout
    caught, simulated = json.loads(table.read_text())
    assert (caught["bug"], caught["why_not"]) == ("crashes-without-leader", None)
    assert caught["found"][0] == "liveness: unexpected death"
    assert (simulated["bug"], simulated["found"]) == ("field-merge", [])


def test_a_campaign_on_the_correct_cluster_is_valid_and_judged_alike_again(tmp_path: Path) -> None:
    done = hearsay("run", "--time", "9", "--seed", "3", "--store", tmp_path)
    assert done.returncode == 0, done
    run = only_run(tmp_path)
    journal = read_journal(run.journal)
    history = history_of(journal)
    assert sum(isinstance(op.outcome, Ok) for op in history.ops) > 300
    assert len(history.faults) >= 1
    assert [event.settled for event in journal.events if isinstance(event, Settled)] == [True]
    assert run.report.stat().st_size > 10_000
    assert sorted(run.traces()) == ["n0", "n1", "n2"]
    assert processes_of(run.path) == []
    first = run.verdict.read_bytes()
    assert hearsay("check", run.path).returncode == 0
    assert run.verdict.read_bytes() == first
    shown = json.loads(hearsay("show", run.path, "--json").stdout)
    assert shown["verdict"] == "valid"
    assert shown["faults"]


@pytest.mark.parametrize(
    ("bug", "faults", "anomaly"),
    [
        ("stale-read", "partition", "nonlinearizable"),
        ("minority-commit", "partition", "nonlinearizable"),
        ("forgets-vote", "kill", "terms never go back"),
    ],
)
def test_a_wrong_node_is_caught_and_the_anomaly_named(
    tmp_path: Path, bug: str, faults: str, anomaly: str
) -> None:
    arguments = ("--bug", bug, "--faults", faults, "--time", "9", "--seed", "6")
    done = hearsay("run", *arguments, "--store", tmp_path)
    assert done.returncode == 1, done
    assert anomaly in done.stdout
    assert f"--seed 6 --bug {bug}" in done.stdout
    explained = hearsay("explain", "latest-failed", "--store", tmp_path)
    assert explained.returncode == 1
    assert anomaly in explained.stdout


def test_ctrl_c_heals_stops_and_still_judges_what_was_recorded(tmp_path: Path) -> None:
    with started(tmp_path, "--time", "60", "--seed", "2", "--faults", "partition") as campaign:
        seen = list(lines_until(campaign, "isolate"))
        campaign.send_signal(signal.SIGINT)
        assert campaign.stdout is not None
        seen += list(campaign.stdout)
        assert campaign.wait(TIMEOUT_S) == 3, seen
    run = only_run(tmp_path)
    assert processes_of(run.path) == []
    events = read_journal(run.journal).events
    began = [event for event in events if isinstance(event, FaultBegan)]
    ended = [event for event in events if isinstance(event, FaultEnded)]
    assert len(began) == len(ended) >= 1
    assert "The run is incomplete: interrupted." in "".join(seen)
    assert run.report.exists()


def test_killing_the_harness_leaves_no_process_and_a_history_that_can_be_checked(
    tmp_path: Path,
) -> None:
    with started(tmp_path, "--time", "60", "--seed", "2") as campaign:
        list(lines_until(campaign, "(leader"))
        run = only_run(tmp_path)
        nodes = processes_of(run.path)
        assert len(nodes) >= 2
        campaign.kill()
        campaign.wait(TIMEOUT_S)
    wait_until_dead(nodes)
    assert processes_of(run.path) == []
    assert hearsay("check", run.journal).returncode == 0
    judged = hearsay("check", run.path, "--store", tmp_path)
    assert judged.returncode == 3, judged
    assert "the run ended before the cluster could settle" in judged.stdout


def test_two_campaigns_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    arguments = ("--time", "6", "--seed", "5")
    with started(tmp_path, *arguments) as one, started(tmp_path, *arguments) as other:
        for campaign in (one, other):
            said, _ = campaign.communicate(timeout=TIMEOUT_S)
            assert campaign.returncode == 0, said
    assert len(list(RunStore(tmp_path).runs())) == 2


def test_a_campaign_with_tls_says_so_and_is_valid_behind_its_proxies(tmp_path: Path) -> None:
    arguments = ("--tls", "--time", "6", "--seed", "3", "--faults", "partition,reset")
    done = hearsay("run", *arguments, "--store", tmp_path)
    assert done.returncode == 0, done
    run = only_run(tmp_path)
    assert run.read_record().config.tls
    assert run.read_record().command.endswith("--tls")
    assert '"tls"' in (run.nodes / "n0" / "cluster-configuration.json").read_text()
    assert sum(isinstance(op.outcome, Ok) for op in history_of(read_journal(run.journal)).ops) > 100
