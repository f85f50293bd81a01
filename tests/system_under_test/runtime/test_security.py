"""Real in-process nodes behind mutual TLS: who is heard, and who gets nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from system_under_test.gossip_raft.core.client_session import SessionTimeouts
from system_under_test.gossip_raft.core.messages import (
    AckEntries,
    Body,
    GetStatus,
    Heartbeat,
    HeartbeatReply,
    Message,
    NotLeader,
    PutEntries,
    RequestVote,
    Status,
    UpdatePosition,
)
from system_under_test.gossip_raft.core.types import (
    ClientId,
    Nanos,
    NodeId,
    Position,
    Put,
    RequestId,
    Session,
    Term,
)
from system_under_test.gossip_raft.runtime.certificates import make_certificates
from system_under_test.gossip_raft.runtime.client import Connections
from system_under_test.gossip_raft.runtime.codec import Codec, WireRequest
from system_under_test.gossip_raft.runtime.configuration import Configuration, parse_configuration
from system_under_test.gossip_raft.runtime.errors import ConfigurationError, NotConnected
from system_under_test.gossip_raft.runtime.gateway import GatewayService
from system_under_test.gossip_raft.runtime.network import GrpcNetwork
from system_under_test.gossip_raft.runtime.rpc import Peer
from system_under_test.gossip_raft.runtime.security import (
    CLIENTS,
    Security,
    load_security,
    security_of,
)
from tests.system_under_test.runtime.in_process import NodeInProcess, node_in_process

NOW = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
N0, N1 = NodeId("n0"), NodeId("n1")


def message(body: Body, source: str, term: int = 7) -> Message:
    return Message(source, N0, RequestId(1), Term(term), (), body)


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    make_certificates(tmp_path / "tls", ["n0", "n1"], NOW)
    return tmp_path / "tls"


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Of another cluster, with the same names."""
    make_certificates(tmp_path / "foreign", ["n0", "n1"], NOW)
    return tmp_path / "foreign"


@pytest_asyncio.fixture
async def node(tmp_path: Path, certificates: Path) -> AsyncIterator[NodeInProcess]:
    """n0 of n0 and n1, of which n1 is nowhere."""
    async with node_in_process(tmp_path / "n0", certificates) as running:
        yield running


async def tell(
    node: NodeInProcess, said: Message, security: Security | None, name: str = "n0"
) -> Message:
    """The answer to one message; the connection is closed again."""
    codec = Codec("test")
    peer = Peer(node.address, security, name)
    try:
        request = codec.encode(said)
        assert isinstance(request, WireRequest)
        return codec.decode(await peer.call(request, 5.0))
    finally:
        await peer.channel.close()


async def code_of(
    node: NodeInProcess, said: Message, security: Security | None, name: str = "n0"
) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await tell(node, said, security, name)
    return caught.value.code()


async def test_holders_of_the_clusters_certificates_are_served(
    node: NodeInProcess, certificates: Path
) -> None:
    answer = await tell(node, message(GetStatus(), "c1"), load_security(certificates, CLIENTS))
    assert isinstance(answer.body, Status)
    answer = await tell(node, message(Heartbeat(), "n1"), load_security(certificates, "n1"))
    assert isinstance(answer.body, HeartbeatReply)
    assert node.status.term >= 7


@pytest.mark.parametrize("body", [GetStatus(), Heartbeat()], ids=["client", "peer"])
async def test_whoever_has_no_certificate_of_this_cluster_gets_nothing(
    node: NodeInProcess, foreign: Path, certificates: Path, body: Body
) -> None:
    before = node.status
    said = message(body, "n1" if isinstance(body, Heartbeat) else "c1", term=99)
    assert await code_of(node, said, None) is grpc.StatusCode.UNAVAILABLE
    for identity in (CLIENTS, "n1"):
        security = load_security(foreign, identity)
        assert await code_of(node, said, security) is grpc.StatusCode.UNAVAILABLE
    # One that even trusts our authority, but has nothing of its own to show.
    credentials = grpc.ssl_channel_credentials((certificates / "ca.pem").read_bytes())
    options = [("grpc.ssl_target_name_override", "n0")]
    async with grpc.aio.secure_channel(node.address, credentials, options=options) as channel:
        call: Any = channel.unary_unary("/hearsay.gossip_raft.GossipRaft/StatusRPC")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"", timeout=5)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert node.status.term == before.term < 99


@pytest.mark.parametrize(
    ("identity", "source", "body"),
    [
        (CLIENTS, "n1", Heartbeat()),
        (CLIENTS, "n1", RequestVote(Term(99), Position(Term(99), 99), False)),  # type: ignore[arg-type]
        (CLIENTS, "n7", Heartbeat()),
        (CLIENTS, "n0", GetStatus()),
        ("n1", "n0", UpdatePosition()),
        ("n1", "c1", PutEntries(Session(ClientId("c1"), 1), (Put("x", 1),))),
    ],
    ids=[
        "as peer",
        "asks for a vote",
        "as a new node",
        "as the node itself",
        "as another node",
        "as client",
    ],
)
async def test_nobody_speaks_by_a_name_that_is_not_in_its_certificate(
    node: NodeInProcess, certificates: Path, identity: str, source: str, body: Body
) -> None:
    security = load_security(certificates, identity)
    said = message(body, source, term=99)
    assert await code_of(node, said, security) is grpc.StatusCode.PERMISSION_DENIED
    assert node.status.term < 99
    assert "does not speak for" in node.log()


