"""A simulated client: it transmits what a client session says, and tells it what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, assert_never

from system_under_test.gossip_raft.core.client_session import (
    Answered,
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
    Body,
    Lost,
    Message,
    PutEntries,
    Results,
)
from system_under_test.gossip_raft.core.types import Nanos, NodeId, RequestId
from system_under_test.gossip_raft.simulation.scheduler import Scheduler, Timer

SEND_MARGIN: Final = Nanos(20_000_000)
"""So shortly before its deadline an operation is not sent any more, as live clients do it."""


class SimulatedClient:
    """One logical client on the world's own clock; one operation at a time.

    A connection to a node that is down is refused, and one to a node that goes down breaks:
    the session hears of both, as over gRPC.

    With ``forwarding`` it asks as the gateway does: whatever node it asks passes a write on,
    and the leader acknowledges it here.
    """

    def __init__(
        self,
        session: ClientSession,
        timeouts: SessionTimeouts,
        scheduler: Scheduler,
        transmit: Callable[[Message], None],
        *,
        forwarding: bool = False,
    ) -> None:
        self._session = session
        self._forwarding = forwarding
        self._writing: PutEntries | None = None
        self._transmitted: list[RequestId] = []
        self._timeouts = timeouts
        self._scheduler = scheduler
        self._send = transmit
        self._timer = Timer(scheduler, self._woken)
        self._ended: Callable[[Ending], None] | None = None
        self._deadline = Nanos(0)
        self._open: dict[RequestId, str] = {}

    def call(self, request: Request, ended: Callable[[Ending], None]) -> None:
        """Begin an operation; ``ended`` is told once, how."""
        now = self._scheduler.now
        self._ended = ended
        self._deadline = Nanos(now + self._timeouts.operation)
        self._obey(self._session.begin(request, now))

    def abandon(self) -> None:
        """Nobody wants to know any more."""
        self._ended = None
        self._timer.cancel()
        self._open.clear()

    def receive(self, message: Message) -> None:
        if isinstance(message.body, AckEntries):
            self._acknowledged(message, message.body)
            return
        self._open.pop(message.request, None)
        self._obey(self._session.receive(message, self._scheduler.now))

    def _acknowledged(self, message: Message, told: AckEntries) -> None:
        """An answer that names the write, but not which transmission of it was executed."""
        if self._writing is None or told.session != self._writing.session:
            return
        answer: Body = told.answer
        if len(self._transmitted) > 1 and not isinstance(answer, Results):
            answer = Lost("one of several transmissions was refused")
        again = message._replace(request=self._transmitted[-1], body=answer)
        self._obey(self._session.receive(again, self._scheduler.now))

    def undelivered(self, request: RequestId) -> None:
        """The node was down: the transmission certainly had no effect."""
        self._open.pop(request, None)
        self._obey(self._session.undelivered(request, self._scheduler.now))

    def connection_broke(self, node: NodeId) -> bool:
        """``node`` went down: nobody knows what became of what it was sent, if anything was."""
        if node not in self._open.values():
            return False
        self.unknown(self.open_at(node))
        return True

    def open_at(self, node: NodeId) -> tuple[RequestId, ...]:
        """What ``node`` was sent and has not answered."""
        return tuple(request for request, target in self._open.items() if target == node)

    def unknown(self, requests: tuple[RequestId, ...]) -> None:
        """Nobody will ever know what became of them."""
        for request in requests:
            if self._open.pop(request, None) is not None:
                self._obey(self._session.unknown_fate(request, self._scheduler.now))

    def _forwarded(self, message: Message) -> Message:
        if not isinstance(message.body, PutEntries):
            return message
        put = message.body
        if self._writing is None or self._writing.session != put.session:
            self._transmitted.clear()
        self._writing = put
        self._transmitted.append(message.request)
        return message._replace(body=replace(put, acknowledge_to=self._session.client))

    def _woken(self) -> None:
        self._obey(self._session.wake(self._scheduler.now))

    def _obey(self, effects: tuple[SessionEffect, ...]) -> None:
        ended = self._ended
        if ended is None:
            return
        too_late: Message | None = None
        now = self._scheduler.now
        for effect in effects:
            match effect:
                case Transmit(message=message) if now + SEND_MARGIN > self._deadline:
                    too_late = message
                case Transmit(message=message):
                    self._open[message.request] = message.target
                    self._send(self._forwarded(message) if self._forwarding else message)
                case WakeAt(time=time):
                    self._timer.set(time)
                case Answered() | Refused() | TimedOut():
                    self._ended = None
                    self._timer.cancel()
                    self._open.clear()
                    ended(effect)
                case _:
                    assert_never(effect)
        if too_late is not None:
            self._obey(self._session.undelivered(too_late.request, now))
