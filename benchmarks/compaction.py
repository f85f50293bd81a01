"""What a node keeps, in memory and on disk, while its log grows and is compacted.

``python -m benchmarks.compaction --nodes 5 --entries 200000`` starts a cluster on this machine
and writes that many small entries, by turns to a fixed set of keys and to the raw log.  It
prints a table as it goes, and at the end how long a new node takes to join, an old one to
start from its snapshot, and one with an empty disk to catch up.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from system_under_test.gossip_raft.core.client_session import (
    Answered,
    Execute,
    SessionTimeouts,
)
from system_under_test.gossip_raft.core.messages import (
    AddServer,
    GetStatus,
    Message,
    RemoveServer,
    Results,
    Status,
)
from system_under_test.gossip_raft.core.types import (
    ClientId,
    Nanos,
    NodeId,
    Put,
    Raw,
    RequestId,
    Term,
)
from system_under_test.gossip_raft.runtime.administration import Administrator
from system_under_test.gossip_raft.runtime.client import Connections, GrpcClient
from system_under_test.gossip_raft.runtime.cluster import (
    ClusterProcesses,
    NodeProcess,
    NodeSpec,
    ReservedPort,
    Started,
)

CLUSTER: Final = "compaction"
KEYS: Final = 1_000
ROWS: Final = 10
HARNESS_FILES: Final = frozenset({"trace.jsonl", "server.log", "ballast"})
JOIN_MAX_S: Final = 60.0
PATIENCE: Final = SessionTimeouts(operation=Nanos(60_000_000_000))


class Cluster:
    def __init__(self, directory: Path, nodes: int) -> None:
        self.directory = directory
        self._ports = {NodeId(f"n{number}"): ReservedPort() for number in range(nodes)}
        self.addresses = {node: port.address for node, port in self._ports.items()}
        self.processes = ClusterProcesses(
            CLUSTER,
            [
                NodeSpec(
                    id=node,
                    address=address,
                    peers={peer: a for peer, a in self.addresses.items() if peer != node},
                    directory=directory / node,
                )
                for node, address in self.addresses.items()
            ],
            lambda death: sys.exit(str(death)),
        )
        self.started: dict[NodeId, Started] = {}

    async def start(self) -> None:
        self.started = await self.processes.start_all()

    async def stop(self) -> None:
        await self.processes.stop_all()
        for port in self._ports.values():
            port.close()

    async def write(self, numbers: Iterator[int], name: str) -> None:
        """One client: write until there are no numbers left."""
        client = GrpcClient(ClientId(name), self.addresses, NodeId("n0"), CLUSTER, PATIENCE)
        try:
            for number in numbers:
                command = (
                    Raw(f'{{"n": {number}}}') if number % 2 else Put(f"k{number % KEYS}", number)
                )
                ending = await client.call(Execute((command,)))
                if not isinstance(ending, Answered):
                    sys.exit(f"a write was not answered: {ending}")
        finally:
            await client.close()

    @asynccontextmanager
    async def newcomer(self, node: NodeId) -> AsyncIterator[NodeProcess]:
        """A node that knows the others and is known to nobody; not yet started."""
        port = ReservedPort()
        spec = NodeSpec(
            id=node,
            address=port.address,
            peers=dict(self.addresses),
            directory=self.directory / node,
            members=tuple(self.addresses),
        )
        process = NodeProcess(CLUSTER, spec, lambda death: sys.exit(str(death)))
        try:
            yield process
        finally:
            await process.terminate()
            port.close()

    async def applied(self, node: NodeId) -> int:
        connections = Connections(self.addresses, CLUSTER)
        try:
            message = Message("benchmark", node, RequestId(1), Term(0), (), GetStatus())
            body = (await connections.ask(message, 5.0)).body
        finally:
            await connections.close()
        assert isinstance(body, Status)
        return body.applied

    async def caught_up(self, node: NodeId, index: int) -> None:
        while await self.applied(node) < index:
            pass  # Asking takes its time.

    def memory_mib(self, node: NodeId) -> float:
        status = Path(f"/proc/{self.started[node].pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def disk_mib(self, node: NodeId) -> float:
        files = (self.directory / node).iterdir()
        sizes = (file.stat().st_size for file in files if file.name not in HARNESS_FILES)
        return sum(sizes) / 2**20


async def measure(directory: Path, nodes: int, entries: int, clients: int) -> None:
    cluster = Cluster(directory, nodes)
    try:
        await cluster.start()
        out = sys.stdout
        out.write(f"{nodes} nodes, {clients} clients, {KEYS} keys\n")
        memory = "".join(f"{f'MiB {node}':>8}" for node in cluster.addresses)
        out.write(f"{'entries':>9}{memory} {'MiB on disk':>13} {'entries/s':>10}\n")
        numbers = iter(range(entries))
        begun = time.perf_counter()
        for row in range(1, ROWS + 1):
            part = itertools.islice(numbers, entries // ROWS)
            async with asyncio.TaskGroup() as group:
                for client in range(clients):
                    group.create_task(cluster.write(part, f"w{row}.{client}"))
            memory = "".join(f"{cluster.memory_mib(node):>8.1f}" for node in cluster.addresses)
            disk = max(map(cluster.disk_mib, cluster.addresses))
            written = row * (entries // ROWS)
            speed = written / (time.perf_counter() - begun)
            out.write(f"{written:>9,} {memory} {disk:>13.2f} {speed:>10.0f}\n")
            out.flush()
        await join(cluster, NodeId(f"n{nodes}"))
        await restart(cluster, NodeId(f"n{nodes - 1}"))
    finally:
        await cluster.stop()


async def join(cluster: Cluster, node: NodeId) -> None:
    async with (
        cluster.newcomer(node) as process,
        Administrator(cluster.addresses, CLUSTER) as admin,
    ):
        begun = time.perf_counter()
        address = (await process.start()).address
        ready = time.perf_counter() - begun
        answer = await admin.ask(AddServer(node, address), JOIN_MAX_S)
        if not isinstance(answer, Results):
            sys.exit(f"{node} was not added: {answer}")
        await admin.voter(node)
        votes = time.perf_counter() - begun
        sys.stdout.write(f"{node} joins: ready in {ready:.2f} s, a voter in {votes:.2f} s\n")
        sys.stdout.flush()
        if not isinstance(await admin.ask(RemoveServer(node), JOIN_MAX_S), Results):
            sys.exit(f"{node} was not removed")


async def restart(cluster: Cluster, node: NodeId) -> None:
    index = await cluster.applied(NodeId("n0"))
    process = cluster.processes.nodes[node]
    for lost in (False, True):
        await process.kill()
        if lost:
            shutil.rmtree(cluster.directory / node)
        begun = time.perf_counter()
        await process.start(rebuild=lost)
        ready = time.perf_counter() - begun
        await cluster.caught_up(node, index)
        caught_up = time.perf_counter() - begun
        what = "with an empty disk" if lost else "from its snapshot"
        sys.stdout.write(f"start {what}: ready in {ready:.2f} s, caught up in {caught_up:.2f} s\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Memory and disk of nodes that compact.")
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--nodes", type=int, default=5)
    parser.add_argument("--clients", type=int, default=64)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(measure(Path(directory), arguments.nodes, arguments.entries, arguments.clients))


if __name__ == "__main__":
    main()