async def test_a_caller_insists_on_the_name_of_whom_it_calls(
    node: NodeInProcess, certificates: Path
) -> None:
    security = load_security(certificates, CLIENTS)
    said = message(GetStatus(), "c1")
    assert await code_of(node, said, security, name="n1") is grpc.StatusCode.UNAVAILABLE
    connections = Connections({NodeId("n1"): node.address}, "test", security)
    with pytest.raises(NotConnected):
        await connections.ask(
            Message("c1", NodeId("n1"), RequestId(1), Term(0), (), GetStatus()), 5.0
        )
    await connections.close()


async def test_only_a_node_acknowledges_to_a_gateway(certificates: Path) -> None:
    file = certificates / "c.json"
    configuration = Configuration(file, "test", {N0: "127.0.0.1:1"}, tls=certificates)
    security = security_of(configuration, CLIENTS)
    service = GatewayService(configuration, SessionTimeouts(), security)
    await service.start()
    ack = AckEntries(Session(ClientId("c"), 1), NotLeader(None))
    codec = Codec("test")
    for identity, source, accepted in (
        ("n0", "n0", True),
        ("n0", "n1", False),
        (CLIENTS, "n0", False),
    ):
        peer = Peer(service.acknowledge_to, load_security(certificates, identity), CLIENTS)
        request: Any = codec.encode(Message(source, CLIENTS, RequestId(1), Term(1), (), ack))
        if accepted:
            await peer.call(request, 5)
        else:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await peer.call(request, 5)
            assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
        await peer.channel.close()
    await service.close()


async def test_an_answer_sent_to_where_a_peer_is_does_not_cost_the_link_to_it(
    certificates: Path,
) -> None:
    heard: asyncio.Queue[Message] = asyncio.Queue()
    codec, timeout = Codec("test"), Nanos(5_000_000_000)
    n1 = GrpcNetwork(N1, {N0: "127.0.0.1:1"}, codec, timeout, load_security(certificates, "n1"))
    n1.deliver_to(heard.put_nowait)
    address = f"127.0.0.1:{await n1.listen('127.0.0.1:0')}"
    n0 = GrpcNetwork(N0, {N1: address}, codec, timeout, load_security(certificates, "n0"))
    # A client chose this address for its answer, before n0 ever spoke to n1.
    ack = AckEntries(Session(ClientId("c"), 1), NotLeader(None))
    n0.send(Message("n0", address, RequestId(1), Term(1), (), ack))
    await asyncio.wait(n0._calls, timeout=10)
    n0.send(Message("n0", "n1", RequestId(2), Term(1), (), Heartbeat()))
    async with asyncio.timeout(10):
        assert (await heard.get()).body == Heartbeat()
    await n0.close()
    await n1.close()


async def test_a_node_with_tls_sends_nothing_in_the_clear(
    tmp_path: Path, certificates: Path
) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.put_nowait(await reader.read(3))
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    peer = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with node_in_process(tmp_path / "n0", certificates, peer=peer), asyncio.timeout(10):
        assert (await heard.get())[:2] == b"\x16\x03"  # A TLS handshake record.
    server.close()
    await server.wait_closed()


async def test_missing_or_broken_certificates_are_the_configurations_fault(
    tmp_path: Path, certificates: Path
) -> None:
    (certificates / "n0.pem").write_text("no certificate")
    with pytest.raises(ConfigurationError, match=r"tls\.directory: certificates of n0"):
        async with node_in_process(tmp_path / "n0", certificates):
            pass
    with pytest.raises(ConfigurationError, match="No such file"):
        async with node_in_process(tmp_path / "n0", tmp_path / "nowhere"):
            pass


def test_the_configuration_names_the_certificates_relative_to_itself(tmp_path: Path) -> None:
    text = '{"cluster": "c", "nodes": {"n0": {"address": "127.0.0.1:1"}}, "tls": {TLS}}'
    read = parse_configuration(text.replace("TLS", '"directory": "tls"'), tmp_path / "c.json")
    assert read.tls == tmp_path / "tls"
    # A copy of it elsewhere must name the same place.
    near = parse_configuration(text.replace("TLS", '"directory": "tls"'), Path("c.json"))
    assert near.tls == Path.cwd() / "tls"
    again = parse_configuration(read.encode().decode(), tmp_path / "c.json")
    assert again == read
    with pytest.raises(ConfigurationError, match=r"tls\.directory: is missing"):
        parse_configuration(text.replace("TLS", ""), tmp_path / "c.json")
    assert Configuration(tmp_path, "c", {}).tls is None  # As it was: off.
