"""Debian's etcd-server: three members, written to by gRPC over one connection to the leader."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import grpc.aio
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message_factory import GetMessageClass

from benchmarks.measure import Limit, Round, closed_loop
from system_under_test.gossip_raft.runtime.cluster import ReservedPort
from system_under_test.gossip_raft.runtime.rpc import CHANNEL_OPTIONS

START_TIMEOUT_S: Final = 20.0
WRITE_TIMEOUT_S: Final = 10.0
_PACKAGE: Final = "etcdserverpb"


def installed() -> str | None:
    """Where etcd is, if it is."""
    return shutil.which("etcd")


class EtcdCluster:
    name = "etcd"
    durability = "fdatasync of its log on every member before it counts or answers"

    def __init__(self, program: str, directory: Path) -> None:
        self._program = program
        self._directory = directory
        self._processes: list[asyncio.subprocess.Process] = []
        self._channel: grpc.aio.Channel | None = None
        self._message = compiled_messages(directory)
        self._put: grpc.aio.UnaryUnaryMultiCallable[Any, Any] | None = None

    async def start(self) -> None:
        ports = [(ReservedPort(), ReservedPort()) for _ in range(3)]
        peers = ",".join(f"e{n}=http://{peer.address}" for n, (_, peer) in enumerate(ports))
        for pair in ports:
            for port in pair:
                port.close()  # etcd does not share a port with whoever reserved it.
        for number, (client, peer) in enumerate(ports):
            self._processes.append(await self._start_member(number, client, peer, peers))
        async with asyncio.timeout(START_TIMEOUT_S):
            await self._find_leader([client.address for client, _ in ports])

    async def load(self, outstanding: int, limit: Limit) -> Round:
        put, request = self._put, self._message("PutRequest")
        assert put is not None

        async def write(_writer: int, number: int) -> None:
            key = f"k{number % 1000}".encode()
            await put(request(key=key, value=b"v" * 16), timeout=WRITE_TIMEOUT_S)

        return await closed_loop(write, outstanding, limit)

    async def stop(self) -> None:
        if self._channel is not None:
            await self._channel.close()
        for process in self._processes:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _start_member(
        self, number: int, client: ReservedPort, peer: ReservedPort, peers: str
    ) -> asyncio.subprocess.Process:
        with (self._directory / f"e{number}.log").open("wb") as log:
            return await asyncio.create_subprocess_exec(
                self._program,
                *("--name", f"e{number}", "--data-dir", str(self._directory / f"e{number}")),
                *("--listen-client-urls", f"http://{client.address}"),
                *("--advertise-client-urls", f"http://{client.address}"),
                *("--listen-peer-urls", f"http://{peer.address}"),
                *("--initial-advertise-peer-urls", f"http://{peer.address}"),
                *("--initial-cluster", peers, "--initial-cluster-state", "new"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def _find_leader(self, addresses: list[str]) -> None:
        request = self._message("StatusRequest")()
        while True:
            for address in addresses:
                channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
                status = self._call(channel, "Maintenance/Status", "StatusRequest")
                said = await status(request, timeout=START_TIMEOUT_S, wait_for_ready=True)
                if said.leader and said.leader == said.header.member_id:
                    self._channel = channel
                    self._put = self._call(channel, "KV/Put", "PutRequest")
                    return
                await channel.close()

    def _call(
        self, channel: grpc.aio.Channel, method: str, request: str
    ) -> grpc.aio.UnaryUnaryMultiCallable[Any, Any]:
        return channel.unary_unary(
            f"/{_PACKAGE}.{method}",
            request_serializer=self._message(request).SerializeToString,
            response_deserializer=self._message(request.replace("Request", "Response")).FromString,
        )


def compiled_messages(directory: Path) -> Callable[[str], type[Any]]:
    """The message classes of ``etcd.proto``, compiled now: nobody else needs them."""
    from grpc_tools import protoc  # noqa: PLC0415 - only the benchmark's environment has it

    compiled = directory / "etcd.descriptors"
    sources = Path(__file__).parent
    arguments = [f"--proto_path={sources}", f"--descriptor_set_out={compiled}", "etcd.proto"]
    if protoc.main(["protoc", *arguments]) != 0:
        raise RuntimeError("protoc does not accept benchmarks/etcd.proto")
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes()).file:
        pool.Add(file)

    def message(name: str) -> type[Any]:
        return GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))

    return message
