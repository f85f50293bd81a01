"""What becomes of calls that share a stream, with our own client and server at its ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import pytest

from harness.exchange_calls import ExchangeCalls
from nemesis.proxy.control import ProxyLayer
from protos.generated import gossip_raft_pb2 as wire
from system_under_test.conditions import Condition, Meddled, Meddling, Weather
from system_under_test.control import CLIENTS, Link
from system_under_test.gossip_raft.core.types import Nanos
from system_under_test.gossip_raft.runtime.calls import Call
from system_under_test.gossip_raft.runtime.rpc import GOSSIP_RAFT, Peer, start_server

THERE, BACK = Link(CLIENTS, "n"), Link("n", CLIENTS)
DEADLINE_S = 20.0
SHORT_S = 0.3
HOUR = Nanos(3_600_000_000_000)


class Asked:
    """A server that answers everything, and remembers the cluster's name in it."""

    def __init__(self, layer: ProxyLayer, peer: Peer) -> None:
        self.layer = layer
        self.heard: list[str] = []
        self._peer = peer

    def serve(self, request: Any, call: Call) -> None:
        self.heard.append(f"{type(request).__name__} {request.envelope.cluster}")
        if isinstance(request, wire.HeartbeatRequest):
            call.answer(wire.HeartbeatReply(envelope=request.envelope))
        else:
            call.answer(wire.ClientReply(envelope=request.envelope))

    async def heartbeat(self, name: str, timeout_s: float = DEADLINE_S) -> str:
        """What became of it: its name if it was answered, else a status."""
        return await self._ask(wire.HeartbeatRequest(), name, timeout_s)

    async def status(self, name: str, timeout_s: float = DEADLINE_S) -> str:
        """The same, of a call that has a stream of its own."""
        return await self._ask(wire.StatusRequest(), name, timeout_s)

    async def _ask(self, request: Any, name: str, timeout_s: float) -> str:
        request.envelope.cluster = name
        try:
            reply: Any = await self._peer.call(request, timeout_s)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return str(reply.envelope.cluster)

    async def impose(self, condition: Condition, link: Link = THERE) -> None:
        """On a connection that is there and followed, so that nothing else is broken."""
        await self.layer.impose([link], condition)
        assert await self._peer.connected()


@asynccontextmanager
async def asked() -> AsyncIterator[Asked]:
    async with ProxyLayer(["n"], random.Random(3), ExchangeCalls()) as layer:
        host, at = layer.address(CLIENTS, "n")
        peer = Peer(f"{host}:{at}")
        server = Asked(layer, peer)
        serving, port = await start_server(GOSSIP_RAFT, server.serve, "127.0.0.1:0")
        layer.retarget("n", "127.0.0.1", port)
        yield server
        await peer.channel.close()
        await serving.stop(None)


async def test_calls_that_nothing_meets_pass() -> None:
    async with asked() as server:
        await server.impose(Weather())
        names = [f"h{number}" for number in range(200)]
        assert await asyncio.gather(*map(server.heartbeat, names)) == names


@pytest.mark.parametrize("how", ["heartbeat", "status"])
async def test_dropped_requests_are_not_heard_and_others_are(how: str) -> None:
    async with asked() as server:
        method = "HeartbeatRPC" if how == "heartbeat" else "StatusRPC"
        dropped = Meddled(Meddling.DROP_REQUEST, methods=(method,))
        await server.impose(dropped)
        ask = server.heartbeat if how == "heartbeat" else server.status
        other = server.status if how == "heartbeat" else server.heartbeat
        assert await ask("lost", SHORT_S) == "DEADLINE_EXCEEDED"
        assert await other("heard") == "heard"
        assert [heard.partition(" ")[2] for heard in server.heard] == ["heard"]
        assert "dropped 1 request on 1 link" in await server.layer.lift([THERE], dropped)
        assert await ask("again") == "again"


async def test_a_call_is_executed_whose_reply_is_dropped() -> None:
    async with asked() as server:
        await server.impose(Meddled(Meddling.DROP_REPLY, methods=("HeartbeatRPC",)))
        assert await server.heartbeat("silent", SHORT_S) == "DEADLINE_EXCEEDED"
        assert server.heard == ["HeartbeatRequest silent"]
        assert await server.status("told") == "told"
        assert "dropped 1 reply on 1 link" in await server.layer.heal()
        assert await server.heartbeat("again") == "again"


async def test_a_repeated_request_is_heard_twice_and_answered_once() -> None:
    async with asked() as server:
        await server.impose(Meddled(Meddling.DUPLICATE))
        assert await server.heartbeat("one") == "one"
        assert await server.heartbeat("two") == "two"
        assert server.heard.count("HeartbeatRequest one") == 2
        assert "repeated 2 requests on 1 link" in await server.layer.heal()
        assert await server.heartbeat("three") == "three"
        assert server.heard.count("HeartbeatRequest three") == 1


async def test_a_held_back_request_comes_when_that_is_lifted() -> None:
    async with asked() as server:
        late = Meddled(Meddling.DELAY, methods=("HeartbeatRPC",), latency_ns=HOUR)
        await server.impose(late)
        waiting = asyncio.ensure_future(server.heartbeat("late"))
        while not server.layer.counts(THERE).requests_delayed:
            assert await server.status("in time") == "in time"
        assert not any("late" in heard for heard in server.heard)
        await server.layer.lift([THERE], late)
        assert await waiting == "late"


async def test_a_request_is_overtaken_by_the_next() -> None:
    async with asked() as server:
        await server.impose(Meddled(Meddling.REORDER, methods=("HeartbeatRPC",)))
        first = asyncio.ensure_future(server.heartbeat("first"))
        while not server.heard:
            await server.status("overtaking")
        assert await first == "first"
        assert server.heard[-1] == "HeartbeatRequest first"
        assert "StatusRequest overtaking" in server.heard


async def test_a_call_fails_with_the_status_that_was_asked_for() -> None:
    async with asked() as server:
        await server.impose(Meddled(Meddling.FAIL, status=8))
        assert await server.heartbeat("x") == "RESOURCE_EXHAUSTED"
        assert await server.status("y") == "RESOURCE_EXHAUSTED"
        assert server.heard == []
        assert "failed 2 requests on 1 link" in await server.layer.heal()


async def test_weather_loses_replies_on_their_way_back() -> None:
    async with asked() as server:
        await server.impose(Weather(loss=1.0), BACK)
        assert await server.heartbeat("x", SHORT_S) == "DEADLINE_EXCEEDED"
        assert server.heard == ["HeartbeatRequest x"]
        assert "dropped 1 reply" in await server.layer.heal()


async def test_weather_holds_replies_up_and_they_come() -> None:
    async with asked() as server:
        await server.impose(Weather(straggling=1.0), BACK)
        names = [f"h{number}" for number in range(20)]
        assert await asyncio.gather(*map(server.heartbeat, names)) == names
        assert server.layer.counts(BACK).replies_delayed == 20
