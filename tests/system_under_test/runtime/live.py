"""A live cluster for tests: three processes without proxies, on reserved ports."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from system_under_test.gossip_raft.core.client_session import (
    Answered,
    Ending,
    Execute,
    Refused,
    Request,
    SessionTimeouts,
)
from system_under_test.gossip_raft.core.messages import (
    Consistency,
    GetStatus,
    Message,
    ReadKeys,
    Results,
    Status,
    Values,
)
from system_under_test.gossip_raft.core.types import (
    ClientId,
    Command,
    Nanos,
    NodeId,
    RequestId,
    Term,
    Value,
)
from system_under_test.gossip_raft.runtime.child_process import Death
from system_under_test.gossip_raft.runtime.client import Connections, GrpcClient
from system_under_test.gossip_raft.runtime.cluster import ClusterProcesses, NodeSpec, ReservedPort
from system_under_test.gossip_raft.runtime.configuration import Configuration
from system_under_test.gossip_raft.runtime.errors import LiveError
from system_under_test.gossip_raft.runtime.security import CLIENTS, load_security

TIMING = {
    "election_timeout_min_ms": 400,
    "election_timeout_max_ms": 800,
    "heartbeat_interval_ms": 50,
}
PATIENCE = SessionTimeouts(operation=Nanos(30_000_000_000))


class LiveCluster:
    def __init__(
        self,
        directory: Path,
        size: int = 3,
        tls: Path | None = None,
        timing: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """``tls`` are certificates for n0, n1, ... and the clients."""
        self.tls = tls
        self.security = None if tls is None else load_security(tls, CLIENTS)
        self._ports = {NodeId(f"n{number}"): ReservedPort() for number in range(size)}
        self.addresses = {node: port.address for node, port in self._ports.items()}
        self.directory = directory
        self.deaths: asyncio.Queue[Death] = asyncio.Queue()
        self.processes = ClusterProcesses(
            "test",
            [
                NodeSpec(
                    id=node,
                    address=address,
                    peers={peer: a for peer, a in self.addresses.items() if peer != node},
                    directory=directory / node,
                    timing={**TIMING, **timing},
                    tls=tls,
                )
                for node, address in self.addresses.items()
            ],
            self.deaths.put_nowait,
        )
        self._names = itertools.count()

    async def stop(self) -> None:
        await self.processes.stop_all()
        for port in self._ports.values():
            port.close()

    def client(self, contact: str = "n0", timeouts: SessionTimeouts = PATIENCE) -> GrpcClient:
        name = ClientId(f"c{next(self._names)}")
        return GrpcClient(
            name, self.addresses, NodeId(contact), "test", timeouts, security=self.security
        )

    async def write(self, *commands: Command, contact: str = "n0") -> Results:
        reply = await self._answer(Execute(commands), contact)
        assert isinstance(reply, Results)
        return reply

    async def read(self, *keys: str, contact: str = "n0") -> tuple[Value, ...]:
        reply = await self._answer(ReadKeys(keys, Consistency.LINEARIZABLE), contact)
        assert isinstance(reply, Values)
        return reply.values

    async def leader(self) -> NodeId:
        """Who leads; asks again, after a read that only a leader answers, if nobody does."""
        for _ in range(10):
            await self.read("x")
            claims = [(s.term, n) for n, s in (await self.statuses()).items() if _leads(s)]
            if claims:
                return max(claims)[1]
        raise AssertionError("leaders come and go")

    def configuration(self, gateway: str) -> Path:
        file = self.directory / "cluster-configuration.json"
        file.write_bytes(
            Configuration(file, "test", self.addresses, gateway, tls=self.tls).encode()
        )
        return file

    async def statuses(self) -> dict[NodeId, Status]:
        statuses = {}
        connections = Connections(self.addresses, "test", self.security)
        for node in self.addresses:
            message = Message("test", node, RequestId(1), Term(0), (), GetStatus())
            try:
                body = (await connections.ask(message, 2.0)).body
            except LiveError:
                continue
            assert isinstance(body, Status)
            statuses[node] = body
        await connections.close()
        return statuses

    async def _answer(self, request: Request, contact: str) -> Results | Values:
        ending: Ending | None = None
        for _ in range(10):
            client = self.client(contact)
            try:
                ending = await client.call(request)
            finally:
                await client.close()
            if not isinstance(ending, Refused):
                break  # Else a leader stepped down: on a busy machine that is no failure.
        assert isinstance(ending, Answered), ending
        assert isinstance(ending.reply, Results | Values), ending
        return ending.reply


def _leads(status: Status) -> bool:
    return status.role == "leader"


@asynccontextmanager
async def live_cluster(
    directory: Path,
    size: int = 3,
    tls: Path | None = None,
    timing: Mapping[str, int] = MappingProxyType({}),
) -> AsyncIterator[LiveCluster]:
    cluster = LiveCluster(directory, size, tls, timing)
    try:
        await cluster.processes.start_all()
        yield cluster
    finally:
        await cluster.stop()
