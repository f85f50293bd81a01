"""``hearsay campaign`` as a user has it: in processes that are really killed."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness.run_index import Filter, search_runs
from tests.harness.cli.hearsay import ROOT, command, hearsay

SIMULATED = """\
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
BOTH = (
    SIMULATED.replace("0..2", "0..1")
    .replace("[budget]", 'keep = "all"\n[budget]')
    .replace("shrink_seconds = 1", "shrink_seconds = 5")
    + """
[[matrix]]
world = "live"
time = [3]
faults = ["partition"]
seeds = "1"
"""
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(text)
    return path


def result(tmp_path: Path) -> dict[str, object]:
    (summary,) = (tmp_path / "runs" / "campaigns" / "small").glob("*/summary.json")
    found: dict[str, object] = json.loads(summary.read_text())
    return found


def when(
    process: subprocess.Popen[str], condition: Callable[[str], bool], do: Callable[[], None]
) -> str:
    """Do it as soon as a line fits; all that was said."""
    assert process.stdout is not None
    said, done = "", False
    with process:
        for line in process.stdout:
            said += line
            if not done and condition(line):
                do()
                done = True
    assert done, said
    return said


def started(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def third_is_done(line: str) -> bool:
    return line.startswith("3 of ")


def check_complete(tmp_path: Path) -> None:
    """All six runs are counted once, and every run that was kept is spoken of."""
    summary = result(tmp_path)
    counts = summary["counts"]
    assert isinstance(counts, dict)
    assert sum(counts.values()) == summary["tasks"] == 6, summary
    assert counts["invalid"] == 3
    assert counts["environment"] == 0
    (records,) = (tmp_path / "runs" / "campaigns" / "small").glob("*/records.jsonl")
    lines = [json.loads(line) for line in records.read_text().splitlines()]
    tasks = [line["task"] for line in lines if line["type"] == "Ran"]
    assert sorted(tasks) == list(range(6))
    spoken_of = {line["run"] for line in lines if line.get("run")}
    kept = search_runs(tmp_path / "runs", Filter(text="small/"))
    assert {run.name for run in kept} == spoken_of


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_a_campaign_that_was_killed_goes_on_and_repeats_nothing(
    tmp_path: Path, sent: signal.Signals
) -> None:
    file = written(tmp_path, SIMULATED)
    arguments = ("campaign", file, "--jobs", "2", "--store", tmp_path / "runs")
    process = started(*arguments)
    said = when(process, third_is_done, lambda: process.send_signal(sent))
    if sent is signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode in {1, 3}, said
        assert "interrupted" in said
        assert result(tmp_path)["ending"] == "interrupted"
    done = hearsay(*arguments)
    assert done.returncode == 1, done
    assert "of them done before" in done.stdout
    check_complete(tmp_path)


def test_campaigns_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    file = written(tmp_path, 'keep = "all"\n' + SIMULATED.replace("0..2", "0"))
    arguments = ("campaign", file, "--jobs", "1", "--store", tmp_path / "runs")
    with started(*arguments) as one, started(*arguments) as other:
        said = [process.communicate()[0] for process in (one, other)]
    assert one.returncode == other.returncode in {0, 1}, said
    folders = list((tmp_path / "runs" / "campaigns" / "small").iterdir())
    assert len(folders) == 2
    kept: set[str] = set()
    for folder in folders:
        summary = json.loads((folder / "summary.json").read_text())
        assert summary["ending"] == "complete"
        assert summary["counts"]["valid"] + summary["counts"]["invalid"] == 2
        own = {
            run.name
            for run in search_runs(tmp_path / "runs", Filter(campaign=f"small/{folder.name}"))
        }
        assert len(own) >= 2
        assert not own & kept
        kept |= own


@pytest.mark.live
def test_live_and_simulated_runs_end_in_one_summary(tmp_path: Path) -> None:
    file = written(tmp_path, BOTH)
    done = hearsay("campaign", file, "--jobs", "2", "--store", tmp_path / "runs")
    assert done.returncode == 1, done
    (page,) = (tmp_path / "runs" / "campaigns" / "small").glob("*/summary.html")
    assert str(page) in done.stdout
    assert "raft: terms never go back" in page.read_text()
    summary = result(tmp_path)
    assert summary["counts"] == {"valid": 3, "invalid": 2, "unknown": 0, "environment": 0}
    groups = summary["groups"]
    assert isinstance(groups, list)
    assert groups[0]["story"]
    assert (tmp_path / "runs" / groups[0]["shrunk_run"] / "report.html").is_file()
    suite = ET.parse(page.with_name("junit.xml")).getroot()[0]  # noqa: S314  Our own.
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("5", "2")
    kept = search_runs(tmp_path / "runs")
    assert len(kept) == 6, "all five, and one that was shrunk"
    (live,) = (run for run in kept if not run.simulated)
    assert live.verdict == "valid"
    assert live.campaign.startswith("small/")


def test_a_wrong_file_or_option_exits_2_and_leaves_nothing(tmp_path: Path) -> None:
    file = written(tmp_path, SIMULATED.replace('"kill"', '"plague"'))
    for arguments, problem in (
        ((file,), f"{file}:8: matrix[1].faults: "),
        ((tmp_path / "none.toml",), "none.toml: No such file"),
        ((ROOT / "campaigns" / "smoke.toml", "--jobs", "-1"), "--jobs"),
        ((ROOT / "campaigns" / "smoke.toml", "--seconds", "0"), "--seconds"),
        ((ROOT / "campaigns" / "smoke.toml", "--dask", "--scheduler", "tcp://x"), "one of them"),
    ):
        done = hearsay("campaign", *arguments, "--store", tmp_path / "runs")
        assert done.returncode == 2, done
        assert problem in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not (tmp_path / "runs").exists()
