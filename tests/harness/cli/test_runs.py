"""``hearsay runs`` and ``hearsay serve`` as they are typed."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from checker.verdict import Valid
from harness.cli.runs import moment
from harness.config import RunConfig
from harness.errors import BadInput
from tests.harness.cli.hearsay import hearsay
from tests.harness.test_run_index import INVALID, stored


@pytest.fixture
def store(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    stored(root, RunConfig(seed=1), Valid(), "2026-01-01T00:00:00Z")
    stored(root, RunConfig(seed=2, bug="stale-read", faults=("kill",)), INVALID)
    stored(root, RunConfig(seed=3, workload="set"), None, "2026-02-01T00:00:00Z")
    return root


def seeds(store: Path, *options: str) -> list[int]:
    done = hearsay("runs", "--json", "--store", store, *options)
    assert done.returncode == 0, done
    return [run["seed"] for run in json.loads(done.stdout)]


def test_runs_are_listed_oldest_first_and_filtered(store: Path) -> None:
    assert seeds(store) == [1, 2, 3]
    assert seeds(store, "--limit", "2") == [2, 3]
    assert seeds(store, "--verdict", "invalid", "--fault", "kill", "--bug", "any") == [2]
    assert seeds(store, "--since", "2026-01-02", "--until", "2026-01", "--rebuild") == [2]
    table = hearsay("runs", "--store", store).stdout
    for words in ("20260102T030405Z-2", "invalid", "stale-read", "not judged"):
        assert words in table


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("runs", "--verdict", "fine"), "--verdict: 'fine' is none of valid, invalid"),
        (("runs", "--since", "yesterday"), "--since: 'yesterday' is no time"),
        (("runs", "--limit", "-1"), "--limit"),
        (("serve", "--port", "70000"), "--port: 70000 is not between"),
        (("serve",), "--store: nowhere: there is no such directory"),
    ],
)
def test_a_wrong_option_exits_2(arguments: tuple[str, ...], problem: str, tmp_path: Path) -> None:
    done = hearsay(*arguments, "--store", "nowhere", cwd=tmp_path)
    assert done.returncode == 2, done
    assert problem in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_port_that_is_taken_exits_4(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = hearsay("serve", "--port", port, "--store", tmp_path)
    assert done.returncode == 4, done
    assert port in done.stderr


@pytest.mark.parametrize("text", ["2026", "2026-11", "2026-11-28", "2026-11-28T10:15", "7d", "12h"])
def test_a_moment_can_be_as_rough_as_one_likes(text: str) -> None:
    assert moment("--since", text) <= "9999"


@pytest.mark.parametrize("text", ["", "26", "2026-13", "2026-11-28 10", "7 days", "99999999999d"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="--since"):
        moment("--since", text)
