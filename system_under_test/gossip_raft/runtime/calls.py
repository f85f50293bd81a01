"""One call that somebody made to us, however it came: alone, or as a question on a stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from system_under_test.gossip_raft.runtime.errors import CodecError

Respond: TypeAlias = Callable[[grpc.StatusCode, str, bytes], None]
"""Is told once how a call ended: its code, and the reply if that is OK, else details."""


class Call:
    """Ends once, by ``answer``, ``refuse`` or ``give_up``; what is said later is lost.

    ``speaker`` is the name in the caller's certificate, "" without TLS.
    """

    __slots__ = ("_respond", "is_over", "speaker", "when_over")

    def __init__(self, speaker: str, respond: Respond) -> None:
        self.speaker: Final = speaker
        self._respond = respond
        self.is_over = False
        self.when_over: Callable[[], None] = _nothing

    def answer(self, reply: Any) -> None:
        if self._end():
            self._respond(grpc.StatusCode.OK, "", reply.SerializeToString())

    def refuse(self, code: grpc.StatusCode, details: str) -> None:
        if self._end():
            self._respond(code, details, b"")

    def give_up(self) -> None:
        """The caller has gone, or its time is over."""
        self.refuse(grpc.StatusCode.CANCELLED, "nobody waits for it any more")

    def _end(self) -> bool:
        if self.is_over:
            return False
        self.is_over = True
        self.when_over()
        return True


def parse_request(kind: type[Any], data: bytes) -> Any:
    """
    Raises:
        CodecError: It is not a ``kind``, or says more than this version understands,
            which could mean anything.
    """
    name = kind.DESCRIPTOR.name
    try:
        message = kind.FromString(data)
    except DecodeError as error:
        raise CodecError(f"not a {name}") from error
    message.DiscardUnknownFields()
    if message.ByteSize() < len(data):
        raise CodecError(f"{name} with unknown fields")
    return message


def _nothing() -> None:
    pass
