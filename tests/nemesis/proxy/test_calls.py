"""What becomes of calls that gRPC itself makes and serves, with a relay between."""

from __future__ import annotations

import asyncio
import random

import pytest

from system_under_test.conditions import Cut, Meddled, Meddling, Weather
from system_under_test.gossip_raft.core.types import Nanos
from tests.nemesis.proxy.calls import BACK, THERE, callee

MS = 1_000_000
SHORT_S = 0.3
HOUR = Nanos(3_600_000_000_000)


@pytest.mark.parametrize("size", [0, 1, 16_384, 70_000, 5 << 20])
async def test_calls_of_every_size_pass_a_relay_that_does_nothing(size: int) -> None:
    request = random.Random(size).randbytes(size)
    async with callee() as server:
        await server.layer.impose([THERE], Meddled(Meddling.FAIL, methods=("Never",)))
        for _ in range(3):
            assert await server.ask(request) == b"re: " + request


async def test_many_calls_at_once_are_not_mixed_up_by_a_relay() -> None:
    async with callee() as server:
        await server.layer.impose([THERE], Weather())
        requests = [b"%d" % number * 1000 for number in range(300)]
        replies = await asyncio.gather(*map(server.ask, requests))
        assert replies == [b"re: " + request for request in requests]


async def test_streams_pass_a_relay() -> None:
    async with callee() as server:
        await server.layer.impose([THERE], Weather())
        replies = await server.stream([b"one", b"two" * 100_000, b"three"])
        assert replies == [b"re: one", b"re: " + b"two" * 100_000, b"re: three"]


async def test_a_dropped_request_is_not_executed() -> None:
    async with callee() as server:
        dropped = Meddled(Meddling.DROP_REQUEST, methods=("Lost",))
        await server.layer.impose([THERE], dropped)
        assert await server.code_of(b"x", "Lost", SHORT_S) == "DEADLINE_EXCEEDED"
        assert await server.ask(b"y") == b"re: y"
        assert server.asked == [("Ask", b"y")]
        assert "dropped 1 request on 1 link" in await server.layer.lift([THERE], dropped)
        assert await server.ask(b"z", "Lost") == b"re: z"


async def test_a_large_request_is_dropped_whole() -> None:
    async with callee() as server:
        await server.layer.impose([THERE], Meddled(Meddling.DROP_REQUEST, methods=("Lost",)))
        assert await server.code_of(bytes(5 << 20), "Lost", SHORT_S) == "DEADLINE_EXCEEDED"
        assert await server.ask(bytes(5 << 20)) == b"re: " + bytes(5 << 20)
        assert len(server.asked) == 1


async def test_a_dropped_reply_is_of_a_call_that_was_executed() -> None:
    async with callee() as server:
        silent = Meddled(Meddling.DROP_REPLY)
        await server.layer.impose([THERE], silent)
        assert await server.code_of(b"x" * 100_000, timeout_s=SHORT_S) == "DEADLINE_EXCEEDED"
        assert server.asked == [("Ask", b"x" * 100_000)]
        assert "dropped 1 reply on 1 link" in await server.layer.lift([THERE], silent)
        assert await server.ask(b"y") == b"re: y"


@pytest.mark.parametrize("size", [1, 200_000])
async def test_a_repeated_request_arrives_twice_and_is_answered_once(size: int) -> None:
    async with callee() as server:
        twice = Meddled(Meddling.DUPLICATE)
        await server.layer.impose([THERE], twice)
        assert await server.ask(b"x" * size) == b"re: " + b"x" * size
        await server.has_heard(2)
        assert server.asked == [("Ask", b"x" * size)] * 2
        assert "repeated 1 request on 1 link" in await server.layer.lift([THERE], twice)
        assert await server.ask(b"y") == b"re: y"
        assert len(server.asked) == 3


