from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from nemesis.proxy.control import ProxyLayer
from system_under_test.conditions import Cut
from system_under_test.control import Link
from system_under_test.gossip_raft.core.messages import (
    AckEntries,
    AddServer,
    Body,
    Heartbeat,
    HeartbeatReply,
    Message,
    NotLeader,
    PullEntries,
    PutEntries,
    UpdatePosition,
)
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    ClientId,
    Nanos,
    NodeId,
    Raw,
    RequestId,
    Session,
    Term,
)
from system_under_test.gossip_raft.runtime import network as module
from system_under_test.gossip_raft.runtime import rpc
from system_under_test.gossip_raft.runtime.calls import Call
from system_under_test.gossip_raft.runtime.client import Connections
from system_under_test.gossip_raft.runtime.codec import Codec, WireRequest
from system_under_test.gossip_raft.runtime.errors import CodecError, PortInUse
from system_under_test.gossip_raft.runtime.network import GrpcNetwork
from system_under_test.gossip_raft.runtime.rpc import GATEWAY, GOSSIP_RAFT, Peer, start_server

TIMEOUT = Nanos(3_000_000_000)
"""Longer than a busy machine may stall; only tests of deadlines wait for it."""


def message(body: Body, request: int = 1, source: str = "n0", target: str = "n1") -> Message:
    return Message(source, target, RequestId(request), Term(1), (), body)


