"""Metrics, health, reflection and the operator's log of a real in-process node."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import httpx
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from system_under_test.gossip_raft.core.client_session import Answered, Execute
from system_under_test.gossip_raft.core.messages import Digest, GossipRecord, Heartbeat, Message
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    ClientId,
    Incarnation,
    NodeId,
    Put,
    RequestId,
    Term,
)
from system_under_test.gossip_raft.runtime.certificates import make_certificates
from system_under_test.gossip_raft.runtime.client import GrpcClient
from system_under_test.gossip_raft.runtime.codec import Codec
from system_under_test.gossip_raft.runtime.errors import PortInUse
from system_under_test.gossip_raft.runtime.metrics_page import MetricsPage
from system_under_test.gossip_raft.runtime.rpc import Peer
from tests.system_under_test.runtime.in_process import NodeInProcess, node_in_process

Samples = dict[tuple[str, tuple[str, ...]], float]
"""By name and the values of the labels, in the order of the labels' names."""
N0 = NodeId("n0")
NOW = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)


@pytest_asyncio.fixture
async def alone(tmp_path: Path) -> AsyncIterator[NodeInProcess]:
    """A cluster of one, which leads, with metrics."""
    async with node_in_process(tmp_path / "n0", peer=None, metrics=True) as node:
        yield node


async def write(node: NodeInProcess, count: int) -> None:
    client = GrpcClient(ClientId("c"), {N0: node.address}, N0, "test")
    for number in range(count):
        assert isinstance(await client.call(Execute((Put("x", number),))), Answered)
    await client.close()


async def scrape(node: NodeInProcess) -> Samples:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"http://{node.server.metrics_address}/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name.removeprefix("hearsay_"), tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_the_metrics_say_what_the_node_did(alone: NodeInProcess) -> None:
    await write(alone, 5)
    status = alone.status
    seen = await scrape(alone)
    assert seen["up", ()] == 1
    assert seen["term", ()] == status.term
    assert seen["role", ("leader",)] == 1
    assert seen["role", ("follower",)] == 0
    for point in ("last", "commit", "applied"):
        assert seen["log_index", (point,)] == 6  # The no-op and five writes.
    assert seen["proposals_total", ()] == 6
    # More if it was asked before it led.
    assert seen["rpcs_served_total", ("OK", "PutEntriesRPC")] >= 5
    assert seen["messages_received_total", ("PutEntries",)] >= 5
    assert seen["messages_sent_total", ("Results",)] == 5
    assert seen["trace_events_total", ("Applied",)] == 6
    assert seen["persist_seconds_count", ()] >= 6
    assert seen["persist_seconds_sum", ()] > 0
    assert seen["batch_entries_sum", ("persist",)] == 6


async def test_refused_calls_and_their_log_lines_are_counted(alone: NodeInProcess) -> None:
    async with grpc.aio.insecure_channel(alone.address) as channel:
        call: Any = channel.unary_unary("/hearsay.gossip_raft.GossipRaft/HeartbeatRPC")
        with pytest.raises(grpc.aio.AioRpcError):
            await call(b"\xff", timeout=5)
    seen = await scrape(alone)
    assert seen["rpcs_served_total", ("INVALID_ARGUMENT", "HeartbeatRPC")] == 1
    assert seen["log_records_total", ("warning",)] == 1


async def test_the_age_of_a_peers_gossip_is_since_its_record_grew(tmp_path: Path) -> None:
    async with node_in_process(tmp_path / "n0", metrics=True) as node:
        assert ("gossip_age_seconds", ("n1",)) not in await scrape(node)
        record = GossipRecord(
            node=NodeId("n1"),
            incarnation=Incarnation(1),
            counter=1,
            term=Term(0),
            leader=None,
            last=ORIGIN,
            commit=ORIGIN,
            source=None,
            unreachable=(),
        )
        peer, codec = Peer(node.address), Codec("test")
        ages = []
        for number in range(2):
            said = Message(
                "n1",
                "n0",
                RequestId(number),
                Term(0),
                (record,),
                Heartbeat(),
                digest=(Digest(record.node, record.incarnation, record.counter, beat=1),),
            )
            await peer.call(codec.encode(said), 5)  # type: ignore[arg-type]
            ages.append((await scrape(node))["gossip_age_seconds", ("n1",)])
        await peer.channel.close()
        assert 0 <= ages[0] < ages[1]  # The same record again is no news.