async def test_a_delayed_request_comes_when_the_delay_is_lifted() -> None:
    async with callee() as server:
        late = Meddled(Meddling.DELAY, methods=("Late",), latency_ns=HOUR)
        await server.layer.impose([THERE], late)
        asked = asyncio.ensure_future(server.ask(b"x", "Late"))
        assert await server.ask(b"y") == b"re: y"
        assert not asked.done()
        assert server.asked == [("Ask", b"y")]
        assert "held back 1 request on 1 link" in await server.layer.lift([THERE], late)
        assert await asked == b"re: x"


async def test_a_delayed_request_comes_by_itself() -> None:
    async with callee() as server:
        late = Meddled(Meddling.DELAY, latency_ns=Nanos(20 * MS))
        await server.layer.impose([THERE], late)
        assert await server.ask(b"x") == b"re: x"


async def test_a_request_is_overtaken_by_the_next() -> None:
    async with callee() as server:
        await server.layer.impose([THERE], Meddled(Meddling.REORDER, methods=("First",)))
        first = asyncio.ensure_future(server.ask(b"1", "First"))
        await server.until(lambda: server.layer.counts(THERE).requests_overtaken == 1)
        await server.ask(b"2", "Second")
        assert await first == b"re: 1"
        assert server.asked == [("Second", b"2"), ("First", b"1")]


async def test_a_call_fails_with_the_status_that_was_asked_for() -> None:
    async with callee() as server:
        failing = Meddled(Meddling.FAIL, status=8)
        await server.layer.impose([THERE], failing)
        for size in (1, 3 << 20):
            assert await server.code_of(bytes(size)) == "RESOURCE_EXHAUSTED"
        assert server.asked == []
        assert "failed 2 requests on 1 link" in await server.layer.lift([THERE], failing)
        assert await server.ask(b"y") == b"re: y"


async def test_a_probability_meets_some_and_the_seed_says_which() -> None:
    async def outcomes() -> list[str]:
        async with callee() as server:
            await server.layer.impose([THERE], Meddled(Meddling.FAIL, probability=0.5))
            return [await server.code_of(b"x") for _ in range(40)]

    some = await outcomes()
    assert set(some) == {"OK", "UNAVAILABLE"}
    assert await outcomes() == some


async def test_weather_loses_replies_on_the_way_back() -> None:
    async with callee() as server:
        await server.layer.impose([BACK], Weather(loss=1.0))
        assert await server.code_of(b"x", timeout_s=SHORT_S) == "DEADLINE_EXCEEDED"
        assert server.asked == [("Ask", b"x")]
        assert "dropped 1 reply" in await server.layer.heal()
        assert await server.ask(b"y") == b"re: y"


async def test_calls_that_were_under_way_are_broken_visibly_when_meddling_begins() -> None:
    async with callee() as server:
        assert await server.ask(b"before") == b"re: before"
        await server.layer.impose([THERE], Meddled(Meddling.DROP_REQUEST))
        assert server.layer.counts(THERE).connections_broken == 1
        # The client may not have learned yet that its connection is gone.
        assert await server.code_of(b"x", timeout_s=SHORT_S) in {"DEADLINE_EXCEEDED", "UNAVAILABLE"}
        assert server.asked == [("Ask", b"before")]


async def test_what_a_delay_holds_when_a_cut_comes_never_arrives() -> None:
    async with callee() as server:
        late = Meddled(Meddling.DELAY, methods=("Late",), latency_ns=HOUR)
        await server.layer.impose([THERE], late)
        asked = asyncio.ensure_future(server.code_of(b"x", "Late"))
        await server.until(lambda: server.layer.counts(THERE).requests_delayed == 1)
        await server.layer.impose([THERE, BACK], Cut())
        assert "broke 1 connection" in await server.layer.heal()
        assert await asked == "UNAVAILABLE"
        # The client may not have learned at once that its connection is gone.
        while await server.code_of(b"z") == "UNAVAILABLE":
            pass
        assert server.asked[-1] == ("Ask", b"z")
        assert ("Late", b"x") not in server.asked
