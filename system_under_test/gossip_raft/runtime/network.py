"""The port ``Network`` of a live node: messages as calls.

A request becomes a call, and its answer is received like any message; a call that comes
in is received as a request and waits for the reply that names it.  Whatever goes wrong
with a call, the message is lost, which the protocol expects.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import grpc
import grpc.aio

from system_under_test.gossip_raft.core.messages import (
    AckEntries,
    AddServer,
    ClientRequest,
    Message,
    PullEntries,
    RequestVote,
)
from system_under_test.gossip_raft.core.types import Nanos, NodeId, RequestId
from system_under_test.gossip_raft.runtime.calls import Call
from system_under_test.gossip_raft.runtime.codec import (
    Codec,
    WireReply,
    WireRequest,
)
from system_under_test.gossip_raft.runtime.configuration import LOOPBACK
from system_under_test.gossip_raft.runtime.errors import CodecError
from system_under_test.gossip_raft.runtime.rpc import (
    GOSSIP_RAFT,
    Observe,
    Peer,
    Server,
    parse_reply,
    start_server,
)
from system_under_test.gossip_raft.runtime.security import CLIENTS, Security, objection

IN_FLIGHT_MAX: Final = 64
"""Calls under way to one address; beyond them a message is lost at once."""
STOP_GRACE_S: Final = 0.2
"""For calls that were just told off, so that they do not end in noise on the other side."""
NO_ANSWER: Final = "there will be no answer"
"""We stop, or the caller repeats its question meanwhile."""
TERM_MAX: Final = 2**62
"""No cluster gets there; adopting a higher one would leave no room for elections."""

log = logging.getLogger(__name__)


class GrpcNetwork:
    """``peers`` are the addresses under which this node reaches the others."""

    def __init__(
        self,
        node: NodeId,
        peers: Mapping[NodeId, str],
        codec: Codec,
        request_timeout_ns: Nanos,
        security: Security | None = None,
    ) -> None:
        self._node = node
        self._addresses = dict(peers)
        self._codec = codec
        self._request_timeout_ns = request_timeout_ns
        self._security = security
        self._peers: dict[tuple[str, str], Peer] = {}
        self._in_flight: Counter[str] = Counter()
        self._calls: set[asyncio.Future[bytes]] = set()
        self._waiting: dict[tuple[str, RequestId], Call] = {}
        self._receive: Callable[[Message], None] = _drop
        self._look_up: Callable[[NodeId], str | None] = _nowhere
        self._server: Server | None = None
        self._closed = False

    async def listen(
        self,
        address: str,
        observe: Observe | None = None,
        also: tuple[grpc.GenericRpcHandler, ...] = (),
    ) -> int:
        """Answers the port, which ``address`` may have left open (0).

        ``observe`` hears of every call served, ``also`` are others' services beside ours.

        Raises:
            PortInUse: The address cannot be listened on.
        """
        self._server, port = await start_server(
            GOSSIP_RAFT,
            self._serve,
            address,
            security=self._security,
            observe=observe,
            also=also,
        )
        return port

    def deliver_to(self, receive: Callable[[Message], None]) -> None:
        """What arrives goes to ``receive`` from now on; before, it is lost."""
        self._receive = receive

    def find_with(self, look_up: Callable[[NodeId], str | None]) -> None:
        """Where a node is that our own configuration does not know."""
        self._look_up = look_up

    async def ask_own_node(self, message: Message) -> None:
        """Put a client's question to the node itself; returns when it is answered."""
        ended = asyncio.Event()
        call = Call("", lambda *_: ended.set())
        self._deliver(message, call)
        try:
            await ended.wait()
        finally:
            call.give_up()

    def send(self, message: Message) -> None:
        if self._closed:
            return
        try:
            encoded = self._codec.encode(message)
        except CodecError:
            log.exception("a message cannot be sent")
            return
        if isinstance(encoded, WireReply):
            call = self._waiting.get((message.target, message.request))
            if call is not None:
                call.answer(encoded)
        else:
            self._start_call(message, encoded)

    def fall_silent(self) -> None:
        """From now on nothing leaves and nothing is received."""
        self._closed = True
        self._receive = _drop

    async def close(self) -> None:
        """Stop: whoever waits for an answer is told that none will come."""
        self.fall_silent()
        for waiting in list(self._waiting.values()):
            waiting.refuse(grpc.StatusCode.ABORTED, NO_ANSWER)
        for call in self._calls:
            call.cancel()
        if self._server is not None:
            await self._server.stop(grace=STOP_GRACE_S)
        for peer in self._peers.values():
            await peer.channel.close()

    def _start_call(self, message: Message, encoded: WireRequest) -> None:
        # AckEntries goes to an address that a client chose, hence the look at the host.
        target = NodeId(message.target)
        address = self._addresses.get(target) or self._look_up(target) or message.target
        if not _is_ours(address):
            log.warning("nobody is called %s", message.target)
            return
        if self._in_flight[address] >= IN_FLIGHT_MAX:
            return
        self._in_flight[address] += 1
        timeout_ns = self._request_timeout_ns
        if isinstance(message.body, PullEntries):
            timeout_ns = Nanos(timeout_ns + message.body.wait)
        call = self._peer(address, message.target).start(encoded, timeout_ns / 1e9)
        self._calls.add(call)
        call.add_done_callback(partial(self._end_call, address, message, encoded))

    def _peer(self, address: str, target: str) -> Peer:
        # By name, too: a client may have its answers sent to where a peer is.
        name = target if self._is_node(target) else CLIENTS
        peer = self._peers.get((address, name))
        if peer is None:
            peer = self._peers[address, name] = Peer(address, self._security, name)
        return peer

    def _end_call(
        self, address: str, message: Message, encoded: WireRequest, call: asyncio.Future[bytes]
    ) -> None:
        self._in_flight[address] -= 1
        self._calls.discard(call)
        if call.cancelled():
            return
        try:
            answer = parse_reply(encoded, call.result())
        except grpc.aio.AioRpcError as error:
            log.debug("%s to %s: %s", type(message.body).__name__, message.target, error.code())
            return
        if isinstance(message.body, AckEntries):
            return  # Its answer says nothing.
        try:
            reply = self._codec.decode(answer)
        except CodecError as error:
            log.warning("an answer is refused: %s", error)
            return
        if reply.source == message.target and reply.request == message.request:
            self._receive(reply)

    def _objection(self, identity: str, message: Message) -> str | None:
        if identity == CLIENTS and not isinstance(message.body, ClientRequest):
            # Nodes that our log does not name yet are heard, clients that pose as one are not.
            return f"a certificate of {CLIENTS!r} does not speak for nodes"
        members = {self._node, *self._addresses}
        if self._is_node(message.source):
            members.add(NodeId(message.source))
        return objection(identity, message.source, members)

    def _is_node(self, name: str) -> bool:
        """Our configuration names it, or it was added to the cluster."""
        return name in self._addresses or self._look_up(NodeId(name)) is not None

    def _serve(self, request: WireRequest, call: Call) -> None:
        try:
            message = self._codec.decode(request)
            self._check(message)
        except CodecError as error:
            log.warning("a request is refused: %s", error)
            call.refuse(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            return
        if self._security is not None:
            forged = self._objection(call.speaker, message)
            if forged is not None:
                log.warning("a request is refused: %s", forged)
                call.refuse(grpc.StatusCode.PERMISSION_DENIED, forged)
                return
        self._deliver(message, call)

    def _check(self, message: Message) -> None:
        """
        Raises:
            CodecError: It makes no sense to this node.
        """
        if message.target != self._node:
            # An old address, or a proxy that points to the wrong node.
            raise CodecError(f"this is {self._node}, not {message.target}")
        if _highest_term(message) > TERM_MAX:
            raise CodecError("a term that no cluster reaches")
        body = message.body
        if isinstance(body, AddServer) and not _is_ours(body.address):
            raise CodecError(f"{body.node}: {body.address!r} is not on {LOOPBACK}")

    def _deliver(self, message: Message, call: Call) -> None:
        """To the node, whose reply answers ``call``, unless the question is repeated before."""
        key = (message.source, message.request)
        earlier = self._waiting.get(key)
        self._waiting[key] = call
        call.when_over = partial(self._forget, key, call)
        if earlier is not None:
            earlier.refuse(grpc.StatusCode.ABORTED, NO_ANSWER)
        self._receive(message)

    def _forget(self, key: tuple[str, RequestId], call: Call) -> None:
        if self._waiting.get(key) is call:
            del self._waiting[key]


def _highest_term(message: Message) -> int:
    terms = [message.term, *(record.term for record in message.gossip)]
    if isinstance(message.body, RequestVote):
        terms.append(message.body.term)
    return max(terms)


def _is_ours(address: str) -> bool:
    return address.startswith(f"{LOOPBACK}:")


def _drop(_message: Message) -> None:
    """Where messages go before a node listens and after it stopped."""


def _nowhere(_node: NodeId) -> None:
    """Where nodes are before anybody can say."""
