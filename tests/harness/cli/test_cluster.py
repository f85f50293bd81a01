"""``hearsay cluster up`` and ``status`` as a user has them."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from harness.cli.cluster_status import status_table
from system_under_test.gossip_raft.core.messages import Status
from system_under_test.gossip_raft.core.types import LogIndex, Membership, NodeId, Position, Term
from tests.harness.cli.hearsay import TIMEOUT_S, command, hearsay

STOP_TIMEOUT_S = 20


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


@contextmanager
def cluster_up(data: Path, *arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A cluster and its gateway's URL; Ctrl-C at the end must leave nothing."""
    started = command("cluster", "up", "--gateway-port", "0", "--data", data, *arguments)
    with subprocess.Popen(started, stdout=subprocess.PIPE, text=True) as up:
        try:
            assert up.stdout is not None
            said = next(line for line in up.stdout if line.startswith("gateway"))
            yield up, said.split()[1]
            descriptors = [os.pidfd_open(child) for child in children_of(up.pid)]
            assert descriptors
            up.send_signal(signal.SIGINT)
            assert up.wait(STOP_TIMEOUT_S) == 0
            for descriptor in descriptors:
                # A pidfd is readable when its process has ended.
                readable, _, _ = select.select([descriptor], [], [], 0)
                os.close(descriptor)
                assert readable
        finally:
            up.kill()


def roles(data: Path) -> dict[str, str | None]:
    done = hearsay("cluster", "status", "--data", data, "--json")
    assert done.returncode == 0, done
    nodes = json.loads(done.stdout)["nodes"]
    return {node: status and status["role"] for node, status in nodes.items()}


