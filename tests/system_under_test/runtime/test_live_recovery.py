"""Live nodes that are far behind, lost their disk, or find it damaged (PROTOCOL rules 11, 12)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from checker.base import Budget
from checker.raft.invariants import check_traces
from checker.verdict import Valid
from histories.trace import NodeEvent, SnapshotInstalled
from system_under_test.gossip_raft.core.client_session import (
    Execute,
    Refused,
    SessionTimeouts,
)
from system_under_test.gossip_raft.core.messages import GossipRecord, Status
from system_under_test.gossip_raft.core.types import Append, Nanos, NodeId, Put, Raw
from system_under_test.gossip_raft.runtime.errors import ProcessFailed
from tests.system_under_test.runtime.failing_files import small_file_system
from tests.system_under_test.runtime.live import LiveCluster, live_cluster

pytestmark = pytest.mark.live

SMALL = {"snapshot_entries_max": 20, "log_keep": 5, "snapshot_chunk_bytes": 200}
N2 = NodeId("n2")


async def write(cluster: LiveCluster, first: int, last: int) -> None:
    for number in range(first, last + 1):
        await cluster.write(Append("list", number), Raw(str(number)))


async def until(cluster: LiveCluster, holds: Callable[[dict[NodeId, Status]], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds(await cluster.statuses()):
            await cluster.read("list")  # Takes a round of the cluster: time passes.


def converged(statuses: dict[NodeId, Status]) -> bool:
    return len({(s.last, s.commit, s.applied) for s in statuses.values()}) == 1


def record_of(node: NodeId, statuses: dict[NodeId, Status]) -> GossipRecord:
    return next(record for record in statuses[node].records if record.node == node)


def is_recovered(statuses: dict[NodeId, Status]) -> bool:
    return N2 in statuses and not record_of(N2, statuses).recovering


def traces(cluster: LiveCluster) -> dict[str, list[NodeEvent]]:
    decoder = msgspec.json.Decoder(NodeEvent)
    return {
        node: [
            decoder.decode(line)
            for line in (cluster.directory / node / "trace.jsonl").read_bytes().splitlines()
        ]
        for node in cluster.addresses
    }


def lose_disk(directory: Path) -> None:
    for path in directory.iterdir():
        if path.name not in {"trace.jsonl", "server.log"}:
            path.unlink()


async def test_a_killed_follower_catches_up_by_a_snapshot_while_writes_go_on(
    tmp_path: Path,
) -> None:
    async with live_cluster(tmp_path, timing=SMALL) as cluster:
        await write(cluster, 1, 5)
        await cluster.processes.nodes[N2].kill()
        await write(cluster, 6, 70)
        async with asyncio.TaskGroup() as group:
            group.create_task(cluster.processes.nodes[N2].start())
            group.create_task(write(cluster, 71, 90))
        await until(cluster, converged)
        assert await cluster.read("list") == (tuple(range(1, 91)),)
    events = traces(cluster)
    assert any(isinstance(event, SnapshotInstalled) for event in events["n2"])
    assert isinstance(check_traces(events, budget=Budget()), Valid)
    for node in cluster.addresses:
        assert len(list((tmp_path / node).glob("snapshot-*"))) == 1


async def test_a_node_without_its_disk_rejoins_and_counts_again(tmp_path: Path) -> None:
    async with live_cluster(tmp_path, timing=SMALL) as cluster:
        await write(cluster, 1, 40)
        node = cluster.processes.nodes[N2]
        await node.kill()
        lose_disk(tmp_path / "n2")
        await node.start(rebuild=True)
        await until(cluster, lambda statuses: converged(statuses) and is_recovered(statuses))
        await cluster.processes.nodes[NodeId("n1")].kill()
        await write(cluster, 41, 45)  # n0 alone is no majority.
        await cluster.processes.nodes[NodeId("n1")].start()
        await until(cluster, converged)
        assert await cluster.read("list") == (tuple(range(1, 46)),)
    assert isinstance(check_traces(traces(cluster), budget=Budget()), Valid)


async def test_a_damaged_log_is_refused_by_name_and_rebuilt_on_demand(tmp_path: Path) -> None:
    async with live_cluster(tmp_path, timing=SMALL) as cluster:
        await write(cluster, 1, 40)
        node = cluster.processes.nodes[N2]
        await node.kill()
        wal = tmp_path / "n2" / "wal.log"
        damaged = bytearray(wal.read_bytes())
        damaged[60] ^= 4
        wal.write_bytes(damaged)
        with pytest.raises(ProcessFailed, match=r"exit code 4(.|\n)*wal\.log: offset \d+"):
            await node.start()
        await node.start(rebuild=True)
        await write(cluster, 41, 60)
        await until(cluster, lambda statuses: converged(statuses) and is_recovered(statuses))
    assert isinstance(check_traces(traces(cluster), budget=Budget()), Valid)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Where n0 keeps its data: a file system of 8 MiB, if we may mount one."""
    place = tmp_path / "n0"
    place.mkdir()
    with small_file_system(place, mebibytes=8):
        yield tmp_path


async def test_a_node_whose_disk_is_full_refuses_writes_and_serves_on(tiny_disk: Path) -> None:
    (tiny_disk / "n0" / "filler").write_bytes(bytes(2**20))
    short = SessionTimeouts(operation=Nanos(1_000_000_000))
    async with live_cluster(tiny_disk, size=1) as cluster:
        await cluster.write(Put("x", 1))
        client = cluster.client("n0", short)
        reason, number = "", 0
        async with asyncio.timeout(60):
            while "the disk is full" not in reason:
                number += 1
                ending = await client.call(Execute((Put("big", f"{number}" * 100_000),)))
                # A busy machine may also refuse a connection in time, or answer too late.
                reason = ending.reason if isinstance(ending, Refused) else ""
                if client.dead:
                    await client.close()
                    client = cluster.client("n0", short)
        assert await cluster.read("x") == (1,)
        (tiny_disk / "n0" / "filler").unlink()
        await cluster.write(Put("x", 2))
        assert await cluster.read("x") == (2,)
        await client.close()
        assert cluster.deaths.empty()
