"""Bytes and envelopes that nobody honest sends, to a real in-process node.

Whatever comes, the node lives on, and what it refuses leaves term, log, commit point and
leadership as they were.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protos.generated import gossip_raft_pb2 as wire
from system_under_test.gossip_raft.core.messages import (
    Body,
    GetStatus,
    GossipRecord,
    Heartbeat,
    Message,
    PullEntries,
    PutEntries,
    ReadKeys,
    ReadLog,
    RequestVote,
    Status,
    UpdatePosition,
)
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    Incarnation,
    LogIndex,
    NodeId,
    Position,
    RequestId,
    Term,
)
from system_under_test.gossip_raft.runtime.calls import parse_request
from system_under_test.gossip_raft.runtime.codec import Codec
from system_under_test.gossip_raft.runtime.errors import CodecError
from system_under_test.gossip_raft.runtime.rpc import (
    CHANNEL_OPTIONS,
    GATEWAY,
    GOSSIP_RAFT,
    METHODS,
    Method,
)
from tests.system_under_test.runtime.in_process import NOBODY, NodeInProcess, node_in_process
from tests.system_under_test.runtime.messages import BODIES, messages

ALL = [method for service in (GOSSIP_RAFT, GATEWAY) for method in METHODS[service]]
BY_NAME = {method.path.rpartition("/")[2]: method for method in ALL}
ENVELOPE = wire.Envelope(
    cluster="test", source="n1", target="n0", request=1, term=99, gossip=wire.GossipMap()
)
EXCHANGE_PATH = "/hearsay.gossip_raft.GossipRaft/ExchangeRPC"
UNKNOWN = b"\xfa\x3f\x03abc"
"""Field 1023, which no message has."""
LONG = Position(Term(99), LogIndex(99))
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""Other tests may have the processor."""


@pytest_asyncio.fixture
async def node(tmp_path: Path) -> AsyncIterator[NodeInProcess]:
    async with node_in_process(tmp_path / "n0") as running:
        yield running


def state(node: NodeInProcess) -> Status:
    """All of its status that only messages it believes can change while n1 is away."""
    status = node.status
    return replace(status, role="", leader=None, records=(), suspected=())


async def send(node: NodeInProcess, path: str, data: bytes, *, timeout_s: float = 5) -> None:
    options = (*CHANNEL_OPTIONS, ("grpc.max_send_message_length", -1))
    async with grpc.aio.insecure_channel(node.address, options=options) as channel:
        call: Any = channel.unary_unary(path)
        await call(data, timeout=timeout_s)


async def code_of(node: NodeInProcess, path: str, data: bytes) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await send(node, path, data)
    return caught.value.code()


@pytest.mark.parametrize("method", METHODS[GOSSIP_RAFT], ids=lambda m: m.path.rpartition("/")[2])
async def test_bytes_that_are_no_message_are_refused_by_every_method(
    node: NodeInProcess, method: Method
) -> None:
    before = state(node)
    full = method.request(envelope=ENVELOPE).SerializeToString()
    for data in (
        b"",  # Nothing set at all.
        b"\xff" * 20,
        full[:-1],
        b"\x0a\x02\x0a\x01",
        b"\x0a\x04\x0a\x02\xc3\x28",  # A cluster that is not UTF-8.
        b"\x0b" * 200,  # Groups in groups, not ended.
        full + UNKNOWN,
        method.request(envelope=_with_unknown(ENVELOPE)).SerializeToString(),
    ):
        assert await code_of(node, method.path, data) is grpc.StatusCode.INVALID_ARGUMENT, data
    assert state(node) == before
    assert "Traceback" not in node.log()


