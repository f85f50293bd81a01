"""A gRPC server that remembers what it was asked, and a client that reaches it by a proxy."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from nemesis.proxy.control import ProxyLayer
from system_under_test.control import CLIENTS, Link

DEADLINE_S = 20.0
THERE = Link(CLIENTS, "n")
BACK = Link("n", CLIENTS)
_OPTIONS = (
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", 64 << 20),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
)


@dataclass
class Callee:
    """Answers every call with what it was asked, behind "re: "."""

    layer: ProxyLayer
    channel: grpc.aio.Channel
    bystander: grpc.aio.Channel
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(
        self, request: bytes, method: str = "Ask", timeout_s: float = DEADLINE_S
    ) -> bytes:
        call: Any = self.channel.unary_unary(f"/test.Service/{method}")
        reply: bytes = await call(request, timeout=timeout_s, wait_for_ready=True)
        return reply

    async def stream(self, requests: list[bytes]) -> list[bytes]:
        """Over one stream, one after the other."""
        call: Any = self.channel.stream_stream("/test.Service/Talk")(timeout=DEADLINE_S)
        replies = []
        for request in requests:
            await call.write(request)
            replies.append(await call.read())
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        return replies

    async def code_of(
        self, request: bytes, method: str = "Ask", timeout_s: float = DEADLINE_S
    ) -> str:
        """Of the status that a call fails with."""
        try:
            await self.ask(request, method, timeout_s)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"

    def hear(self, method: str, request: bytes) -> None:
        self.asked.append((method, request))
        self._heard.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """The proxies have come to that; calls past them give them turns of the loop."""
        turn: Any = self.bystander.unary_unary("/test.Service/Turn")
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                await turn(b"")

    async def has_heard(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.asked) < count:
                self._heard.clear()
                await self._heard.wait()


class _Handler(grpc.GenericRpcHandler):
    def __init__(self) -> None:
        self.callee: Callee | None = None

    def service(self, details: Any) -> Any:
        method = details.method.rpartition("/")[2]

        async def answer(request: bytes, _: Any) -> bytes:
            assert self.callee is not None
            if method != "Turn":
                self.callee.hear(method, request)
            return b"re: " + request

        async def talk(requests: Any, _: Any) -> AsyncIterator[bytes]:
            async for request in requests:
                yield await answer(request, None)

        if method == "Talk":
            return grpc.stream_stream_rpc_method_handler(talk)
        return grpc.unary_unary_rpc_method_handler(answer)


@asynccontextmanager
async def callee() -> AsyncIterator[Callee]:
    server = grpc.aio.server(options=_OPTIONS)
    handler = _Handler()
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with ProxyLayer(["n"], random.Random(2)) as layer:
        layer.retarget("n", "127.0.0.1", port)
        host, at = layer.address(CLIENTS, "n")
        async with (
            grpc.aio.insecure_channel(f"{host}:{at}", options=_OPTIONS) as channel,
            grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=_OPTIONS) as bystander,
        ):
            handler.callee = Callee(layer, channel, bystander)
            yield handler.callee
    await server.stop(None)
