"""``hearsay cluster up``, and a node that is added, made leader, and one that is removed."""

from __future__ import annotations

import json
import signal
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
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


def with_certificates(data: Path) -> httpx.Client:
    """Speaks HTTPS with the certificates of the cluster in ``data``, or else HTTP."""
    certificates = data / "certificates"
    if not certificates.exists():
        return httpx.Client(timeout=TIMEOUT_S)
    context = ssl.create_default_context(cafile=certificates / "ca.pem")
    context.load_cert_chain(certificates / "_clients.pem", certificates / "_clients.key")
    return httpx.Client(verify=context, timeout=TIMEOUT_S)


def eventually(look: Callable[[], bool]) -> None:
    """Every look takes its time; the gateway learns of new nodes within seconds."""
    assert any(look() for _ in range(200))


@pytest.mark.parametrize("tls", [False, True], ids=["in the clear", "TLS"])
def test_a_node_is_added_leads_and_another_is_removed(tmp_path: Path, tls: bool) -> None:
    where, elsewhere = ("--data", tmp_path), tmp_path / "elsewhere"
    known = ("--configuration", tmp_path / "cluster-configuration.json")
    options = ("--nodes", "2", "--gateway-port", "0", *(("--tls",) if tls else ()))
    with running("cluster", "up", *options, *where) as up:
        page = line_with("n0", up).split()[2]
        gateway = line_with("gateway", up).split()[1]
        http = with_certificates(tmp_path)

        def put(entry: dict[str, int]) -> int:
            return http.post(f"{gateway}/put_all", json=[entry]).status_code

        assert put({"x": 1}) == 200
        with running("cluster", "add", "n2", *where) as added:
            own_page = line_with("/metrics", added).split()[1]
            assert line_with("votes", added).startswith("n2")
            for arguments, code, said in (
                (("transfer", "n2"), 0, "leadership was handed over"),
                (("transfer", "n2"), 2, "n2 leads already"),
                (("remove", "n9"), 2, "n9 is not a member"),
            ):
                done = hearsay("cluster", *arguments, *where)
                assert done.returncode == code, done
                assert said in done.stdout + done.stderr
            assert put({"x": 2}) == 200
            status = hearsay("cluster", "status", *where, "--json")
            assert json.loads(status.stdout)["nodes"]["n2"]["role"] == "leader"
            assert 'gossip_age_seconds{peer="n2"}' in http.get(page).text
            assert 'gossip_age_seconds{peer="n0"}' in http.get(own_page).text
            # Only the leader answers these, and no configuration of the gateway names it.
            eventually(lambda: http.get(f"{gateway}/kv/x").status_code == 200)
            assert http.get(f"{gateway}/status").json()["nodes"]["n2"]["role"] == "leader"

            done = hearsay("cluster", "remove", "n0", *where)
            assert done.returncode == 0, done
            assert "follower, left" in hearsay("cluster", "status", *where).stdout
            eventually(lambda: 'peer="n0"' not in http.get(own_page).text)
            assert put({"x": 3}) == 200
        with running("cluster", "add", "n2", *where) as again:
            assert line_with("votes", again).startswith("n2")
            wiped = hearsay("cluster", "add", "n1", "--data", elsewhere, *known)
            assert wiped.returncode == 2, wiped
            assert "n1 is a member, but its data is not there" in wiped.stderr
            done = hearsay("cluster", "remove", "n2", *where)
            assert done.returncode == 0, done
        assert put({"x": 4}) == 200
        http.close()


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