class Waiting(dict[tuple[str, RequestId], Any]):
    """The questions that wait for an answer; tells which ones go."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten: asyncio.Queue[tuple[str, RequestId]] = asyncio.Queue()

    def __delitem__(self, key: tuple[str, RequestId]) -> None:
        super().__delitem__(key)
        self.forgotten.put_nowait(key)


class End:
    """A network and what it received."""

    def __init__(self, node: str, peers: Mapping[NodeId, str], cluster: str = "test") -> None:
        self.network = GrpcNetwork(NodeId(node), peers, Codec(cluster), TIMEOUT)
        self.received: asyncio.Queue[Message] = asyncio.Queue()
        self.network.deliver_to(self.received.put_nowait)
        self.waiting = self.network._waiting = Waiting()

    async def listen(self) -> str:
        return f"127.0.0.1:{await self.network.listen('127.0.0.1:0')}"

    async def next(self) -> Message:
        async with asyncio.timeout(10):
            return await self.received.get()

    async def forgets(self) -> tuple[str, RequestId]:
        """Who asked what, of the next question that is forgotten or answered."""
        async with asyncio.timeout(10):
            return await self.waiting.forgotten.get()

    async def calls_end(self, return_when: str = asyncio.ALL_COMPLETED) -> None:
        calls = self.network._calls
        if not calls:
            return  # They were quicker than the question for them.
        _, pending = await asyncio.wait(calls, timeout=10, return_when=return_when)
        assert not pending or return_when == asyncio.FIRST_COMPLETED


@pytest_asyncio.fixture
async def ends() -> AsyncIterator[tuple[End, End]]:
    """n0, which knows n1, and n1, which knows nobody."""
    n1 = End("n1", {})
    n0 = End("n0", {NodeId("n1"): await n1.listen()})
    yield n0, n1
    await n0.network.close()
    await n1.network.close()


async def test_a_reply_comes_back_to_the_one_who_asked(ends: tuple[End, End]) -> None:
    n0, n1 = ends
    for request in (1, 2):
        question = message(Heartbeat(), request)
        n0.network.send(question)
        assert await n1.next() == question
        reply = message(HeartbeatReply(), request, "n1", "n0")
        n1.network.send(reply)
        n1.network.send(reply)  # Repeated: nobody waits for it any more.
        assert await n0.next() == reply
    assert n0.received.empty()


async def test_a_node_that_no_configuration_names_is_looked_up(ends: tuple[End, End]) -> None:
    n0, _ = ends
    n2 = End("n2", {})
    addresses = {NodeId("n2"): await n2.listen()}
    n0.network.find_with(addresses.get)
    question = message(Heartbeat(), target="n2")
    n0.network.send(question)
    assert await n2.next() == question
    await n2.network.close()


async def test_a_server_elsewhere_is_not_let_in(ends: tuple[End, End]) -> None:
    n0, n1 = ends
    for address in ("10.0.0.1:7000", "127.0.0.1:7000"):
        n0.network.send(message(AddServer(NodeId("n9"), address)))
    assert (await n1.next()).body == AddServer(NodeId("n9"), "127.0.0.1:7000")
    await n0.calls_end()
    assert n1.received.empty()


async def test_replies_may_overtake_each_other(ends: tuple[End, End]) -> None:
    n0, n1 = ends
    for request in (1, 2):
        n0.network.send(message(Heartbeat(), request))
        await n1.next()
    for request in (2, 1):
        n1.network.send(message(HeartbeatReply(), request, "n1", "n0"))
        assert (await n0.next()).request == request


async def test_a_question_without_answer_is_forgotten_at_its_deadline(
    ends: tuple[End, End],
) -> None:
    n0, n1 = ends
    n0.network.send(message(Heartbeat()))
    await n1.next()
    assert await n1.forgets() == ("n0", 1)
    await n0.calls_end()
    n1.network.send(message(HeartbeatReply(), 1, "n1", "n0"))
    assert n0.received.empty()


async def test_a_pull_may_wait_longer_than_other_questions(ends: tuple[End, End]) -> None:
    n0, n1 = ends
    n0.network.send(message(PullEntries(ORIGIN, ORIGIN, 1, Nanos(60_000_000_000)), request=1))
    await n1.next()
    n0.network.send(message(Heartbeat(), request=2))
    await n1.next()
    assert await n1.forgets() == ("n0", 2)
    assert list(n1.waiting) == [("n0", 1)]


async def test_a_caller_that_goes_away_is_forgotten(ends: tuple[End, End]) -> None:
    n0, n1 = ends
    n0.network.send(message(PullEntries(ORIGIN, ORIGIN, 1, Nanos(60_000_000_000))))
    await n1.next()
    await n0.network.close()
    assert await n1.forgets() == ("n0", 1)


async def test_a_repeated_question_takes_the_place_of_the_first(ends: tuple[End, End]) -> None:
    n0, n1 = ends
    pull = message(PullEntries(ORIGIN, ORIGIN, 1, Nanos(60_000_000_000)))
    n0.network.send(pull)
    await n1.next()
    n0.network.send(pull)
    await n1.next()
    await n0.calls_end(asyncio.FIRST_COMPLETED)
    assert len(n0.network._calls) == 1
    assert list(n1.waiting) == [("n0", 1)]


async def test_messages_to_nobody_are_lost_quietly(ends: tuple[End, End]) -> None:
    n0, n1 = ends
    await n1.network.close()
    n0.network.send(message(Heartbeat()))
    n0.network.send(message(Heartbeat(), 2, target="somebody"))
    ack = AckEntries(Session(ClientId("c"), 1), NotLeader(None))
    n0.network.send(message(ack, 3, target="192.0.2.1:80"))
    await n0.calls_end()
    assert n0.received.empty()


async def test_acknowledgements_go_to_the_address_given(ends: tuple[End, End]) -> None:
    acknowledged: asyncio.Queue[Message] = asyncio.Queue()
    codec = Codec("test")

    def serve(request: Any, call: Call) -> None:
        acknowledged.put_nowait(codec.decode(request))
        call.answer(codec.acknowledgement(codec.decode(request)))

    server, port = await start_server(GATEWAY, serve, "127.0.0.1:0")
    ack = AckEntries(Session(ClientId("c"), 1), NotLeader(NodeId("n1")))
    sent = message(ack, target=f"127.0.0.1:{port}")
    ends[0].network.send(sent)
    async with asyncio.timeout(10):
        assert await acknowledged.get() == sent
    await ends[0].calls_end()
    assert ends[0].received.empty()
    await server.stop(grace=None)


@pytest.mark.parametrize(
    ("cluster", "target", "problem"),
    [("other", "n1", "cluster 'other'"), ("test", "n2", "this is n1, not n2")],
)
async def test_what_is_not_meant_for_a_node_does_not_reach_it(
    cluster: str, target: str, problem: str
) -> None:
    n1 = End("n1", {})
    peer = Peer(await n1.listen())
    request = Codec(cluster).encode(message(UpdatePosition(), target=target))
    with pytest.raises(grpc.aio.AioRpcError, match=problem) as caught:
        await peer.call(request, 10)  # type: ignore[arg-type]
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert n1.received.empty()
    await peer.channel.close()
    await n1.network.close()


async def test_calls_to_a_silent_peer_are_bounded(
    ends: tuple[End, End], monkeypatch: pytest.MonkeyPatch
) -> None:
    n0, n1 = ends
    monkeypatch.setattr(module, "IN_FLIGHT_MAX", 3)
    pull = message(PullEntries(ORIGIN, ORIGIN, 1, Nanos(60_000_000_000)))
    for request in range(10):
        n0.network.send(pull._replace(request=RequestId(request)))
    assert {(await n1.next()).request for _ in range(3)} == {0, 1, 2}
    assert len(n0.network._calls) == 3


async def test_after_falling_silent_nothing_enters_or_leaves(ends: tuple[End, End]) -> None:
    n0, n1 = ends
    n1.network.fall_silent()
    n0.network.send(message(Heartbeat()))
    await n0.calls_end()
    assert n1.received.empty()


async def hears(end: End, teller: End, said: Message) -> Message:
    """What ``end`` hears first of ``teller``, which repeats itself: connecting takes a moment."""
    heard = asyncio.ensure_future(end.received.get())
    while not heard.done():
        teller.network.send(said)
        waited_for: list[asyncio.Future[Any]] = [heard, *teller.network._calls]
        await asyncio.wait(waited_for, return_when=asyncio.FIRST_COMPLETED)
    return heard.result()


async def test_a_stream_that_breaks_is_replaced_and_nothing_waits_on_it(
    ends: tuple[End, End],
) -> None:
    n0, n1 = ends
    pull = message(PullEntries(ORIGIN, ORIGIN, 1, Nanos(60_000_000_000)))
    n0.network.send(pull)
    assert await n1.next() == pull
    await n1.network.close()
    await n0.calls_end()
    again = End("n1", {})
    address = n0.network._addresses[NodeId("n1")]
    async with asyncio.timeout(20):
        assert f"127.0.0.1:{await again.network.listen(address)}" == address
        assert (await hears(again, n0, message(Heartbeat(), 2))).request == 2
    await again.network.close()


async def test_nothing_that_was_sent_into_a_cut_link_comes_out_when_it_heals() -> None:
    link = Link("n0", "n1")
    n1 = End("n1", {})
    host, _, port = (await n1.listen()).rpartition(":")
    async with ProxyLayer(["n0", "n1"], random.Random(1)) as proxies:
        proxies.retarget("n1", host, int(port))
        proxy = proxies.address("n0", "n1")
        n0 = End("n0", {NodeId("n1"): f"{proxy[0]}:{proxy[1]}"})
        before, lost, after = (message(Heartbeat(), request) for request in (1, 2, 3))
        n0.network.send(before)
        assert await n1.next() == before
        n1.network.send(message(HeartbeatReply(), 1, "n1", "n0"))
        await n0.next()
        await proxies.impose([link], Cut())
        n0.network.send(lost)
        await n0.calls_end()
        await proxies.heal()
        async with asyncio.timeout(20):
            assert await hears(n1, n0, after) == after
        await n0.network.close()
        await n1.network.close()


async def test_a_busy_port_is_refused() -> None:
    first = End("n0", {})
    address = await first.listen()
    with pytest.raises(PortInUse, match=address):
        await start_server(GOSSIP_RAFT, None, address)  # type: ignore[arg-type]
    await first.network.close()


async def test_a_message_beyond_the_limit_is_refused_with_both_sizes(
    ends: tuple[End, End], monkeypatch: pytest.MonkeyPatch
) -> None:
    n0, n1 = ends
    address = n0.network._addresses[NodeId("n1")]
    large = (Raw("x" * rpc.MESSAGE_BYTES_MAX),)
    body = PutEntries(Session(ClientId("c"), 1), large)
    connections = Connections({NodeId("n1"): address}, "test")
    try:
        with pytest.raises(CodecError, match=f"at most {rpc.MESSAGE_BYTES_MAX}, not sent"):
            await connections.ask(message(body), 10.0)
        # A client of another make sends it all the same.
        monkeypatch.setattr(rpc, "CHANNEL_OPTIONS", (("grpc.max_send_message_length", -1),))
        stranger = Peer(address)
        encoded = Codec("test").encode(message(body))
        assert isinstance(encoded, WireRequest)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stranger.call(encoded, 10.0)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert str(rpc.MESSAGE_BYTES_MAX) in (refused.value.details() or "")
        await stranger.channel.close()
    finally:
        await connections.close()
    assert n1.received.empty()
