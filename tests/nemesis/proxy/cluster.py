"""Nodes that are in-process asyncio servers, reached through a proxy layer."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Self

from nemesis.proxy.control import ProxyLayer
from system_under_test.control import CLIENTS

DEADLINE_S = 20.0


class Peer(asyncio.Protocol):
    """One end of a connection; remembers what it heard.

    ``ended``: the other side closed its direction.  ``lost``: the connection is
    over; ``reset``: it was broken.
    """

    def __init__(self) -> None:
        self.received = bytearray()
        self.ended = False
        self.lost = False
        self.reset = False
        self._changed = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    @property
    def connected(self) -> bool:
        return self._transport is not None

    @property
    def transport(self) -> asyncio.Transport:
        assert self._transport is not None
        return self._transport

    @property
    def untouched(self) -> bool:
        return not (self.received or self.ended or self.lost)

    def send(self, data: bytes) -> None:
        self.transport.write(data)

    def break_off(self) -> None:
        """Abort with RST."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    async def until(self, condition: Callable[[Peer], bool]) -> Self:
        async with asyncio.timeout(DEADLINE_S):
            while not condition(self):
                self._changed.clear()
                await self._changed.wait()
        return self

    async def hears(self, data: bytes) -> None:
        await self.until(lambda peer: len(peer.received) >= len(data))
        assert bytes(self.received) == data

    async def is_reset(self) -> None:
        await self.until(lambda peer: peer.lost)
        assert self.reset

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._changed.set()

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._changed.set()

    def eof_received(self) -> bool:
        self.ended = True
        self._changed.set()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self.reset = isinstance(error, ConnectionResetError)
        self._changed.set()


class Server:
    def __init__(self) -> None:
        self.peers: list[Peer] = []
        self._accepted = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def listen(self) -> int:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        assert isinstance(port, int)
        return port

    def _accept(self) -> Peer:
        self.peers.append(Peer())
        self._accepted.set()
        return self.peers[-1]

    async def peer(self, number: int) -> Peer:
        """The ``number``-th connection, from 0, once it is there."""
        async with asyncio.timeout(DEADLINE_S):
            while len(self.peers) <= number:
                self._accepted.clear()
                await self._accepted.wait()
        return await self.peers[number].until(lambda peer: peer.connected)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for peer in self.peers:
            peer.transport.abort()
            await peer.until(lambda peer: peer.lost)


class Cluster:
    """Nodes behind a layer.  A pair to itself, in another layer, tells when all is quiet."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self.layer = ProxyLayer(nodes, random.Random(1))
        self.servers = {node: Server() for node in nodes}
        self._nears: list[Peer] = []
        self._bystanders: tuple[ProxyLayer, Server, Peer, Peer] | None = None

    async def __aenter__(self) -> Self:
        for node, server in self.servers.items():
            self.layer.retarget(node, "127.0.0.1", await server.listen())
        server = Server()
        layer = ProxyLayer(["bystander"], random.Random(1))
        layer.retarget("bystander", "127.0.0.1", await server.listen())
        near = await dial(layer, CLIENTS, "bystander")
        self._bystanders = (layer, server, near, await server.peer(0))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._bystanders is not None
        layer, server, near, _far = self._bystanders
        for each in (layer, self.layer):
            each.close()
        for peer in (*self._nears, near):
            peer.transport.abort()
        for each_server in (server, *self.servers.values()):
            await each_server.close()
        for peer in (*self._nears, near):
            await peer.until(lambda peer: peer.lost)

    async def dial(self, source: str, target: str) -> Peer:
        """The near end of a new connection, whoever may be at the other."""
        near = await dial(self.layer, source, target)
        self._nears.append(near)
        return near

    async def connect(self, source: str, target: str) -> tuple[Peer, Peer]:
        """Both ends of a new connection."""
        number = len(self.servers[target].peers)
        near = await self.dial(source, target)
        return near, await self.servers[target].peer(number)

    async def settle(self) -> None:
        """All that was on its way has arrived, or never will.

        Two round trips between bystanders on the same loop: whatever a socket held
        before is read, and what was written then is read in turn.
        """
        assert self._bystanders is not None
        *_, near, far = self._bystanders
        for _ in range(2):
            for sender, receiver in ((near, far), (far, near)):
                count = len(receiver.received)
                sender.send(b"?")
                await receiver.until(lambda peer, count=count: len(peer.received) > count)  # type: ignore[misc]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await self.settle()


async def dial(layer: ProxyLayer, source: str, target: str) -> Peer:
    loop = asyncio.get_running_loop()
    _, peer = await loop.create_connection(Peer, *layer.address(source, target))
    return peer
