from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest

from system_under_test.gossip_raft.core.client_session import (
    Answered,
    ClientSession,
    Execute,
    Refused,
    SessionTimeouts,
    TimedOut,
)
from system_under_test.gossip_raft.core.messages import (
    AckEntries,
    Body,
    Forwarded,
    GetStatus,
    Lost,
    Message,
    NotLeader,
    PutEntries,
    Results,
)
from system_under_test.gossip_raft.core.types import (
    Applied,
    ClientId,
    LogIndex,
    Nanos,
    NodeId,
    Position,
    Put,
    RequestId,
    Term,
)
from system_under_test.gossip_raft.runtime.calls import Call
from system_under_test.gossip_raft.runtime.client import Connections, GrpcClient, SessionRunner
from system_under_test.gossip_raft.runtime.cluster import ReservedPort
from system_under_test.gossip_raft.runtime.codec import Codec
from system_under_test.gossip_raft.runtime.errors import CodecError, NotConnected
from system_under_test.gossip_raft.runtime.rpc import GOSSIP_RAFT, start_server

N0 = NodeId("n0")
WRITE = Execute((Put("x", 1),))
RESULTS = Results(Position(Term(1), LogIndex(2)), (Applied(),))
QUESTION = Message("c", N0, RequestId(1), Term(0), (), GetStatus())
TIMEOUTS = SessionTimeouts(attempt=Nanos(200_000_000), operation=Nanos(600_000_000))
PATIENCE = SessionTimeouts(attempt=Nanos(10_000_000_000), operation=Nanos(20_000_000_000))


class FakeNode:
    """Answers every request with ``body``, breaks it off if that is ``None``, or is silent."""

    def __init__(self, body: Body | None, *, silent: bool = False) -> None:
        self.body = body
        self.silent = silent
        self.asked: list[Message] = []
        self.was_asked = asyncio.Event()
        self.address = ""
        self._codec = Codec("test")

    def _serve(self, request: Any, call: Call) -> None:
        message = self._codec.decode(request)
        self.asked.append(message)
        self.was_asked.set()
        if self.silent:
            return
        if self.body is None:
            call.refuse(grpc.StatusCode.UNAVAILABLE, "broken off")
            return
        reply = message._replace(source=message.target, target=message.source, body=self.body)
        call.answer(self._codec.encode(reply))

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FakeNode]:
        server, port = await start_server(GOSSIP_RAFT, self._serve, "127.0.0.1:0")
        self.address = f"127.0.0.1:{port}"
        yield self
        await server.stop(grace=None)


def client_of(address: str, timeouts: SessionTimeouts = TIMEOUTS) -> GrpcClient:
    return GrpcClient(ClientId("c"), {N0: address}, N0, "test", timeouts)


async def test_an_answer_ends_the_call() -> None:
    async with FakeNode(RESULTS).serving() as node:
        client = client_of(node.address, PATIENCE)
        for _ in range(2):
            assert await client.call(WRITE) == Answered(RESULTS)
        sessions = [m.body.session.sequence for m in node.asked if isinstance(m.body, PutEntries)]
        assert sessions == [1, 2]
        await client.close()


async def test_a_witness_hears_how_every_transmission_ended() -> None:
    heard: list[tuple[Message, int, int, Message | str]] = []

    def witness(*told: Any) -> None:
        heard.append(told)

    def client_at(address: str, timeouts: SessionTimeouts) -> GrpcClient:
        return GrpcClient(ClientId("c"), {N0: address}, N0, "test", timeouts, witness=witness)

    async with FakeNode(RESULTS).serving() as node:
        client = client_at(node.address, PATIENCE)
        await client.call(WRITE)
        ((asked, sent, ended, came),) = heard
        assert asked.target == N0
        assert 0 < sent <= ended
        assert isinstance(came, Message)
        assert came.body == RESULTS
        await client.close()
    heard.clear()
    async with FakeNode(RESULTS, silent=True).serving() as node:
        client = client_at(node.address, TIMEOUTS)
        assert isinstance(await client.call(WRITE), TimedOut)
        await client.close()
    assert heard
    assert {came for *_, came in heard} == {"gave no answer in time"}


