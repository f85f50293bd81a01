"""A relay for HTTP/2 that knows gRPC's calls, and can lose, repeat, delay, reorder and fail them.

It stands between both sides as an HTTP/2 peer of either, so that a call may be left out,
repeated or held back: streams have numbers of their own on the server's side, and windows are
kept for each hop.  It knows nothing of protobuf.  A call is

* a stream, whatever it carries; or
* one of those that share messages, in streams that a ``Multiplexed`` knows.

What is no HTTP/2 passes as it is, and so does what cannot be read as messages.  Pure: bytes are
fed in and taken out, time is told.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from nemesis.proxy.gate import Gate
from nemesis.proxy.hpack import Header
from nemesis.proxy.http2 import (
    ACK,
    END_STREAM,
    HEADER_BYTES,
    PREFACE,
    Data,
    Frame,
    Headers,
    Hop,
    Inflow,
    Kind,
    Outflow,
    Reset,
    number_in,
)
from nemesis.proxy.messages import COPY, InnerCall, Messages, Multiplexed, framed
from system_under_test.conditions import (
    OVERTAKEN_MAX_NS,
    Fate,
    Meddling,
    fate_of_reply,
    fate_of_request,
)

DETAILS: Final = "failed by the proxy, as asked"
_ANSWER: Final[tuple[Header, ...]] = (
    (b":status", b"200"),
    (b"content-type", b"application/grpc"),
)
_LAST_STREAM: Final = 0x7FFFFFFF


@dataclass(slots=True, eq=False)
class _Call:
    """A stream that the client opened.

    ``requests`` are where it goes to, more than one if it is repeated, none if it is lost;
    ``reply`` is where the answer goes to.
    """

    method: str
    reply: Outflow
    inflow: Inflow
    requests: list[Outflow] = field(default_factory=list)
    reply_lost: bool = False
    reply_begun: bool = False
    request_ended: bool = False
    reply_ended: bool = False
    multiplexed: _Shared | None = None
    headed: bool = False
    """We have begun the answer ourselves, before the server did."""


@dataclass(slots=True, eq=False)
class _Shared:
    """Of a stream whose messages many calls share."""

    requests: Messages = field(default_factory=Messages)
    replies: Messages = field(default_factory=Messages)
    replies_lost: set[int] = field(default_factory=set)
    """By number: of calls that are executed and not answered."""


@dataclass(slots=True, eq=False)
class _Waiting:
    """Something that goes on at ``due`` (seconds), or when something overtakes it."""

    due: float
    overtaken: bool
    to_server: bool
    go: Callable[[], None]


class Relay:
    """Of one connection; ``forward`` is the link of its requests, ``backward`` of its replies.

    What is to be sent is in ``to_server`` and ``to_client``, for whoever takes it.
    """

    def __init__(
        self, forward: Gate, backward: Gate, multiplexed: Multiplexed | None = None
    ) -> None:
        self._forward = forward
        self._backward = backward
        self._multiplexed = multiplexed
        self._client = Hop()
        self._server = Hop()
        self.to_server = self._server.out
        self.to_client = self._client.out
        self._is_http2: bool | None = None
        self._first = {True: bytearray(), False: bytearray()}
        self._calls: dict[int, _Call] = {}
        self._answered: dict[int, tuple[int, _Call]] = {}
        """By the number of a stream on the server's side: its number on the client's side, and
        the call; copies have 0."""
        self._inflows: dict[int, Inflow] = {}
        self._next_stream = 1
        self._copies = 0
        self._waiting: list[_Waiting] = []
        self._now = 0.0

    # --- in and out --------------------------------------------------------------------

    def receive(self, from_client: bool, data: bytes | memoryview, now: float) -> None:
        """``now`` in seconds, on any clock that goes forward.

        Raises:
            RelayError: One side is at fault; the connection is of no use any more.
        """
        self._now = now
        if self._is_http2 is None:
            self._first[from_client] += data
            self._recognize()
        elif self._is_http2:
            self._receive(from_client, data)
        else:
            (self.to_server if from_client else self.to_client).extend(data)

    def _recognize(self) -> None:
        said, heard = self._first[True], self._first[False]
        if not PREFACE.startswith(said[: len(PREFACE)]) or not _may_be_settings(heard):
            self._is_http2 = False
            self.to_server += said
            self.to_client += heard
        elif len(said) >= len(PREFACE):
            self._is_http2 = True
            self._client.begin()
            self._server.begin(PREFACE)
            self._receive(True, bytes(said[len(PREFACE) :]))
            self._receive(False, bytes(heard))

    def _receive(self, from_client: bool, data: bytes | memoryview) -> None:
        hop, other = (self._client, self._server) if from_client else (self._server, self._client)
        for frame in hop.receive(data):
            match frame.kind:
                case Kind.SETTINGS if not frame.flags & ACK:
                    if pass_on := hop.settings(frame):
                        other.say(Kind.SETTINGS, 0, 0, pass_on)
                case Kind.PING:
                    other.say(Kind.PING, frame.flags, 0, frame.payload)
                case Kind.WINDOW_UPDATE:
                    hop.widened(frame)
                case Kind.GOAWAY:
                    other.say(Kind.GOAWAY, 0, 0, self._renumbered(from_client, frame.payload))
                case Kind.HEADERS if from_client:
                    self._request_headers(frame)
                case Kind.HEADERS:
                    self._reply_headers(frame)
                case Kind.DATA if from_client:
                    self._request_data(frame)
                case Kind.DATA:
                    self._reply_data(frame)
                case Kind.RST_STREAM if from_client:
                    self._cancelled(frame)
                case Kind.RST_STREAM:
                    self._aborted(frame)
                case _:
                    pass

    def _renumbered(self, from_client: bool, payload: bytes) -> bytes:
        """A farewell, with the last stream that was heard of as the other side counts."""
        if from_client or len(payload) < 8:
            return payload
        (last,) = struct.unpack_from("!I", payload)
        if last & _LAST_STREAM != _LAST_STREAM:
            heard = [number for stream, (number, _) in self._answered.items() if stream <= last]
            last = max(heard, default=0)
        return struct.pack("!I", last) + payload[4:]

    # --- what waits --------------------------------------------------------------------

    def next_due(self) -> float | None:
        """When ``let_go`` is to be called, in seconds."""
        return min((waiting.due for waiting in self._waiting), default=None)

    def let_go(self, now: float) -> None:
        """What is due goes on."""
        self._now = now
        self._let_go([waiting for waiting in self._waiting if waiting.due <= now])

    def let_all_go(self) -> None:
        """Nothing is held back any more."""
        self._let_go(list(self._waiting))

    def _overtake(self, before: list[_Waiting]) -> None:
        """A request has gone: those of ``before`` that waited for that follow."""
        self._let_go([waiting for waiting in before if waiting.overtaken])

    def _let_go(self, due: list[_Waiting]) -> None:
        for waiting in sorted(due, key=lambda waiting: waiting.due):
            self._waiting.remove(waiting)
        for waiting in sorted(due, key=lambda waiting: waiting.due):
            waiting.go()

    def drop_held(self, *, to_server: bool) -> bool:
        """Lose what is held back on that way, for whatever reason; whether there was anything."""
        lost = [waiting for waiting in self._waiting if waiting.to_server == to_server]
        self._waiting = [waiting for waiting in self._waiting if waiting.to_server != to_server]
        return (self._server if to_server else self._client).drop_waiting() or bool(lost)

    def _hold(self, fate: Fate, go: Callable[[], None], *, to_server: bool = True) -> None:
        if fate.how is Meddling.REORDER:
            self._forward.counts.requests_overtaken += 1
            due = self._now + OVERTAKEN_MAX_NS / 1e9
        else:
            due = self._now + fate.late_ns / 1e9
        self._waiting.append(_Waiting(due, fate.how is Meddling.REORDER, to_server, go))

    # --- requests ----------------------------------------------------------------------

    def _request_fate(self, method: str) -> Fate:
        counts = self._forward.counts
        fate = fate_of_request(self._forward.calls, method, self._forward.draw)
        if fate.status:
            counts.requests_failed += 1
        elif fate.lost:
            counts.requests_dropped += 1
        elif fate.copies > 1:
            counts.requests_repeated += 1
        elif fate.late_ns:
            counts.requests_delayed += 1
        return fate

    def _request_headers(self, frame: Frame) -> None:
        headers = self._client.headers(frame)
        end = bool(frame.flags & END_STREAM)
        call = self._calls.get(frame.stream)
        if call is None:
            path = dict(headers).get(b":path", b"").decode("ascii", "replace")
            call = self._open(frame.stream, path.rpartition("/")[2])
        for flow in call.requests:
            flow.put(Headers(headers, end))
        self._end_request(frame.stream, call, end)

    def _open(self, stream: int, method: str) -> _Call:
        reply, inflow = Outflow(self._client, stream), Inflow(self._client, stream)
        call = self._calls[stream] = _Call(method, reply, inflow)
        if self._multiplexed is not None and self._multiplexed.carries(method):
            call.multiplexed = _Shared()
            self._send(stream, call)
            return call
        fate = self._request_fate(method)
        call.reply_lost = fate.how is Meddling.DROP_REPLY
        if fate.status:
            self._fail(call, fate.status)
        elif not fate.lost:
            for number in (stream, *(0 for _ in range(fate.copies - 1))):
                if fate.late_ns or fate.how is Meddling.REORDER:
                    self._send_later(fate, number, call)
                else:
                    self._send(number, call)
        return call

    def _send(self, number: int, call: _Call, flow: Outflow | None = None) -> None:
        """Open a stream to the server for ``call``; ``number`` is 0 if it is a copy."""
        if flow is None:
            flow = Outflow(self._server)
            call.requests.append(flow)
        stream = self._next_stream
        self._next_stream += 2
        self._answered[stream] = number, call
        self._inflows[stream] = Inflow(self._server, stream)
        flow.open(stream)

    def _send_later(self, fate: Fate, number: int, call: _Call) -> None:
        flow = Outflow(self._server)
        call.requests.append(flow)

        def go() -> None:
            if flow in call.requests:  # The client did not cancel it meanwhile.
                self._send(number, call, flow)

        self._hold(fate, go)

    def _fail(self, call: _Call, status: int) -> None:
        call.reply_lost = call.reply_ended = True
        call.reply.put(
            Headers(
                (
                    *_ANSWER,
                    (b"grpc-status", b"%d" % status),
                    (b"grpc-message", DETAILS.encode()),
                ),
                end=True,
            )
        )

    def _request_data(self, frame: Frame) -> None:
        call = self._calls.get(frame.stream)
        if call is None:
            return
        end = bool(frame.flags & END_STREAM)
        if call.multiplexed is not None:
            call.inflow.grant(frame.size)
            for flag, message in call.multiplexed.requests.receive(frame.payload):
                self._request_message(call, call.multiplexed, flag, message)
            if end:
                for flow in call.requests:
                    flow.put(Data(b"", end=True))
        else:
            # One of them gives the credit back; nobody does for what is lost, so we do.
            padding = frame.size - len(frame.payload)
            call.inflow.grant(padding if call.requests else frame.size)
            for at, flow in enumerate(call.requests):
                flow.put(Data(frame.payload, end, None if at else call.inflow))
        self._end_request(frame.stream, call, end)

    def _end_request(self, stream: int, call: _Call, end: bool) -> None:
        if not end:
            return
        call.request_ended = True
        if call.reply_ended:
            self._calls.pop(stream, None)
        if any(flow.stream for flow in call.requests):
            self._overtake(list(self._waiting))

    def _request_message(self, call: _Call, shared: _Shared, flag: int, message: bytes) -> None:
        assert self._multiplexed is not None
        (flow,) = call.requests
        try:
            inner = None if flag else self._multiplexed.requests(message)
        except ValueError:
            inner = None
        if inner is None:
            flow.put(Data(framed(message, flag), end=False))
            return
        passed: list[InnerCall] = []
        failed: list[InnerCall] = []
        before = list(self._waiting)
        for request in inner:
            fate = self._request_fate(request.method)
            copies = [request]
            for _ in range(fate.copies - 1):
                self._copies += 1
                copies.append(self._multiplexed.renumbered(request, COPY + self._copies))
            if fate.how is Meddling.DROP_REPLY:
                shared.replies_lost.add(request.number)
            if fate.status:
                failed.append(self._multiplexed.failure(request.number, fate.status, DETAILS))
            elif fate.late_ns or fate.how is Meddling.REORDER:
                self._hold(fate, partial(self._pass_on, flow, copies))
            elif not fate.lost:
                passed += copies
        if passed:
            self._pass_on(flow, passed)
            self._overtake(before)
        if failed:
            if not call.reply_begun:
                call.reply_begun = call.headed = True
                call.reply.put(Headers(_ANSWER, end=False))
            data = framed(self._multiplexed.join_replies(failed))
            call.reply.put(Data(data, end=False))

    def _pass_on(self, flow: Outflow, requests: list[InnerCall]) -> None:
        assert self._multiplexed is not None
        flow.put(Data(framed(self._multiplexed.join_requests(requests)), end=False))

    def _cancelled(self, frame: Frame) -> None:
        call = self._calls.pop(frame.stream, None)
        if call is None:
            return
        code = number_in(frame)
        for flow in call.requests:
            flow.reset(code)
            self._forget(flow.stream)
        call.requests.clear()
        call.reply.close()

    # --- replies -----------------------------------------------------------------------

    def _reply_to(self, frame: Frame) -> _Call | None:
        """Of whom the client is to hear; ``None`` for copies and what nobody waits for."""
        number, call = self._answered.get(frame.stream, (0, None))
        return call if number else None

    def _reply_headers(self, frame: Frame) -> None:
        headers = self._server.headers(frame)
        end = bool(frame.flags & END_STREAM)
        call = self._reply_to(frame)
        if call is not None:
            if not call.reply_begun and call.multiplexed is None:
                self._begin_reply(call)
            call.reply_begun = True
            if call.headed and not end:
                call.headed = False
            elif not call.reply_lost:
                call.reply.put(Headers(headers, end))
        self._end_reply(frame.stream, end)

    def _begin_reply(self, call: _Call) -> None:
        if call.reply_lost:
            self._forward.counts.replies_dropped += 1
            return
        fate = self._reply_fate()
        call.reply_lost = fate.lost
        if fate.late_ns:
            call.reply.held = True
            self._hold(fate, call.reply.release, to_server=False)

    def _reply_fate(self) -> Fate:
        counts = self._backward.counts
        fate = fate_of_reply(self._backward.calls, self._backward.draw)
        counts.replies_dropped += fate.lost
        counts.replies_delayed += bool(fate.late_ns)
        return fate

    def _reply_data(self, frame: Frame) -> None:
        inflow = self._inflows.get(frame.stream)
        if inflow is None:
            return
        end = bool(frame.flags & END_STREAM)
        call = self._reply_to(frame)
        if call is None or call.reply_lost:
            inflow.grant(frame.size)
        elif call.multiplexed is not None:
            inflow.grant(frame.size)
            for flag, message in call.multiplexed.replies.receive(frame.payload):
                self._reply_message(call, call.multiplexed, flag, message)
            if end:
                call.reply.put(Data(b"", end=True))
        else:
            inflow.grant(frame.size - len(frame.payload))
            call.reply.put(Data(frame.payload, end, inflow))
        self._end_reply(frame.stream, end)

    def _reply_message(self, call: _Call, shared: _Shared, flag: int, message: bytes) -> None:
        assert self._multiplexed is not None
        try:
            inner = None if flag else self._multiplexed.replies(message)
        except ValueError:
            inner = None
        if inner is None:
            call.reply.put(Data(framed(message, flag), end=False))
            return
        passed: list[InnerCall] = []
        for reply in inner:
            if reply.number >= COPY:
                continue
            if reply.number in shared.replies_lost:
                shared.replies_lost.discard(reply.number)
                self._forward.counts.replies_dropped += 1
                continue
            fate = self._reply_fate()
            if fate.late_ns:
                self._hold(fate, partial(self._answer, call, [reply]), to_server=False)
            elif not fate.lost:
                passed.append(reply)
        if passed:
            self._answer(call, passed)

    def _answer(self, call: _Call, replies: list[InnerCall]) -> None:
        assert self._multiplexed is not None
        call.reply.put(Data(framed(self._multiplexed.join_replies(replies)), end=False))

    def _end_reply(self, stream: int, end: bool) -> None:
        number, call = self._answered.get(stream, (0, None))
        if not end or call is None:
            return
        self._forget(stream)
        if number and not call.reply_lost:
            call.reply_ended = True
            if call.request_ended:
                self._calls.pop(number, None)

    def _aborted(self, frame: Frame) -> None:
        number, call = self._answered.get(frame.stream, (0, None))
        self._forget(frame.stream)
        if call is None:
            return
        for flow in call.requests:
            if flow.stream == frame.stream:
                flow.close()
        if number and not call.reply_lost:
            call.reply.put(Reset(number_in(frame)))
            self._calls.pop(number, None)

    def _forget(self, stream: int) -> None:
        self._answered.pop(stream, None)
        self._inflows.pop(stream, None)


def _may_be_settings(heard: bytearray) -> bool:
    """Whether a server of HTTP/2 may have begun so."""
    return len(heard) < HEADER_BYTES or (heard[3] == Kind.SETTINGS and not any(heard[5:9]))