@pytest.mark.live
def test_a_cluster_with_tls_is_used_looked_at_and_stopped(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with cluster_up(data, "--tls") as (up, url):
        context = ssl.create_default_context(cafile=data / "certificates" / "ca.pem")
        with httpx.Client(verify=context) as http, pytest.raises(httpx.TransportError):
            http.get(f"{url}/log")
        clients = data / "certificates" / "_clients"
        context.load_cert_chain(f"{clients}.pem", f"{clients}.key")
        with httpx.Client(verify=context, timeout=30) as http:
            assert http.post(f"{url}/put_all", json=[{"a": 1}]).status_code == 200
            assert sorted(map(str, roles(data).values())) == ["follower", "follower", "leader"]
            configuration = json.loads((data / "cluster-configuration.json").read_text())
            for node in configuration["nodes"].values():
                page = http.get(f"https://{node['metrics']['address']}/metrics").text
                assert "hearsay_up 1.0" in page

        nodes = [pid for pid in children_of(up.pid) if node_name(pid) == "n1"]
        os.kill(nodes[0], signal.SIGKILL)
        wait_until_dead(nodes[0])
        assert roles(data)["n1"] is None
        table = hearsay("cluster", "status", "--data", data)
        assert table.returncode == 0
        assert len(table.stdout.splitlines()) == 4
        assert "n1    silent" in table.stdout
        assert "leader" in table.stdout
    after = hearsay("cluster", "status", "--data", data)
    assert after.returncode == 4
    assert "no node of" in after.stdout


def node_name(pid: int) -> str | None:
    arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return arguments[arguments.index("--node") + 1] if "--node" in arguments else None


def wait_until_dead(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    readable, _, _ = select.select([descriptor], [], [], TIMEOUT_S)
    os.close(descriptor)
    assert readable


@pytest.mark.live
def test_watching_goes_on_until_ctrl_c_and_a_given_configuration_is_found_in_the_data(
    tmp_path: Path,
) -> None:
    first, data = tmp_path / "first", tmp_path / "data"
    with cluster_up(first, "--nodes", "1"):
        pass
    given = first / "cluster-configuration.json"
    with cluster_up(data, "--configuration", given):
        watching = command("cluster", "status", "--data", data, "--watch", "--json")
        with subprocess.Popen(watching, stdout=subprocess.PIPE, text=True) as watch:
            assert watch.stdout is not None
            for line, _ in zip(watch.stdout, range(3), strict=False):
                assert json.loads(line)["nodes"]["n0"] is not None
            watch.send_signal(signal.SIGINT)
            assert watch.wait(STOP_TIMEOUT_S) == 0


@pytest.mark.live
def test_a_node_that_lost_its_data_is_rebuilt_only_on_demand(tmp_path: Path) -> None:
    with cluster_up(tmp_path) as (_, url):
        assert httpx.post(f"{url}/put_all", json=[{"a": 1}], timeout=TIMEOUT_S).status_code == 200
    shutil.rmtree(tmp_path / "n1")
    again = ("cluster", "up", "--gateway-port", "0", "--data", tmp_path)
    done = hearsay(*again)
    assert done.returncode == 2, done
    assert "other nodes have run, but of n1 there are no data: --rebuild" in done.stderr
    assert not (tmp_path / "n1").exists()
    with cluster_up(tmp_path, "--rebuild") as (_, url):
        assert httpx.post(f"{url}/put_all", json=[{"a": 2}], timeout=TIMEOUT_S).status_code == 200
        assert eventually(lambda: "n1" in sound(tmp_path))
    damaged = tmp_path / "n2" / "wal.log"
    data = bytearray(damaged.read_bytes())
    data[40] ^= 1
    damaged.write_bytes(data)
    done = hearsay(*again)
    assert done.returncode == 4, done
    assert "wal.log: offset" in done.stderr
    with cluster_up(tmp_path, "--rebuild") as (_, url):
        assert eventually(lambda: sound(tmp_path) == {"n0", "n1", "n2"})
        # The node that answers may not have applied all of it for a moment.
        kept = [{"a": 1}, {"a": 2}]
        assert eventually(lambda: httpx.get(f"{url}/log", timeout=TIMEOUT_S).json() == kept)


def sound(data: Path) -> set[str]:
    """The nodes that say of themselves that they do not recover from a lost disk."""
    done = hearsay("cluster", "status", "--data", data, "--json")
    nodes = {name: it for name, it in json.loads(done.stdout)["nodes"].items() if it is not None}
    records = {name: [r for r in it["records"] if r["node"] == name] for name, it in nodes.items()}
    return {name for name, own in records.items() if own and not own[0]["recovering"]}


def eventually(look: Callable[[], bool]) -> bool:
    """Every look takes its time."""
    return any(look() for _ in range(100))


def test_status_without_a_configuration_is_bad_input(tmp_path: Path) -> None:
    done = hearsay("cluster", "status", "--data", tmp_path)
    assert done.returncode == 2
    assert "cluster-configuration.json: cannot be read" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_tls_is_chosen_by_option_or_by_file_not_both(tmp_path: Path) -> None:
    done = hearsay("cluster", "up", "--tls", "--configuration", tmp_path / "c.json")
    assert done.returncode == 2
    assert done.stderr.startswith("hearsay: --tls: say it in the configuration file")


def test_certificates_that_cannot_be_made_are_the_environments_fault(tmp_path: Path) -> None:
    (tmp_path / "certificates").write_text("in the way")
    done = hearsay("cluster", "up", "--tls", "--gateway-port", "0", "--data", tmp_path)
    assert done.returncode == 4
    assert "certificates" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_lag_and_membership_are_told_by_the_longest_log() -> None:
    def status(role: str, last: int, applied: int) -> Status:
        return Status(
            role=role,
            term=Term(2),
            leader=NodeId("n0"),
            last=Position(Term(2), LogIndex(last)),
            commit=Position(Term(2), LogIndex(applied)),
            applied=LogIndex(applied),
            source=None,
            records=(),
            membership=Membership((NodeId("n0"),), (NodeId("n3"),) if last == 10 else ()),
        )

    table = status_table(
        {
            NodeId("n0"): status("leader", 10, 9),
            NodeId("n1"): status("follower", 8, 4),
            NodeId("n2"): None,
            NodeId("n3"): status("follower", 8, 8),
        }
    )
    columns = {column.header: list(column.cells) for column in table.columns}
    assert columns["lag"] == ["1", "6", "", "2"]
    assert columns["role"] == ["leader", "follower, left", "silent", "learner"]
