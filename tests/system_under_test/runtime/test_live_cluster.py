from __future__ import annotations

import asyncio
import os
import resource
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from histories.trace import Booted, NodeEvent, Stopped
from system_under_test.gossip_raft.core.client_session import (
    Answered,
    Execute,
    Refused,
    SessionTimeouts,
    TimedOut,
)
from system_under_test.gossip_raft.core.types import Cas, ClientId, Nanos, NodeId, Put
from system_under_test.gossip_raft.runtime.client import Connections, GrpcClient
from system_under_test.gossip_raft.runtime.cluster import NodeProcess, NodeSpec, ReservedPort
from system_under_test.gossip_raft.runtime.errors import ProcessFailed
from tests.system_under_test.runtime.live import LiveCluster, live_cluster

pytestmark = pytest.mark.live


def trace(cluster: LiveCluster, node: str) -> list[NodeEvent]:
    lines = (cluster.directory / node / "trace.jsonl").read_bytes().splitlines()
    decoder = msgspec.json.Decoder(NodeEvent)
    return [decoder.decode(line) for line in lines]


def state(pid: int) -> str:
    """The process's state letter of proc(5)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def test_a_cluster_keeps_what_it_acknowledged_when_its_leader_is_killed(
    tmp_path: Path,
) -> None:
    async with live_cluster(tmp_path) as cluster:
        await cluster.write(Put("x", 1))
        assert await cluster.read("x", "absent", contact="n1") == (1, None)

        first = await cluster.leader()
        killed = cluster.processes.nodes[first]
        await killed.kill()
        assert not killed.running
        results = await cluster.write(Cas("x", 1, 2), Put("y", "z"), contact=first)
        assert len(results.results) == 2
        assert await cluster.read("x", "y", contact=first) == (2, "z")
        assert await cluster.leader() != first

        started = await killed.start()
        assert started.incarnation == 2
        assert started.address == cluster.addresses[first]
        assert await killed.start() == started
        assert await cluster.read("x", contact=first) == (2,)
        assert cluster.deaths.empty()
    booted = [event for event in trace(cluster, first) if isinstance(event, Booted)]
    assert [event.incarnation for event in booted] == [1, 2]
    for node in cluster.addresses:
        last = trace(cluster, node)[-1]
        assert isinstance(last, Stopped)
        assert last.reason == "shut down"


async def test_a_paused_leader_is_replaced_and_comes_back(tmp_path: Path) -> None:
    async with live_cluster(tmp_path) as cluster:
        await cluster.write(Put("x", 1))
        leader = await cluster.leader()
        pid = (await cluster.processes.nodes[leader].start()).pid
        for value in (2, 3):
            await cluster.processes.nodes[leader].pause()
            assert state(pid) == "T"
            await cluster.write(Put("x", value), contact="n1" if leader == "n0" else "n0")
            cluster.processes.nodes[leader].resume()
            assert await cluster.read("x", contact=leader) == (value,)
            leader = await cluster.leader()
            pid = (await cluster.processes.nodes[leader].start()).pid
        # Paused processes end as well.
        await cluster.processes.nodes[leader].pause()
    assert not any(node.running for node in cluster.processes.nodes.values())


async def test_clients_account_for_their_connections(tmp_path: Path) -> None:
    async with live_cluster(tmp_path, size=1) as cluster:
        opened, closed = Connections.opened, Connections.closed
        await cluster.write(Put("x", 1))
        assert (Connections.opened, Connections.closed) == (opened + 1, closed + 1)


async def test_what_a_dead_cluster_and_a_silent_one_leave_behind(tmp_path: Path) -> None:
    impatient = SessionTimeouts(attempt=Nanos(300_000_000), operation=Nanos(1_000_000_000))
    async with live_cluster(tmp_path) as cluster:
        await cluster.write(Put("x", 1))
        for process in cluster.processes.nodes.values():
            await process.pause()
        client = cluster.client(timeouts=impatient)
        # Connected or not, a stopped process may still have the request in its socket.
        assert isinstance(await client.call(Execute((Put("x", 2),))), TimedOut | Refused)
        await client.close()
        for process in cluster.processes.nodes.values():
            await process.kill()
        client = cluster.client(timeouts=impatient)
        assert isinstance(await client.call(Execute((Put("x", 3),))), Refused)
        assert not client.dead
        await client.close()


async def test_an_unexpected_death_is_told_with_status_and_log(tmp_path: Path) -> None:
    async with live_cluster(tmp_path, size=1) as cluster:
        pid = (await cluster.processes.nodes[NodeId("n0")].start()).pid
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            death = await cluster.deaths.get()
        assert death.status == -signal.SIGKILL
        assert "n0 was killed by SIGKILL" in str(death)
        assert '"message":"started"' in str(death)


def lone(directory: Path, address: str, **changes: Any) -> NodeProcess:
    spec = NodeSpec(id=NodeId("n0"), address=address, peers={}, directory=directory)
    return NodeProcess("test", replace(spec, **changes), lambda death: pytest.fail(str(death)))


async def test_a_node_that_cannot_start_says_why(tmp_path: Path) -> None:
    port = ReservedPort()
    first = lone(tmp_path / "first", port.address)
    await first.start()
    with pytest.raises(ProcessFailed, match=r"exit code 4\n(.*\n)*.*first is in use"):
        await lone(tmp_path / "first", "127.0.0.1:0").start()
    with pytest.raises(ProcessFailed, match=rf"exit code 4\n(.*\n)*.*listen on {port.address}"):
        await lone(tmp_path / "second", port.address).start()
    with pytest.raises(ProcessFailed, match=r"exit code 2\n.*timing: .*fanout"):
        await lone(tmp_path / "third", "127.0.0.1:0", timing={"fanout": 0}).start()
    with pytest.raises(ProcessFailed, match=r"exit code 2\n(.*\n)*.*--bug: invalid choice: 'none'"):
        await lone(tmp_path / "fourth", "127.0.0.1:0", bug="none").start()
    assert await first.terminate() == 0
    port.close()

    wal = tmp_path / "first" / "wal.log"
    damaged = bytearray(wal.read_bytes())
    damaged[12] ^= 1
    wal.write_bytes(damaged)
    with pytest.raises(ProcessFailed, match=r"exit code 4\n(.*\n)*.*wal.log: offset 0: .*damaged"):
        await first.start()


async def test_a_bug_of_the_zoo_runs_live(tmp_path: Path) -> None:
    node = lone(tmp_path / "n0", "127.0.0.1:0", bug="forgets-vote")
    for incarnation in (1, 2):
        assert (await node.start()).incarnation == incarnation
        client = GrpcClient(
            ClientId(f"c{incarnation}"),
            {NodeId("n0"): (await node.start()).address},
            NodeId("n0"),
            "test",
        )
        assert isinstance(await client.call(Execute((Put("x", incarnation),))), Answered)
        await client.close()
        await node.kill()
    lines = (tmp_path / "n0" / "trace.jsonl").read_bytes().splitlines()
    events = [msgspec.json.decode(line, type=NodeEvent) for line in lines]
    # The correct node remembers its vote of the first life.
    assert [event.term for event in events if isinstance(event, Booted)] == [0, 0]


async def test_a_node_whose_disk_fails_stops_and_acknowledges_nothing(tmp_path: Path) -> None:
    async with live_cluster(tmp_path, size=1) as cluster:
        for value in range(30):
            await cluster.write(Put("x", value))
        pid = (await cluster.processes.nodes[NodeId("n0")].start()).pid
        # No file of the process may grow beyond this: its trace has that length already.
        size = (tmp_path / "n0" / "trace.jsonl").stat().st_size
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, size))
        client = cluster.client(timeouts=SessionTimeouts(operation=Nanos(2_000_000_000)))
        assert isinstance(await client.call(Execute((Put("x", 30),))), TimedOut)
        await client.close()
        async with asyncio.timeout(10):
            death = await cluster.deaths.get()
        assert death.status == 4
        assert any("trace.jsonl: File too large" in line for line in death.last_log_lines)

        await cluster.processes.nodes[NodeId("n0")].start()
        assert await cluster.read("x") in {(29,), (30,)}
