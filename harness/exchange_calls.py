"""Calls that share a message of ExchangeRPC, told apart for the proxies."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from nemesis.proxy.messages import InnerCall
from protos.generated import gossip_raft_pb2 as wire
from system_under_test.gossip_raft.runtime.rpc import EXCHANGE


class ExchangeCalls:
    """``nemesis.proxy.messages.Multiplexed`` for our own protocol."""

    def carries(self, method: str) -> bool:
        return method == EXCHANGE

    def requests(self, message: bytes) -> Sequence[InnerCall]:
        try:
            questions = wire.Questions.FromString(message).questions
        except DecodeError as error:
            raise ValueError(str(error)) from error
        return [InnerCall(question.number, question.method, question) for question in questions]

    def replies(self, message: bytes) -> Sequence[InnerCall]:
        try:
            answers = wire.Answers.FromString(message).answers
        except DecodeError as error:
            raise ValueError(str(error)) from error
        return [InnerCall(answer.number, "", answer) for answer in answers]

    def join_requests(self, calls: Sequence[InnerCall]) -> bytes:
        return wire.Questions(questions=[call.content for call in calls]).SerializeToString()

    def join_replies(self, calls: Sequence[InnerCall]) -> bytes:
        return wire.Answers(answers=[call.content for call in calls]).SerializeToString()

    def renumbered(self, request: InnerCall, number: int) -> InnerCall:
        question = wire.Question()
        question.CopyFrom(request.content)
        question.number = number
        return InnerCall(number, request.method, question)

    def failure(self, number: int, status: int, details: str) -> InnerCall:
        return InnerCall(number, "", wire.Answer(number=number, code=status, details=details))
