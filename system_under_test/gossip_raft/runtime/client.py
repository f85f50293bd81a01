"""Live clients: they transmit what a client session says, and tell it what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias, assert_never

import grpc.aio

from system_under_test.gossip_raft.core.client_session import (
    CAREFUL,
    Answered,
    ClientPolicy,
    ClientSession,
    Ending,
    Refused,
    Request,
    SessionEffect,
    SessionTimeouts,
    TimedOut,
    Transmit,
    WakeAt,
)
from system_under_test.gossip_raft.core.messages import (
    AckEntries,
    Lost,
    Message,
    NotLeader,
    PutEntries,
    Results,
    Unavailable,
)
from system_under_test.gossip_raft.core.types import ClientId, Nanos, NodeId
from system_under_test.gossip_raft.runtime.clock import MonotonicClock
from system_under_test.gossip_raft.runtime.codec import Codec, WireRequest
from system_under_test.gossip_raft.runtime.errors import CodecError, NoAnswer, NotConnected
from system_under_test.gossip_raft.runtime.rpc import MESSAGE_BYTES_MAX, Peer
from system_under_test.gossip_raft.runtime.security import Security

CONNECT_TIMEOUT_S: Final = 0.5
SEND_MARGIN: Final = Nanos(20_000_000)
"""So shortly before its deadline an operation is not sent any more: no answer would come in
time, and what is not sent need not be feared."""


Witness: TypeAlias = Callable[[Message, Nanos, Nanos, Message | str], None]
"""Hears of every transmission that is over: the question, when it was sent, when its end was
known, and the answer or why there is none."""


class Connections:
    """One connection to each node, made when first used, under addresses of one's own."""

    opened = 0
    """How many connections this process has made so far."""
    closed = 0
    """How many of them it has closed."""

    def __init__(
        self, addresses: Mapping[NodeId, str], cluster: str, security: Security | None = None
    ) -> None:
        self.codec: Final = Codec(cluster)
        self._given = frozenset(addresses)
        self._addresses = dict(addresses)
        self._security = security
        self._peers: dict[str, Peer] = {}

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        return tuple(self._addresses)

    async def learn(self, added: Iterable[tuple[NodeId, str]]) -> bool:
        """Know the nodes that were ``added`` to the running cluster, too, by what its membership
        says; whether that is news.  Those named at the beginning stay where they are."""
        news = False
        for node, address in added:
            if node in self._given or self._addresses.get(node) == address:
                continue
            news = True
            self._addresses[node] = address
            if node in self._peers:
                await self._peers.pop(node).channel.close()
                Connections.closed += 1
        return news

    async def ask(self, message: Message, timeout_s: float) -> Message:
        """The answer to ``message``.

        Raises:
            NotConnected: There is no connection: the message surely never left.
            NoAnswer: Nobody knows what became of it.
            CodecError: It cannot be encoded, and never left.
        """
        request = self.codec.encode(message)
        assert isinstance(request, WireRequest), f"{message.body} is not a question"
        if (size := request.ByteSize()) > MESSAGE_BYTES_MAX:
            raise CodecError(f"message of {size} bytes, at most {MESSAGE_BYTES_MAX}, not sent")
        peer = self._peer(message.target)
        try:
            # Half, so that the caller learns in time that nothing was sent.
            async with asyncio.timeout(min(CONNECT_TIMEOUT_S, timeout_s / 2)):
                connected = await peer.connected()
        except TimeoutError:
            connected = False
        if not connected:
            raise NotConnected(f"{message.target} cannot be reached")
        try:
            answer = self.codec.decode(await peer.call(request, timeout_s))
        except grpc.aio.AioRpcError as error:
            raise NoAnswer(f"{message.target}: {error.code().name}: {error.details()}") from error
        except CodecError as error:
            raise NoAnswer(f"{message.target}: {error}") from error
        if answer.request != message.request or answer.source != message.target:
            raise NoAnswer(f"{message.target} answered another question")
        return answer

    async def close(self) -> None:
        while self._peers:
            _, peer = self._peers.popitem()
            await peer.channel.close()
            Connections.closed += 1

    def _peer(self, target: str) -> Peer:
        if target not in self._peers:
            self._peers[target] = Peer(self._addresses[NodeId(target)], self._security, target)
            Connections.opened += 1
        return self._peers[target]