async def test_bytes_that_are_no_message_are_refused_one_by_one_in_a_stream(
    node: NodeInProcess,
) -> None:
    before = state(node)
    full = wire.HeartbeatRequest(envelope=ENVELOPE).SerializeToString()
    bad = [(method.name, full + UNKNOWN) for method in METHODS[GOSSIP_RAFT]]
    bad += [("HeartbeatRPC", b""), ("HeartbeatRPC", b"\xff" * 20), ("NoRPC", full)]
    questions = [
        wire.Question(number=number, method=name, request=data, timeout_ns=10**10)
        for number, (name, data) in enumerate(bad)
    ]
    codes = {answer.number: answer.code for answer in await exchange(node, questions)}
    unknown = codes.pop(len(bad) - 1)
    assert unknown == grpc.StatusCode.UNIMPLEMENTED.value[0]
    assert set(codes.values()) == {grpc.StatusCode.INVALID_ARGUMENT.value[0]}
    assert state(node) == before
    # The control: the same without unknown fields, in one message with another bad one.
    questions = [
        wire.Question(number=1, method="HeartbeatRPC", request=b"?", timeout_ns=10**10),
        wire.Question(number=2, method="HeartbeatRPC", request=full, timeout_ns=10**10),
    ]
    refused, answered = sorted(await exchange(node, questions), key=lambda a: a.number)
    assert (refused.code, answered.code) == (3, 0)
    assert wire.HeartbeatReply.FromString(answered.reply).envelope.source == "n0"
    assert node.status.term >= 99 > before.term
    assert "Traceback" not in node.log()


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 20,
        wire.Questions(questions=[wire.Question(number=1)]).SerializeToString() + UNKNOWN,
    ],
)
async def test_a_stream_of_bytes_that_are_no_questions_is_refused(
    node: NodeInProcess, data: bytes
) -> None:
    before = state(node)
    async with grpc.aio.insecure_channel(node.address) as channel:
        stream: Any = channel.stream_stream(EXCHANGE_PATH)(timeout=5)
        await stream.write(data)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.read()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert state(node) == before
    assert "a stream is refused" in node.log()
    assert "Traceback" not in node.log()


async def exchange(node: NodeInProcess, questions: list[wire.Question]) -> list[wire.Answer]:
    """All answers to questions in one message, as any client would ask them."""
    async with grpc.aio.insecure_channel(node.address) as channel:
        stream: Any = channel.stream_stream(EXCHANGE_PATH)(timeout=10)
        await stream.write(wire.Questions(questions=questions).SerializeToString())
        await stream.done_writing()
        return [answer async for data in stream for answer in wire.Answers.FromString(data).answers]


def _with_unknown(envelope: wire.Envelope) -> wire.Envelope:
    return wire.Envelope.FromString(envelope.SerializeToString() + UNKNOWN)


def put(*commands: wire.Command, **envelope: Any) -> wire.PutEntriesRequest:
    changed = wire.Envelope()
    changed.CopyFrom(ENVELOPE)
    for name, value in envelope.items():
        setattr(changed, name, value)
    return wire.PutEntriesRequest(
        envelope=changed, session=wire.Session(client="c", sequence=1), commands=commands
    )


