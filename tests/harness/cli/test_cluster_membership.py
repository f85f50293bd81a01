"""``hearsay cluster up``, and a node that is added, made leader, and one that is removed."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.harness.cli.hearsay import ROOT, TIMEOUT_S, command, hearsay

pytestmark = pytest.mark.live


@contextmanager
def running(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """The command, ended by Ctrl-C."""
    process = subprocess.Popen(
        command(*arguments), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT_S) == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def line_with(word: str, process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return line
    pytest.fail(f"{word!r} was never said: {process.stderr and process.stderr.read()}")


def put(gateway: str, entry: dict[str, int]) -> int:
    connection = HTTPConnection(gateway.removeprefix("http://"), timeout=TIMEOUT_S)
    connection.request("POST", "/put_all", json.dumps([entry]))
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_node_is_added_leads_and_another_is_removed(tmp_path: Path) -> None:
    where, elsewhere = ("--data", tmp_path), tmp_path / "elsewhere"
    known = ("--configuration", tmp_path / "cluster-configuration.json")
    with running("cluster", "up", "--nodes", "2", "--gateway-port", "0", *where) as up:
        gateway = line_with("gateway", up).split()[1]
        assert put(gateway, {"x": 1}) == 200
        with running("cluster", "add", "n2", *where) as added:
            assert line_with("votes", added).startswith("n2")
            for arguments, code, said in (
                (("transfer", "n2"), 0, "leadership was handed over"),
                (("transfer", "n2"), 2, "n2 leads already"),
                (("remove", "n9"), 2, "n9 is not a member"),
                (("remove", "n0"), 0, "n0 was removed"),
            ):
                done = hearsay("cluster", *arguments, *where)
                assert done.returncode == code, done
                assert said in done.stdout + done.stderr
            assert put(gateway, {"x": 2}) == 200
        with running("cluster", "add", "n2", *where) as again:
            assert line_with("votes", again).startswith("n2")
            wiped = hearsay("cluster", "add", "n1", "--data", elsewhere, *known)
            assert wiped.returncode == 2, wiped
            assert "n1 is a member, but its data is not there" in wiped.stderr
            done = hearsay("cluster", "remove", "n2", *where)
            assert done.returncode == 0, done
        assert put(gateway, {"x": 3}) == 200


def test_a_cluster_that_is_not_there_is_bad_input_or_the_environments_fault(
    tmp_path: Path,
) -> None:
    done = hearsay("cluster", "remove", "n0", "--data", tmp_path)
    assert done.returncode == 2, done
    assert "cluster-configuration.json: cannot be read" in done.stderr
    (tmp_path / "cluster-configuration.json").write_text(
        '{"cluster": "gone", "nodes": {"n0": {"address": "127.0.0.1:1"}}}'
    )
    done = hearsay("cluster", "add", "../n1", "--data", tmp_path)
    assert done.returncode == 2, done
    assert "a name is letters" in done.stderr
    assert not (tmp_path.parent / "n1").exists()
    done = hearsay("cluster", "transfer", "--data", tmp_path)
    assert done.returncode == 4, done
    assert "nobody leads gone" in done.stderr