class SessionRunner:
    """Obeys the effects of one ``ClientSession``; decides nothing."""

    def __init__(
        self,
        session: ClientSession,
        connections: Connections,
        timeouts: SessionTimeouts,
        *,
        acknowledge_to: str | None = None,
        witness: Witness | None = None,
    ) -> None:
        self.session: Final = session
        self._witness = witness
        self._connections = connections
        self._timeouts = timeouts
        self._acknowledge_to = acknowledge_to
        self._clock = MonotonicClock()
        self._ending: asyncio.Future[Ending] | None = None
        self._deadline = Nanos(0)
        self._asked: Message | None = None
        self._sent: set[asyncio.Task[None]] = set()

    async def call(self, request: Request) -> Ending:
        """Run one operation to its end.

        If this is cancelled nobody knows what became of the operation, and the session is
        not to be used again.

        Raises:
            CodecError: The request cannot be encoded; nothing was sent, and the session
                is not to be used again.
        """
        now = self._clock.now()
        self._ending = asyncio.get_running_loop().create_future()
        self._deadline = Nanos(now + self._timeouts.operation)
        try:
            self._obey(self.session.begin(request, now))
            return await self._ending
        finally:
            self._ending = None
            self._asked = None
            self._clock.cancel()
            for sent in self._sent:
                sent.cancel()

    def acknowledge(self, ack: AckEntries) -> None:
        """The cluster told us by another way what became of a write of this session."""
        asked = self._asked
        if asked is None or not isinstance(asked.body, PutEntries):
            return
        if ack.session != asked.body.session:
            return
        match ack.answer:
            case Results() | Lost() as answer:
                reply = asked._replace(source=asked.target, target=asked.source, body=answer)
                self._obey(self.session.receive(reply, self._clock.now()))
            case NotLeader() | Unavailable():
                # Refused is one copy of the request, and nobody knows which.
                self._obey(self.session.unknown_fate(asked.request, self._clock.now()))
            case _:
                assert_never(ack.answer)

    def _obey(self, effects: tuple[SessionEffect, ...]) -> None:
        too_late: Message | None = None
        now = self._clock.now()
        for effect in effects:
            match effect:
                case Transmit(message=message) if now + SEND_MARGIN > self._deadline:
                    too_late = message
                case Transmit(message=message):
                    self._asked = message
                    sent = asyncio.get_running_loop().create_task(self._transmit(message))
                    self._sent.add(sent)
                    sent.add_done_callback(self._sent.discard)
                case WakeAt(time=time):
                    self._clock.wake_at(time, self._wake)
                case Answered() | Refused() | TimedOut():
                    if self._ending is not None and not self._ending.done():
                        self._ending.set_result(effect)
                case _:
                    assert_never(effect)
        if too_late is not None:
            self._obey(self.session.undelivered(too_late.request, now))

    async def _transmit(self, message: Message) -> None:
        if self._acknowledge_to is not None and isinstance(message.body, PutEntries):
            body = replace(message.body, acknowledge_to=self._acknowledge_to)
            message = message._replace(body=body)
        # Waits longer than the session does for one attempt: a late answer counts as well.
        sent = self._clock.now()
        timeout_s = max(0, self._deadline - sent) / 1e9
        came: Message | str = "gave no answer in time"
        try:
            came = answer = await self._connections.ask(message, timeout_s)
        except NotConnected as error:
            came = str(error)
            self._obey(self.session.undelivered(message.request, self._clock.now()))
        except NoAnswer as error:
            came = str(error)
            self._obey(self.session.unknown_fate(message.request, self._clock.now()))
        except CodecError as error:
            if self._ending is not None and not self._ending.done():
                self._ending.set_exception(error)
        else:
            self._obey(self.session.receive(answer, self._clock.now()))
        finally:
            if self._witness is not None:
                self._witness(message, sent, self._clock.now(), came)

    def _wake(self) -> None:
        self._obey(self.session.wake(self._clock.now()))


class GrpcClient:
    """One logical client with connections of its own."""

    def __init__(
        self,
        client: ClientId,
        addresses: Mapping[NodeId, str],
        contact: NodeId,
        cluster: str,
        timeouts: SessionTimeouts | None = None,
        *,
        policy: ClientPolicy = CAREFUL,
        security: Security | None = None,
        witness: Witness | None = None,
    ) -> None:
        """``addresses`` are where this client reaches the nodes: proxies, for instance."""
        timeouts = SessionTimeouts() if timeouts is None else timeouts
        self._connections = Connections(addresses, cluster, security)
        session = ClientSession(client, self._connections.nodes, contact, timeouts, policy)
        self._runner = SessionRunner(session, self._connections, timeouts, witness=witness)

    @property
    def dead(self) -> bool:
        """Whether an operation timed out: then this client may not be used again."""
        return self._runner.session.dead

    async def call(self, request: Request) -> Ending:
        """Run one operation to its end, at most ``timeouts.operation`` later.

        Raises:
            CodecError: The request cannot be encoded; nothing was sent.
        """
        return await self._runner.call(request)

    async def close(self) -> None:
        await self._connections.close()
