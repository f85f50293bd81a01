"""Both ends of a stream of questions, against a stream that the test holds in its hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from protos.generated import gossip_raft_pb2 as wire
from system_under_test.gossip_raft.runtime import exchange as module
from system_under_test.gossip_raft.runtime.calls import Call, Respond
from system_under_test.gossip_raft.runtime.errors import CodecError
from system_under_test.gossip_raft.runtime.exchange import Answerer, Asker

LONG_S = 60.0
REPLY_BYTES_MAX = 1000


class Stream:
    """What gRPC gives to either end.  ``open_gate`` lets writes through, as it is at first."""

    def __init__(self) -> None:
        self.written: asyncio.Queue[bytes] = asyncio.Queue()
        self.to_read: asyncio.Queue[Any] = asyncio.Queue()
        self.gate = asyncio.Event()
        self.gate.set()
        self.writing = asyncio.Event()
        self.cancelled = False

    async def read(self) -> Any:
        item = await self.to_read.get()
        if isinstance(item, Exception):
            raise item
        return item

    async def write(self, data: bytes) -> None:
        self.writing.set()
        await self.gate.wait()
        self.written.put_nowait(data)

    def cancel(self) -> None:
        self.cancelled = True

    async def questions(self) -> list[wire.Question]:
        """Of the next message."""
        async with asyncio.timeout(10):
            return list(wire.Questions.FromString(await self.written.get()).questions)

    async def answers(self) -> list[wire.Answer]:
        async with asyncio.timeout(10):
            return list(wire.Answers.FromString(await self.written.get()).answers)

    def say(self, *answers: wire.Answer) -> None:
        self.to_read.put_nowait(wire.Answers(answers=answers).SerializeToString())

    def ask(self, *questions: wire.Question) -> None:
        self.to_read.put_nowait(wire.Questions(questions=questions).SerializeToString())


async def code_of(reply: asyncio.Future[bytes]) -> grpc.StatusCode:
    async with asyncio.timeout(10):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await reply
    return caught.value.code()


# --- who asks ------------------------------------------------------------------------


@pytest_asyncio.fixture
async def stream() -> AsyncIterator[Stream]:
    yield Stream()


async def test_what_one_turn_asks_shares_a_message(stream: Stream) -> None:
    asker = Asker(stream)
    for request in (b"a", b"b", b"c"):
        asker.ask("ReadRPC", request, LONG_S)
    asked = await stream.questions()
    assert [question.request for question in asked] == [b"a", b"b", b"c"]
    assert {question.method for question in asked} == {"ReadRPC"}
    assert len({question.number for question in asked}) == 3
    assert all(0.9 * LONG_S < question.timeout_ns / 1e9 <= LONG_S for question in asked)


async def test_what_gathers_while_a_message_is_sent_shares_the_next(stream: Stream) -> None:
    asker = Asker(stream)
    stream.gate.clear()
    asker.ask("ReadRPC", b"a", LONG_S)
    await stream.writing.wait()
    asker.ask("ReadRPC", b"b", LONG_S)
    await asyncio.wait([asyncio.ensure_future(_turn())])
    asker.ask("ReadRPC", b"c", LONG_S)
    stream.gate.set()
    assert [q.request for q in await stream.questions()] == [b"a"]
    assert [q.request for q in await stream.questions()] == [b"b", b"c"]


async def _turn() -> None:
    """One turn of the event loop."""


async def test_large_questions_do_not_share_a_message(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FRAME_BYTES_MAX", 1000)
    asker = Asker(stream)
    for size in (100, 100, 900, 2000, 1):
        asker.ask("ReadRPC", bytes(size), LONG_S)
    sizes = [[len(q.request) for q in await stream.questions()] for _ in range(4)]
    assert sizes == [[100, 100], [900], [2000], [1]]


async def test_replies_find_their_questions_in_any_order(stream: Stream) -> None:
    asker = Asker(stream)
    replies = [asker.ask("ReadRPC", bytes([n]), LONG_S) for n in range(3)]
    numbers = [question.number for question in await stream.questions()]
    stream.say(wire.Answer(number=numbers[2], reply=b"2"))
    refusal = wire.Answer(number=numbers[0], code=9, details="not now")
    stream.say(refusal, wire.Answer(number=numbers[1]))
    async with asyncio.timeout(10):
        assert await replies[2] == b"2"
        assert await replies[1] == b""
        with pytest.raises(grpc.aio.AioRpcError, match="not now") as caught:
            await replies[0]
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_answers_that_are_late_or_to_nothing_asked_are_none(stream: Stream) -> None:
    asker = Asker(stream)
    hasty, patient = asker.ask("ReadRPC", b"", 0.001), asker.ask("ReadRPC", b"x", LONG_S)
    assert await code_of(hasty) is grpc.StatusCode.DEADLINE_EXCEEDED
    number = (await stream.questions())[-1].number
    stream.say(*(wire.Answer(number=other, reply=b"?") for other in range(50) if other != number))
    stream.say(wire.Answer(number=number, reply=b"!"), wire.Answer(number=number, reply=b"?"))
    assert await patient == b"!"
    assert not asker.is_over


async def test_a_question_whose_asker_waits_no_more_is_not_sent(stream: Stream) -> None:
    asker = Asker(stream)
    stream.gate.clear()
    asker.ask("ReadRPC", b"first", LONG_S)
    await stream.writing.wait()
    given_up, late = asker.ask("ReadRPC", b"given up", LONG_S), asker.ask("ReadRPC", b"", 0.001)
    given_up.cancel()
    assert await code_of(late) is grpc.StatusCode.DEADLINE_EXCEEDED
    asker.ask("ReadRPC", b"last", LONG_S)
    stream.gate.set()
    assert [q.request for q in await stream.questions()] == [b"first"]
    assert [q.request for q in await stream.questions()] == [b"last"]


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (grpc.aio.EOF, grpc.StatusCode.UNAVAILABLE),
        (grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL), grpc.StatusCode.INTERNAL),
        (b"\xff", grpc.StatusCode.INTERNAL),
    ],
    ids=["ended", "broken", "nonsense"],
)
async def test_what_waits_on_a_stream_ends_with_it(
    stream: Stream, end: Any, code: grpc.StatusCode
) -> None:
    asker = Asker(stream)
    stream.gate.clear()
    replies = [asker.ask("ReadRPC", b"", LONG_S) for _ in range(2)]
    await stream.writing.wait()
    replies.append(asker.ask("ReadRPC", b"never sent", LONG_S))
    stream.to_read.put_nowait(end)
    for reply in replies:
        assert await code_of(reply) is code
    assert asker.is_over
    assert stream.cancelled == (end == b"\xff")
    stream.gate.set()
    await stream.questions()
    assert stream.written.empty()


# --- who answers ---------------------------------------------------------------------


class Service:
    """Leaves each call to the test; that of a method ``now`` is answered at once."""

    def __init__(self, stream: Stream) -> None:
        self.begun: asyncio.Queue[tuple[str, bytes, Call]] = asyncio.Queue()
        self.answerer = Answerer(stream, "n1", self._begin, REPLY_BYTES_MAX)
        self.serving = asyncio.ensure_future(self.answerer.serve())

    def _begin(self, method: str, request: bytes, speaker: str, respond: Respond) -> Call:
        call = Call(speaker, respond)
        if method == "now":
            call.answer(wire.Questions())
        else:
            self.begun.put_nowait((method, request, call))
        return call

    async def next(self) -> Call:
        async with asyncio.timeout(10):
            return (await self.begun.get())[2]

    async def ends(self) -> None:
        async with asyncio.timeout(10):
            await self.serving


def question(number: int, method: str = "later", timeout_ns: int = int(60e9)) -> wire.Question:
    return wire.Question(number=number, method=method, request=b"r", timeout_ns=timeout_ns)


def reply_of(size: int = 3) -> Any:
    return wire.Question(request=bytes(size))


async def test_questions_are_answered_in_the_order_of_their_answers(stream: Stream) -> None:
    service = Service(stream)
    stream.ask(question(7), question(5))
    first, second = await service.next(), await service.next()
    assert (first.speaker, second.speaker) == ("n1", "n1")
    second.answer(reply_of())
    assert await stream.answers() == [
        wire.Answer(number=5, reply=reply_of().SerializeToString()),
    ]
    first.refuse(grpc.StatusCode.ABORTED, "no")
    first.answer(reply_of())  # It has ended.
    assert await stream.answers() == [wire.Answer(number=7, code=10, details="no")]
    stream.to_read.put_nowait(grpc.aio.EOF)
    await service.ends()
    assert stream.written.empty()


async def test_what_one_turn_answers_shares_a_message(stream: Stream) -> None:
    service = Service(stream)
    stream.ask(*(question(number, "now") for number in range(5)))
    assert [answer.number for answer in await stream.answers()] == list(range(5))
    service.serving.cancel()


async def test_an_asker_that_ends_its_side_is_still_answered(stream: Stream) -> None:
    service = Service(stream)
    stream.ask(question(1), question(2))
    stream.to_read.put_nowait(grpc.aio.EOF)
    for number in (1, 2):
        (await service.next()).answer(reply_of())
        assert [answer.number for answer in await stream.answers()] == [number]
    await service.ends()


async def test_an_end_that_stops_answers_what_it_was_asked(stream: Stream) -> None:
    service = Service(stream)
    stream.ask(question(1))
    call = await service.next()
    service.answerer.stop()
    service.answerer.stop()
    call.answer(reply_of())
    await service.ends()
    assert [answer.number for answer in await stream.answers()] == [1]
    stream.ask(question(2))
    assert service.begun.empty()


async def test_a_question_is_given_up_at_its_deadline(stream: Stream) -> None:
    service = Service(stream)
    stream.ask(question(1, timeout_ns=0), question(2))
    late, patient = await service.next(), await service.next()
    assert [(a.number, a.code) for a in await stream.answers()] == [(1, 1)]
    assert (late.is_over, patient.is_over) == (True, False)
    service.serving.cancel()


async def test_an_asker_that_goes_away_takes_its_questions_along(stream: Stream) -> None:
    service = Service(stream)
    stream.ask(question(1))
    call = await service.next()
    gone = asyncio.Event()
    call.when_over = gone.set
    service.serving.cancel()
    async with asyncio.timeout(10):
        await gone.wait()
    call.answer(reply_of())
    await asyncio.wait([service.serving])
    assert stream.written.empty()


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\xff",
        wire.Questions(questions=[question(1)]).SerializeToString() + b"\xfa\x3f\x03abc",
        wire.Questions(questions=[question(1), question(1)]).SerializeToString(),
    ],
    ids=["no questions", "unknown fields", "one number twice"],
)
async def test_a_stream_that_makes_no_sense_ends_with_all_that_waits_on_it(
    stream: Stream, nonsense: bytes
) -> None:
    service = Service(stream)
    stream.ask(question(9))
    call = await service.next()
    stream.to_read.put_nowait(nonsense)
    with pytest.raises(CodecError):
        await service.ends()
    assert call.is_over


async def test_a_reply_that_is_too_large_is_refused_by_itself(stream: Stream) -> None:
    service = Service(stream)
    stream.ask(question(1), question(2))
    (await service.next()).answer(reply_of(REPLY_BYTES_MAX))
    (await service.next()).answer(reply_of())
    refused, answered = await stream.answers()
    assert refused.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert not refused.reply
    assert (answered.code, answered.reply) == (0, reply_of().SerializeToString())
    service.serving.cancel()


async def test_an_asker_that_does_not_read_its_answers_is_not_read_either(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UNREAD_MAX", 2)
    service = Service(stream)
    stream.gate.clear()
    stream.ask(question(0, "now"))
    await stream.writing.wait()
    stream.ask(*(question(number, "now") for number in range(1, 5)))
    stream.ask(question(5))
    while stream.to_read.qsize() != 1:
        await asyncio.wait([asyncio.ensure_future(_turn())])
    assert service.begun.empty()
    stream.gate.set()
    assert (await service.next()).is_over is False
    assert stream.to_read.empty()
    service.serving.cancel()


class Closed(Stream):
    async def write(self, data: bytes) -> None:
        raise asyncio.InvalidStateError(f"the call is over: {len(data)} bytes are lost")


async def test_an_end_that_cannot_write_any_more_is_left_to_its_reader() -> None:
    stream = Closed()
    asker = Asker(stream)
    reply = asker.ask("ReadRPC", b"", LONG_S)
    stream.to_read.put_nowait(grpc.aio.EOF)
    assert await code_of(reply) is grpc.StatusCode.UNAVAILABLE