@pytest.mark.parametrize(
    ("method", "request_", "problem"),
    [
        ("HeartbeatRPC", wire.HeartbeatRequest(), "envelope is missing"),
        (
            "HeartbeatRPC",
            wire.HeartbeatRequest(envelope=wire.Envelope(cluster="other", term=99)),
            "of cluster 'other'",
        ),
        (
            "HeartbeatRPC",
            wire.HeartbeatRequest(envelope=wire.Envelope(cluster="test", term=99)),
            "gossip is missing",
        ),
        ("PutEntriesRPC", put(target="n1"), "this is n0, not n1"),
        ("PutEntriesRPC", put(target=""), "this is n0"),
        ("PutEntriesRPC", put(cluster=""), "of cluster ''"),
        ("PutEntriesRPC", put(wire.Command()), "Command says none of its alternatives"),
        ("PutEntriesRPC", put(wire.Command(put=wire.Put(key="x"))), "value is missing"),
        (
            "PutEntriesRPC",
            put(wire.Command(put=wire.Put(key="x", value=wire.Scalar()))),
            "Scalar says none",
        ),
        (
            "PutEntriesRPC",
            wire.PutEntriesRequest(envelope=ENVELOPE),
            "session is missing",
        ),
        ("RequestVoteRPC", wire.VoteRequest(envelope=ENVELOPE, term=99), "last is missing"),
        (
            "RequestVoteRPC",
            wire.VoteRequest(envelope=ENVELOPE, term=2**64 - 1, last=wire.Position()),
            "a term that no cluster reaches",
        ),
        ("PutEntriesRPC", put(term=2**63), "a term that no cluster reaches"),
        ("PullEntriesRPC", wire.PullEntriesRequest(envelope=ENVELOPE), "last is missing"),
        ("ReadRPC", wire.ReadRequest(envelope=ENVELOPE, keys=["x"]), "consistency 0"),
        (
            "ReadRPC",
            wire.ReadRequest.FromString(
                wire.ReadRequest(envelope=ENVELOPE).SerializeToString() + b"\x18\x63"
            ),
            "consistency 99",
        ),
    ],
)
async def test_an_envelope_or_body_that_cannot_be_is_refused_and_changes_nothing(
    node: NodeInProcess, method: str, request_: Any, problem: str
) -> None:
    before = state(node)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await send(node, BY_NAME[method].path, request_.SerializeToString())
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert problem in str(caught.value.details())
    assert state(node) == before
    assert problem in node.log().replace('\\"', '"')


async def test_a_well_formed_envelope_of_a_peer_does_change_the_term(node: NodeInProcess) -> None:
    # The control of all above: these refusals were not for a deaf node's sake.
    before = node.status.term
    request = wire.HeartbeatRequest(envelope=ENVELOPE)
    await send(node, BY_NAME["HeartbeatRPC"].path, request.SerializeToString())
    assert node.status.term >= 99 > before


async def test_a_huge_message_is_refused_with_a_clear_status(node: NodeInProcess) -> None:
    before = state(node)
    huge = wire.Command(raw=wire.Raw(json="x" * (64 * 1024 * 1024)))
    data = put(huge).SerializeToString()
    path = BY_NAME["PutEntriesRPC"].path
    assert await code_of(node, path, data) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert state(node) == before


@pytest.mark.parametrize("path", ["/nowhere", "/hearsay.gossip_raft.GossipRaft/NoRPC", "/"])
async def test_methods_that_are_not_there_are_not_served(node: NodeInProcess, path: str) -> None:
    assert await code_of(node, path, b"") is grpc.StatusCode.UNIMPLEMENTED


async def test_what_does_not_even_speak_http2_is_hung_up_on(node: NodeInProcess) -> None:
    before = state(node)
    host, port = node.address.split(":")
    for data in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 4096, b"\x16\x03\x01" + b"\xff" * 100):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(data)
        async with asyncio.timeout(10):
            with contextlib.suppress(ConnectionResetError):
                while await reader.read(4096):
                    pass
        writer.close()
    assert state(node) == before


async def test_a_strangers_term_is_not_heeded_unless_its_log_is_longer(node: NodeInProcess) -> None:
    before = state(node)
    for last, said_of, heeded in (
        (before.last, "n7", False),
        (LONG, "n1", False),  # What it says of others is no reason.
        (LONG, "n7", True),  # It may be a member (PROTOCOL D12).
    ):
        record = GossipRecord(
            node=NodeId(said_of),
            incarnation=Incarnation(1),
            counter=1,
            term=Term(99),
            leader=None,
            last=last,
            commit=ORIGIN,
            source=None,
            unreachable=(),
        )
        said = Message("n7", "n0", RequestId(1), Term(99), (record,), Heartbeat())
        data = Codec("test").encode(said).SerializeToString()
        if heeded:
            await send(node, BY_NAME["HeartbeatRPC"].path, data)
        else:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await send(node, BY_NAME["HeartbeatRPC"].path, data, timeout_s=0.5)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert state(node).term == (99 if heeded else before.term)
    assert replace(state(node), term=before.term) == before


