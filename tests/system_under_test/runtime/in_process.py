"""A real node in the test's own process: its server, its files, its port."""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from system_under_test.gossip_raft.core.messages import Status
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.runtime.configuration import FILE_NAME, Configuration
from system_under_test.gossip_raft.runtime.logs import JsonLines
from system_under_test.gossip_raft.runtime.server import NodeServer
from system_under_test.gossip_raft.runtime.storage import DataDirectory

NOBODY = "127.0.0.1:1"


@dataclass(frozen=True, slots=True)
class NodeInProcess:
    server: NodeServer
    address: str
    directory: Path

    @property
    def status(self) -> Status:
        status = self.server.status
        assert status is not None, "the node ended"
        return status

    def log(self) -> str:
        return (self.directory / "server.log").read_text()


@asynccontextmanager
async def node_in_process(
    directory: Path,
    tls: Path | None = None,
    *,
    peer: str | None = NOBODY,
    metrics: bool = False,
) -> AsyncIterator[NodeInProcess]:
    """n0 of the cluster "test", with n1 at ``peer`` if that is an address."""
    n0 = NodeId("n0")
    addresses = {n0: "127.0.0.1:0"} | ({} if peer is None else {NodeId("n1"): peer})
    configuration = Configuration(
        directory / FILE_NAME,
        "test",
        addresses,
        tls=tls,
        metrics={n0: "127.0.0.1:0"} if metrics else {},
    )
    data = DataDirectory(directory)
    handler = logging.FileHandler(data.server_log)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.INFO)
    server = None
    try:
        server = NodeServer(configuration, n0, data, random.Random(1))
        port, _ = await server.start()
        yield NodeInProcess(server, f"127.0.0.1:{port}", directory)
    finally:
        if server is not None:
            server.stop()
            await server.close()
        data.close()
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()
