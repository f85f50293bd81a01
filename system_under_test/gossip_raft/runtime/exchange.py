"""Both ends of ExchangeRPC: many calls over one stream.

A message on a stream costs a third of a call by itself, and what is asked or answered in
one turn of the event loop shares a message.  Each question is a call with a deadline of
its own:

1. It is answered at most once; one that is late, or lost with the stream, is none.
2. When a stream ends, whatever waits on it ends with it.  Nothing is carried over to the
   next stream, so nothing stale comes out of one that was cut.
3. A question whose asker waits no more is not sent, if it was not yet.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeAlias, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from protos.generated import gossip_raft_pb2 as wire
from system_under_test.gossip_raft.runtime.calls import Call, Respond, parse_request
from system_under_test.gossip_raft.runtime.errors import CodecError

FRAME_BYTES_MAX: Final = 256 * 1024
"""So much shares a message; one question or answer may be larger."""
UNREAD_MAX: Final = 1_000
"""So many answers wait for an asker that does not read them; then it is not read either."""
_OVERHEAD: Final = 64
"""Of a question or an answer beyond what it carries, at most, but for details."""
_CODES: Final[dict[int, grpc.StatusCode]] = {code.value[0]: code for code in grpc.StatusCode}

log = logging.getLogger(__name__)

Item = TypeVar("Item")


class Outbox(Generic[Item]):
    """Sends what one turn of the event loop puts in together, and then what gathered
    while that was being sent."""

    def __init__(self, send: Callable[[list[Item]], Awaitable[None]]) -> None:
        self._send = send
        self._items: list[Item] = []
        self._sending: asyncio.Task[None] | None = None

    def put(self, item: Item) -> None:
        self._items.append(item)
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send_all())

    def __len__(self) -> int:
        return len(self._items)

    async def sent(self) -> None:
        """Returns when nothing is left."""
        if self._sending is not None:
            await self._sending

    async def _send_all(self) -> None:
        try:
            while self._items:
                items, self._items = self._items, []
                await self._send(items)
        # The stream is broken: its reader says so, and to whom.
        except (grpc.aio.AioRpcError, grpc.aio.BaseError, asyncio.InvalidStateError) as error:
            log.debug("a stream takes nothing more: %s", error)
        finally:
            self._sending = None


# --- who asks ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    method: str
    request: bytes
    reply: asyncio.Future[bytes]
    expiry: asyncio.TimerHandle


class Asker:
    """The end that asks, from when the stream is opened until it breaks."""

    def __init__(self, stream: Any) -> None:
        """``stream`` is gRPC's, of bytes."""
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._number = 0
        self._waiting: dict[int, _Asked] = {}
        # By number: of one that is over nothing is kept, however long the stream is stuck.
        self._outbox: Outbox[int] = Outbox(self._send)
        self._reading = self._loop.create_task(self._read())

    @property
    def is_over(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._reading.done()

    def ask(self, method: str, request: bytes, timeout_s: float) -> asyncio.Future[bytes]:
        """The reply to come, or ``grpc.aio.AioRpcError``, for whatever reason.  Who waits no
        more cancels it."""
        self._number += 1
        number = self._number
        reply: asyncio.Future[bytes] = self._loop.create_future()
        expiry = self._loop.call_later(
            timeout_s, self._fail, number, grpc.StatusCode.DEADLINE_EXCEEDED
        )
        self._waiting[number] = _Asked(method, request, reply, expiry)
        self._outbox.put(number)
        return reply

    async def _send(self, numbers: list[int]) -> None:
        now = self._loop.time()
        questions = (
            wire.Question(
                number=number,
                method=asked.method,
                request=asked.request,
                timeout_ns=int(max(0.0, asked.expiry.when() - now) * 1e9),
            )
            for number in numbers
            if (asked := self._waiting.get(number)) is not None and not asked.reply.done()
        )
        for frame in _frames(questions, lambda question: len(question.request)):
            await self._stream.write(wire.Questions(questions=frame).SerializeToString())

    async def _read(self) -> None:
        code, details = grpc.StatusCode.UNAVAILABLE, "the stream ended"
        try:
            while not isinstance(data := await self._stream.read(), _END):
                for answer in wire.Answers.FromString(data).answers:
                    self._take(answer)
        except grpc.aio.AioRpcError as error:
            code, details = error.code(), error.details() or ""
        except DecodeError:
            code, details = grpc.StatusCode.INTERNAL, "not Answers"
            self._stream.cancel()
        finally:
            for number in list(self._waiting):
                self._fail(number, code, details)

    def _take(self, answer: wire.Answer) -> None:
        if answer.code:
            code = _CODES.get(answer.code, grpc.StatusCode.UNKNOWN)
            self._fail(answer.number, code, answer.details)
        elif (reply := self._end(answer.number)) is not None:
            reply.set_result(answer.reply)

    def _fail(self, number: int, code: grpc.StatusCode, details: str = "") -> None:
        if (reply := self._end(number)) is not None:
            reply.set_exception(grpc.aio.AioRpcError(code, details=details))

    def _end(self, number: int) -> asyncio.Future[bytes] | None:
        """Whom to tell; nobody if the answer is late, or not waited for any more."""
        asked = self._waiting.pop(number, None)
        if asked is None:
            return None
        asked.expiry.cancel()
        return None if asked.reply.done() else asked.reply


# --- who answers ---------------------------------------------------------------------

Begin: TypeAlias = Callable[[str, bytes, str, Respond], Call]
"""Takes a method's name, a request, who speaks, and who is to be told the response."""


class Context(Protocol):
    """What gRPC gives to whoever serves a stream."""

    async def read(self) -> Any: ...

    async def write(self, data: bytes) -> None: ...


class Answerer:
    """The end that answers, as long as one stream lasts."""

    def __init__(self, context: Context, speaker: str, begin: Begin, reply_bytes_max: int) -> None:
        self._context = context
        self._speaker = speaker
        self._begin = begin
        self._reply_bytes_max = reply_bytes_max - _OVERHEAD
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[int, tuple[Call, asyncio.TimerHandle]] = {}
        self._all_answered = asyncio.Event()
        self._stopped: asyncio.Future[None] = self._loop.create_future()
        self._outbox: Outbox[wire.Answer] = Outbox(self._send)
        self._is_over = False

    async def serve(self) -> None:
        """Returns when the asker or ``stop`` has ended it and what was asked is answered.

        Raises:
            CodecError: The asker does not keep to the protocol.
        """
        reading = self._loop.create_task(self._read())
        try:
            await asyncio.wait((reading, self._stopped), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()
            while self._waiting:
                self._all_answered.clear()
                await self._all_answered.wait()
            await self._outbox.sent()
        finally:
            reading.cancel()
            self._is_over = True
            for call, _ in list(self._waiting.values()):
                call.give_up()

    def stop(self) -> None:
        """Read no more questions."""
        if not self._stopped.done():
            self._stopped.set_result(None)

    async def _read(self) -> None:
        while not isinstance(data := await self._context.read(), _END):
            for question in parse_request(wire.Questions, data).questions:
                self._take(question)
            if len(self._outbox) > UNREAD_MAX:
                await self._outbox.sent()

    def _take(self, question: wire.Question) -> None:
        number = question.number
        if number in self._waiting:
            raise CodecError(f"question {number} is asked twice")
        respond = partial(self._respond, number)
        call = self._begin(question.method, question.request, self._speaker, respond)
        if not call.is_over:
            expiry = self._loop.call_later(question.timeout_ns / 1e9, call.give_up)
            self._waiting[number] = call, expiry

    def _respond(self, number: int, code: grpc.StatusCode, details: str, reply: bytes) -> None:
        _, expiry = self._waiting.pop(number, (None, None))
        if expiry is not None:
            expiry.cancel()
        if self._is_over:
            return
        if len(reply) > self._reply_bytes_max:
            code, reply = grpc.StatusCode.RESOURCE_EXHAUSTED, b""
            details = f"a reply of more than {self._reply_bytes_max} bytes"
        number_of_code: int = code.value[0]
        self._outbox.put(
            wire.Answer(number=number, code=number_of_code, details=details, reply=reply)
        )
        if not self._waiting:
            self._all_answered.set()

    async def _send(self, answers: list[wire.Answer]) -> None:
        for frame in _frames(answers, lambda answer: len(answer.reply)):
            await self._context.write(wire.Answers(answers=frame).SerializeToString())


_END: Final = type(grpc.aio.EOF)


def _frames(items: Iterable[Item], size: Callable[[Item], int]) -> Iterator[list[Item]]:
    """``items`` in their order, as many together as share a message."""
    frame: list[Item] = []
    filled = 0
    for item in items:
        if frame and filled + size(item) > FRAME_BYTES_MAX:
            yield frame
            frame, filled = [], 0
        frame.append(item)
        filled += size(item) + _OVERHEAD
    if frame:
        yield frame
