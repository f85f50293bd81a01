"""Live: nodes come, go and hand over while clients write; nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from checker.base import Budget
from checker.raft.invariants import check_traces
from checker.verdict import Valid, Verdict
from histories.trace import NodeEvent, RoleChanged
from system_under_test.gossip_raft.core.client_session import Answered, Execute
from system_under_test.gossip_raft.core.messages import (
    AddServer,
    RemoveServer,
    Results,
    TransferLeadership,
    Unavailable,
)
from system_under_test.gossip_raft.core.types import Append, ClientId, NodeId, Put
from system_under_test.gossip_raft.runtime.administration import Administrator
from system_under_test.gossip_raft.runtime.certificates import make_certificates
from system_under_test.gossip_raft.runtime.client import GrpcClient
from system_under_test.gossip_raft.runtime.cluster import NodeProcess, NodeSpec, ReservedPort
from system_under_test.gossip_raft.runtime.errors import NotConnected
from tests.system_under_test.runtime.live import PATIENCE, TIMING, LiveCluster, live_cluster

pytestmark = pytest.mark.live

N3 = NodeId("n3")
NOW = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
TIME_S = 30.0


@asynccontextmanager
async def fourth(cluster: LiveCluster) -> AsyncIterator[NodeProcess]:
    """n3, which knows the others and is known to nobody."""
    if cluster.tls is not None:
        make_certificates(cluster.tls, [N3], NOW)  # By the authority that is there.
    port = ReservedPort()
    spec = NodeSpec(
        id=N3,
        address=port.address,
        peers=dict(cluster.addresses),
        directory=cluster.directory / N3,
        timing=TIMING,
        tls=cluster.tls,
        members=tuple(cluster.addresses),
    )
    node = NodeProcess("test", spec, cluster.deaths.put_nowait)
    try:
        await node.start()
        yield node
    finally:
        await node.terminate()
        port.close()


class Writer:
    """Appends its own numbers to ``log``, one after the other, until told to stop."""

    def __init__(self, name: str, cluster: LiveCluster, fourth: str) -> None:
        self.acknowledged: list[str] = []
        self.progress = asyncio.Event()
        self._stopping = False
        addresses = {**cluster.addresses, N3: fourth}
        self._client = GrpcClient(
            ClientId(name), addresses, NodeId("n0"), "test", PATIENCE, security=cluster.security
        )
        self._name = name
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        self._stopping = True
        await self._task
        await self._client.close()

    async def _run(self) -> None:
        for number in itertools.count():
            if self._stopping:
                return
            element = f"{self._name}.{number}"
            ending = await self._client.call(Execute((Append("log", element),)))
            assert isinstance(ending, Answered), ending
            self.acknowledged.append(element)
            self.progress.set()


async def progress(writers: Iterable[Writer]) -> None:
    """Until each writer has had another answer."""
    async with asyncio.timeout(TIME_S):
        for writer in writers:
            writer.progress.clear()
        for writer in writers:
            await writer.progress.wait()


def judge(directory: Path, nodes: Iterable[str]) -> Verdict:
    traces = {node: trace(directory, node) for node in nodes}
    return check_traces(traces, budget=Budget())


def trace(directory: Path, node: str) -> list[NodeEvent]:
    decoder = msgspec.json.Decoder(NodeEvent)
    lines = (directory / node / "trace.jsonl").read_bytes().splitlines()
    return [decoder.decode(line) for line in lines]


@pytest.mark.parametrize("tls", [False, True], ids=["in the clear", "TLS"])
async def test_nodes_join_leave_and_hand_over_under_load(tmp_path: Path, tls: bool) -> None:
    certificates = tmp_path / "tls" if tls else None
    if certificates is not None:
        make_certificates(certificates, ["n0", "n1", "n2"], NOW)
    async with live_cluster(tmp_path, tls=certificates) as cluster, fourth(cluster) as n3:
        await cluster.write(Put("x", 1))
        address = (await n3.start()).address
        writers = [Writer(f"w{number}", cluster, address) for number in range(4)]
        async with Administrator(cluster.addresses, "test", cluster.security) as admin:
            first, _ = await admin.leader()
            await progress(writers)
            assert isinstance(await admin.ask(AddServer(N3, address), TIME_S), Results)
            async with asyncio.timeout(TIME_S):
                await admin.voter(N3)
            again = await admin.ask(AddServer(N3, address), TIME_S)
            assert again == Unavailable("n3 is a member already")
            await progress(writers)

            assert isinstance(await admin.ask(RemoveServer(first), TIME_S), Results)
            second, status = await admin.leader()
            assert second != first
            assert first not in status.membership.members
            await cluster.processes.nodes[first].terminate()
            await progress(writers)

            if second != N3:
                assert isinstance(await admin.ask(TransferLeadership(N3), TIME_S), Results)
                second, _ = await admin.leader()
                assert second == N3
            await progress(writers)
            # Two of three are left; n3, which no configuration file knows, leads them.
            other = next(n for n in cluster.addresses if n != first)
            await cluster.processes.nodes[other].kill()
            await progress(writers)
            await cluster.processes.nodes[other].start()
            await progress(writers)
        for writer in writers:
            await writer.stop()
        client = GrpcClient(
            ClientId("last"), {N3: address}, N3, "test", PATIENCE, security=cluster.security
        )
        ending = await client.call(Execute((Put("y", 1),)))
        assert isinstance(ending, Answered)
        await client.close()
        assert cluster.deaths.empty()
    verdict = judge(tmp_path, [*cluster.addresses, N3])
    assert isinstance(verdict, Valid), verdict


async def test_a_leader_that_is_shut_down_hands_over_first(tmp_path: Path) -> None:
    async with live_cluster(tmp_path) as cluster:
        await cluster.write(Put("x", 1))
        async with Administrator(cluster.addresses, "test") as admin:
            first, before = await admin.leader()
            assert await cluster.processes.nodes[first].terminate() == 0
            second, after = await admin.leader()
        assert second != first
        assert after.term == before.term + 1
    events = trace(tmp_path, second)
    roles = [(event.role, event.term) for event in events if isinstance(event, RoleChanged)]
    # It campaigned because it was asked to, not because it missed a leader.
    assert ("candidate", after.term) in roles
    assert ("pre_candidate", before.term) not in roles


async def test_an_administrator_that_finds_no_leader_has_asked_nothing(tmp_path: Path) -> None:
    async with (
        live_cluster(tmp_path, size=1) as cluster,
        Administrator({N3: cluster.addresses[NodeId("n0")]}, "test") as admin,
    ):
        with pytest.raises(NotConnected, match="nobody leads test"):
            await admin.ask(RemoveServer(N3), 1.0)