async def test_a_closed_port_is_surely_not_reached() -> None:
    port = ReservedPort()
    connections = Connections({N0: port.address}, "test")
    with pytest.raises(NotConnected, match="n0 cannot be reached"):
        await connections.ask(QUESTION, 10)
    await connections.close()
    port.close()


async def test_a_link_that_swallows_everything_is_surely_not_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # Connects, as the kernel does that.
        connections = Connections({N0: f"127.0.0.1:{silent.getsockname()[1]}"}, "test")
        with pytest.raises(NotConnected, match="n0 cannot be reached"):
            await connections.ask(QUESTION, 10)
        await connections.close()


async def test_an_operation_that_was_never_sent_is_refused_and_the_client_lives() -> None:
    port = ReservedPort()
    client = client_of(port.address)
    for _ in range(2):
        assert isinstance(await client.call(WRITE), Refused)
        assert not client.dead
    await client.close()
    port.close()


async def test_so_shortly_before_its_deadline_an_operation_is_not_sent() -> None:
    async with FakeNode(RESULTS).serving() as node:
        hasty = SessionTimeouts(attempt=Nanos(10_000_000), operation=Nanos(10_000_000))
        client = client_of(node.address, hasty)
        assert isinstance(await client.call(WRITE), Refused)
        assert node.asked == []
        await client.close()


async def test_a_call_that_broke_off_is_of_unknown_fate() -> None:
    async with FakeNode(None).serving() as node:
        client = client_of(node.address)
        assert isinstance(await client.call(WRITE), TimedOut)
        assert client.dead
        assert node.asked
        await client.close()


async def test_what_waits_on_a_connection_that_breaks_is_of_unknown_fate() -> None:
    async with FakeNode(None, silent=True).serving() as node:
        second = Nanos(1_000_000_000)
        client = client_of(node.address, SessionTimeouts(attempt=second, operation=second))
        call = asyncio.get_running_loop().create_task(client.call(WRITE))
        async with asyncio.timeout(10):
            await node.was_asked.wait()
    # The node is gone: whether before or after it did what it was asked, nobody knows.
    assert isinstance(await call, TimedOut)
    assert client.dead
    await client.close()


async def test_an_answer_that_makes_no_sense_is_of_unknown_fate() -> None:
    async with FakeNode(RESULTS).serving() as node:
        other = GrpcClient(ClientId("c"), {N0: node.address}, N0, "other", TIMEOUTS)
        # The node breaks on another cluster's message; the client cannot know what it did.
        assert isinstance(await other.call(WRITE), TimedOut)
        await other.close()


async def test_what_cannot_be_encoded_is_the_callers_fault() -> None:
    async with FakeNode(RESULTS).serving() as node:
        client = client_of(node.address)
        with pytest.raises(CodecError, match="PutEntries to n0"):
            await client.call(Execute((Put("x", 2**63),)))
        assert node.asked == []
        await client.close()


@pytest.mark.parametrize(
    ("answer", "ending"),
    [(RESULTS, Answered), (Lost("deposed"), TimedOut), (NotLeader(None), TimedOut)],
)
async def test_an_acknowledgement_answers_a_write(
    answer: Results | Lost | NotLeader, ending: type[object]
) -> None:
    async with FakeNode(Forwarded(NodeId("n1"))).serving() as node:
        connections = Connections({N0: node.address}, "test")
        timeouts = PATIENCE if ending is Answered else TIMEOUTS
        session = ClientSession(ClientId("c"), (N0,), N0, timeouts)
        runner = SessionRunner(session, connections, timeouts, acknowledge_to="127.0.0.1:1")
        call = asyncio.get_running_loop().create_task(runner.call(WRITE))
        async with asyncio.timeout(10):
            await node.was_asked.wait()
        asked = node.asked[0].body
        assert isinstance(asked, PutEntries)
        assert asked.acknowledge_to == "127.0.0.1:1"

        stale = replace(asked.session, sequence=99)
        runner.acknowledge(AckEntries(stale, RESULTS))
        runner.acknowledge(AckEntries(asked.session, answer))
        assert isinstance(await call, ending)
        runner.acknowledge(AckEntries(asked.session, answer))
        await connections.close()
