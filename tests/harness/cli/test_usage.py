"""Bad usage of every command is one line and the right exit code."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nemesis.plan import KINDS
from tests.harness.cli.hearsay import ROOT, hearsay
from workloads.catalogue import WORKLOADS


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--nodes", "0"), "--nodes"),
        (("--nodes", "10"), "--nodes"),
        (("--concurrency", "0"), "--concurrency"),
        (("--time", "0"), "--time"),
        (("--rate", "-1"), "--rate"),
        (("--timeout", "0"), "--timeout"),
        (("--reads", "stale"), "--reads"),
        (("--repeat", "0"), "--repeat"),
        (("--workload", "poetry"), "--workload: no workload is named 'poetry'"),
        (("--faults", "plague"), "--faults"),
        (("--at-once", "0"), "--at-once: 0"),
        (("--schedule", "nowhere.toml"), "--schedule: nowhere.toml: No such file"),
        (("--option", "colour=red"), "--option: colour: register has no such option"),
        (("--option", "keys-active=none"), "--option: keys-active: 'none' is no whole number"),
        (("--option", "keys-active"), "--option: keys-active: has no value"),
        (("--bug", "beetle"), "--bug: no bug is named 'beetle'"),
    ],
)
def test_a_wrong_option_of_run_exits_2_and_leaves_nothing(
    tmp_path: Path, arguments: tuple[str, ...], problem: str
) -> None:
    done = hearsay("run", *arguments, "--store", tmp_path / "runs")
    assert done.returncode == 2, done
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not (tmp_path / "runs").exists()


def test_an_unwritable_run_directory_exits_4(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    done = hearsay("run", "--time", "1", "--store", tmp_path / "file")
    assert done.returncode == 4, done
    assert f"cannot write runs below {tmp_path / 'file'}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_busy_gateway_port_exits_4(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = hearsay(
            "cluster", "up", "--nodes", "1", "--gateway-port", str(port), "--data", tmp_path
        )
    assert done.returncode == 4, done
    assert str(port) in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON: line 1"),
        ('{"nodes": {}}', "cluster: is missing"),
        (
            '{"cluster": "c", "nodes": {"n0": {"address": "127.0.0.1:7001"},'
            ' "n1": {"address": "127.0.0.1:7001"}}}',
            "nodes.n1.address: 127.0.0.1:7001 is already the address of nodes.n0",
        ),
    ],
)
def test_a_wrong_configuration_file_exits_2(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "cluster-configuration.json"
    file.write_text(text)
    done = hearsay("cluster", "up", "--configuration", file, "--data", tmp_path / "data")
    assert done.returncode == 2, done
    assert f"{file}: {problem}" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_help_imports_nothing_heavy() -> None:
    watch = (
        "import sys; sys.argv = ['hearsay', '--help']\n"
        "from harness.cli.main import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'grpc', 'numba', 'rich.console', 'jinja2', 'msgspec', 'networkx'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", watch],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert "Run one fault campaign" in done.stdout
    assert done.stderr.strip() == "[]"


def test_an_option_that_no_seed_could_have_is_refused_by_simulate(tmp_path: Path) -> None:
    done = hearsay("simulate", "--option", "keys-active=3", "--store", tmp_path)
    assert done.returncode == 2, done
    assert "--option: keys-active: every workload has no such option" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_workloads_and_faults_are_listed_a_line_each() -> None:
    listed = hearsay("workloads")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(WORKLOADS)
    listed = hearsay("faults")
    assert [line.split()[0] for line in listed.stdout.splitlines()] == list(KINDS)
    as_json = json.loads(hearsay("faults", "--json").stdout)
    assert [fault["kind"] for fault in as_json] == list(KINDS)
    assert all(fault["faults"] for fault in as_json)


def test_a_workload_says_what_it_finds_and_what_may_be_chosen() -> None:
    shown = hearsay("workloads", "lock")
    assert "Finds: a lock held by two at a time" in shown.stdout
    assert "reconnect-ops" in shown.stdout
    (as_json,) = [
        w for w in json.loads(hearsay("workloads", "--json").stdout) if w["name"] == "lock"
    ]
    assert as_json == json.loads(hearsay("workloads", "lock", "--json").stdout)
    assert {"name", "default", "range", "meaning"} == set(as_json["options"][0])
    unknown = hearsay("workloads", "poetry")
    assert unknown.returncode == 2
    assert "no workload is named 'poetry'" in unknown.stderr


def test_no_runs_at_all_is_an_empty_list(tmp_path: Path) -> None:
    done = hearsay("runs", "--json", "--store", tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "[]")


def test_a_wrong_schedule_is_told_with_file_line_and_field(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text('[[fault]]\nat = 3\nlasts = "2 hours"\nkind = "kill"\ntarget = "leader"\n')
    for command in (("run",), ("simulate", "--seeds", "1")):
        done = hearsay(*command, "--schedule", file, "--store", tmp_path / "runs")
        assert done.returncode == 2, done
        assert f"{file}:3: lasts: '2 hours' is no time" in done.stderr


def test_a_schedule_written_by_hand_is_what_happens(tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text('[[fault]]\nat = 2\nlasts = 3\nkind = "kill"\ntarget = "leader"\n')
    done = hearsay(
        *("simulate", "--seeds", "1", "--schedule", file, "--keep"),
        *("--jobs", "1", "--store", tmp_path / "runs"),
    )
    assert done.returncode == 0, done
    (stored,) = tmp_path.glob("runs/*/*/schedule.json")
    assert [step["fault"]["kind"] for step in json.loads(stored.read_bytes())["steps"]] == [
        "kill",
        "heal-all",
    ]