async def test_only_the_metrics_are_served_over_http(alone: NodeInProcess) -> None:
    async with httpx.AsyncClient(base_url=f"http://{alone.server.metrics_address}") as http:
        assert (await http.get("/metrics?x=1")).status_code == 200
        assert (await http.get("/")).status_code == 404
        assert (await http.post("/metrics", json={})).status_code == 405
    host, _, port = str(alone.server.metrics_address).rpartition(":")
    for data in (b"\xff\x00\r\n\r\n", b"\r\n\r\n", b"GET " + b"x" * 100_000):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(data)
        async with asyncio.timeout(10):
            assert b"200 OK" not in await reader.read()
        writer.close()
    assert (await scrape(alone))["up", ()] == 1


async def test_with_tls_the_metrics_are_for_holders_of_certificates(tmp_path: Path) -> None:
    tls = tmp_path / "tls"
    make_certificates(tls, ["n0"], NOW)
    async with node_in_process(tmp_path / "n0", tls, peer=None, metrics=True) as node:
        url = f"https://{node.server.metrics_address}/metrics"
        context = ssl.create_default_context(cafile=tls / "ca.pem")
        async with httpx.AsyncClient(verify=context) as http:
            with pytest.raises(httpx.TransportError):
                await http.get(url)
        host, _, port = str(node.server.metrics_address).rpartition(":")
        for data in (b"GET /metrics HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 99):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(data)
            async with asyncio.timeout(10):
                with contextlib.suppress(ConnectionResetError):
                    assert b"hearsay" not in await reader.read()
            writer.close()
        context.load_cert_chain(tls / "_clients.pem", tls / "_clients.key")
        async with httpx.AsyncClient(verify=context) as http:
            assert b"hearsay_up 1.0" in (await http.get(url)).content
        assert "the node stops" not in node.log()


async def test_a_busy_metrics_port_is_named(alone: NodeInProcess) -> None:
    page = MetricsPage(lambda: b"")
    with pytest.raises(PortInUse, match=r"metrics: cannot listen on 127\.0\.0\.1"):
        await page.listen(str(alone.server.metrics_address), None)
    await page.close()


async def test_health_is_serving_while_the_node_runs(alone: NodeInProcess) -> None:
    async with grpc.aio.insecure_channel(alone.address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        watch = health.Watch(health_pb2.HealthCheckRequest(), timeout=10)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        alone.server.stop()
        closing = asyncio.create_task(alone.server._probes.stop())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watch.cancel()
        await closing


async def test_reflection_describes_the_service(alone: NodeInProcess) -> None:
    async with grpc.aio.insecure_channel(alone.address) as channel:
        make_stub: Any = reflection_pb2_grpc.ServerReflectionStub
        stub = make_stub(channel)
        requests = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(
                file_containing_symbol="hearsay.gossip_raft.GossipRaft"
            ),
        ]
        listed, described = [a async for a in stub.ServerReflectionInfo(iter(requests), timeout=5)]
        names = [service.name for service in listed.list_services_response.service]
        assert "hearsay.gossip_raft.GossipRaft" in names
        assert "grpc.health.v1.Health" in names
        assert b"PutEntriesRPC" in described.file_descriptor_response.file_descriptor_proto[0]


async def test_the_log_tells_of_leadership_and_of_the_end(tmp_path: Path) -> None:
    async with node_in_process(tmp_path / "n0", peer=None) as node:
        await write(node, 1)
        node.server.stop()
    lines = [json.loads(line) for line in (tmp_path / "n0" / "server.log").read_text().splitlines()]
    assert any(line.get("role") == "leader" and line["term"] >= 1 for line in lines)
    assert lines[-1]["message"] == "life ended"
    assert lines[-1]["reason"] == "shut down"


async def test_a_damaged_log_is_told_in_the_log_of_the_server(tmp_path: Path) -> None:
    data = tmp_path / "n0"
    async with node_in_process(data, peer=None) as node:
        await write(node, 3)
    damaged = bytearray((data / "wal.log").read_bytes())
    damaged[len(damaged) // 3] ^= 1
    (data / "wal.log").write_bytes(damaged)
    (tmp_path / "c.json").write_text(
        '{"cluster": "test", "nodes": {"n0": {"address": "127.0.0.1:0"}}}'
    )
    command = [sys.executable, "-m", "system_under_test.gossip_raft.runtime", "--node", "n0"]
    command += ["--configuration", str(tmp_path / "c.json"), "--data", str(data)]
    ended = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
    async with asyncio.timeout(60):
        assert await ended.wait() == 4
    last = json.loads((data / "server.log").read_text().splitlines()[-1])
    assert last["level"] == "critical"
    assert last["kind"] == "CorruptLog"
    assert "wal.log" in last["message"]


def test_a_node_without_metrics_imports_nothing_for_them_or_for_certificates() -> None:
    watch = (
        "import sys\n"
        "import system_under_test.gossip_raft.runtime.__main__\n"
        "heavy = {'prometheus_client', 'grpc_health.v1', 'grpc_reflection.v1alpha',"
        " 'cryptography'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