REQUESTS = [body for body in BODIES if f"{body.__name__}" in {"PutEntries", "ReadKeys", "ReadLog"}]


@settings(UNHURRIED)
@given(st.data())
def test_decoding_any_bytes_gives_a_message_or_a_codec_error(data: st.DataObject) -> None:
    method = data.draw(st.sampled_from(ALL))
    raw = data.draw(st.binary(max_size=200))
    with contextlib.suppress(CodecError):
        Codec("test").decode(parse_request(method.request, raw))


@settings(UNHURRIED)
@given(st.data())
def test_decoding_a_damaged_message_gives_a_message_or_a_codec_error(data: st.DataObject) -> None:
    codec = Codec("test")
    message = data.draw(st.sampled_from(list(BODIES.values())).flatmap(messages))
    raw = bytearray(codec.encode(message).SerializeToString())
    kind = type(codec.encode(message))
    for _ in range(data.draw(st.integers(0, 3))):
        if raw:
            raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    extra = data.draw(st.binary(max_size=8))
    with contextlib.suppress(CodecError):
        codec.decode(parse_request(kind, bytes(raw[:cut]) + extra))


@settings(UNHURRIED)
@given(st.data())
def test_unknown_fields_at_any_depth_are_refused(data: st.DataObject) -> None:
    codec = Codec("test")
    message = data.draw(st.sampled_from(list(BODIES.values())).flatmap(messages))
    encoded: Any = codec.encode(message)
    assert parse_request(type(encoded), encoded.SerializeToString()) == encoded
    holders = [encoded]
    for holder in holders:
        for field, value in holder.ListFields():
            if field.message_type is not None:
                holders += list(value) if field.is_repeated else [value]
    data.draw(st.sampled_from(holders)).MergeFromString(UNKNOWN)
    with pytest.raises(CodecError, match="unknown fields"):
        parse_request(type(encoded), encoded.SerializeToString())


FROM_CLIENTS = (GetStatus, PutEntries, ReadKeys, ReadLog)
FROM_PEERS = (Heartbeat, RequestVote, PullEntries, UpdatePosition, PutEntries)


def requests(*kinds: type[Body]) -> st.SearchStrategy[list[Message]]:
    any_body = st.one_of(*(BODIES[kind] for kind in kinds))
    return st.lists(messages(any_body), min_size=1, max_size=12)


async def survives(said: list[Message], source: str, peer: str | None) -> Status:
    """How a node of its own is after all of ``said``, from ``source`` and at once."""
    codec = Codec("test")
    with tempfile.TemporaryDirectory() as directory:
        async with node_in_process(Path(directory), peer=peer) as node:
            async with grpc.aio.insecure_channel(node.address) as channel:
                calls = []
                for number, message in enumerate(said):
                    encoded: Any = codec.encode(
                        message._replace(source=source, target="n0", request=RequestId(number))
                    )
                    method = next(m for m in ALL if m.request is type(encoded))
                    call: Any = channel.unary_unary(method.path)
                    calls.append(call(encoded.SerializeToString(), timeout=0.1))
                await asyncio.gather(*calls, return_exceptions=True)
            assert "the node stops" not in node.log()
            return node.status


@settings(UNHURRIED, max_examples=40)
@given(requests(*FROM_CLIENTS))
def test_whatever_well_formed_clients_say_a_node_lives_on(said: list[Message]) -> None:
    status = asyncio.run(survives(said, "c", peer=None))
    assert status.term < 10  # Whatever term a client's envelope claims.


@settings(UNHURRIED, max_examples=40)
@given(requests(*FROM_PEERS))
def test_whatever_well_formed_peers_say_a_node_lives_on(said: list[Message]) -> None:
    asyncio.run(survives(said, "n1", peer=NOBODY))
