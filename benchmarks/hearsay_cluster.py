"""Ours: three node processes, written to over one connection to the leader."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import grpc.aio

from benchmarks.measure import Limit, Round, closed_loop, now_ns
from protos.generated import gossip_raft_pb2 as wire
from system_under_test.gossip_raft.core.types import NodeId
from system_under_test.gossip_raft.runtime.child_process import Death
from system_under_test.gossip_raft.runtime.cluster import ClusterProcesses, NodeSpec, ReservedPort
from system_under_test.gossip_raft.runtime.rpc import Peer

CLUSTER: Final = "benchmark"
START_TIMEOUT_S: Final = 20.0
WRITE_TIMEOUT_S: Final = 10.0


class WriteFailed(Exception):
    """A system under load did not take a write."""


class HearsayCluster:
    name = "hearsay"
    durability = "fdatasync on every node before it counts or answers"

    def __init__(self, directory: Path) -> None:
        self._ports = {NodeId(f"n{number}"): ReservedPort() for number in range(3)}
        addresses = {node: port.address for node, port in self._ports.items()}
        self.directories: Final = {node: directory / node for node in addresses}
        self._processes = ClusterProcesses(
            CLUSTER,
            [
                NodeSpec(
                    id=node,
                    address=address,
                    peers={peer: a for peer, a in addresses.items() if peer != node},
                    directory=self.directories[node],
                )
                for node, address in addresses.items()
            ],
            _died,
        )
        self._addresses = addresses
        self._peer: Peer | None = None
        self._requests = 0
        self._rounds = 0
        self.leader = NodeId("n0")
        self.pids: Mapping[NodeId, int] = {}
        self.sent: dict[int, tuple[int, int]] = {}
        """By log index, when the write was sent and when its answer came."""

    async def start(self) -> None:
        started = await self._processes.start_all()
        self.pids = {node: s.pid for node, s in started.items()}
        async with asyncio.timeout(START_TIMEOUT_S):
            await self._find_leader()

    async def load(self, outstanding: int, limit: Limit) -> Round:
        self._rounds += 1
        self.sent = {}
        clients = [f"b{self._rounds}-{number}" for number in range(outstanding)]
        sequences = [0] * outstanding

        async def write(writer: int, number: int) -> None:
            sequences[writer] += 1
            before = now_ns()
            reply = await self._put(clients[writer], sequences[writer], f"k{number % 1000}")
            if reply.WhichOneof("answer") != "results":
                raise WriteFailed(f"hearsay: {reply}")
            self.sent[reply.results.position.index] = (before, now_ns())

        return await closed_loop(write, outstanding, limit)

    async def stop(self) -> None:
        if self._peer is not None:
            await self._peer.channel.close()
        await self._processes.stop_all()
        for port in self._ports.values():
            port.close()

    async def _put(self, client: str, sequence: int, key: str) -> wire.ClientReply:
        assert self._peer is not None
        self._requests += 1
        request = wire.PutEntriesRequest(
            envelope=wire.Envelope(
                cluster=CLUSTER,
                source=client,
                target=self.leader,
                request=self._requests,
                gossip=wire.GossipMap(),
            ),
            session=wire.Session(client=client, sequence=sequence),
            commands=[wire.Command(put=wire.Put(key=key, value=wire.Scalar(text="v" * 16)))],
        )
        reply = await self._peer.call(request, WRITE_TIMEOUT_S)
        assert isinstance(reply, wire.ClientReply)
        return reply

    async def _find_leader(self) -> None:
        """Ask one node after the other until one of them takes a write."""
        sequence = 0
        while True:
            for node, address in self._addresses.items():
                self.leader, self._peer = node, Peer(address)
                sequence += 1
                try:
                    if (await self._put("probe", sequence, "k")).HasField("results"):
                        return
                except grpc.aio.AioRpcError:
                    pass  # Leadership ended while it waited, or the node has just begun.
                await self._peer.channel.close()
            await a_moment()


async def a_moment() -> None:
    """Nothing tells a client that somebody was elected, so it asks again."""
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.1, done.set_result, None)
    await done


def _died(death: Death) -> None:
    sys.stderr.write(f"{death}\n")  # The writes that it took along fail by themselves.
