"""Messages of gRPC within a stream, and calls within messages."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

PREFIX: Final = struct.Struct("!BI")


class InnerCall(NamedTuple):
    """A call's request, or its reply, as one of those that share a message.

    ``number`` is its name in its stream, ``method`` "" of a reply; ``content`` is known to the
    ``Multiplexed`` that took it out.
    """

    number: int
    method: str
    content: Any


class Multiplexed(Protocol):
    """How a system puts many calls into the messages of one stream.

    Every reply has the number of its request; numbers from ``COPY`` on are not in use.
    """

    def carries(self, method: str) -> bool:
        """Whether the streams of ``method`` do so."""

    def requests(self, message: bytes) -> Sequence[InnerCall]:
        """
        Raises:
            ValueError: It is no such message.
        """

    def replies(self, message: bytes) -> Sequence[InnerCall]:
        """
        Raises:
            ValueError: It is no such message.
        """

    def join_requests(self, calls: Sequence[InnerCall]) -> bytes: ...

    def join_replies(self, calls: Sequence[InnerCall]) -> bytes: ...

    def renumbered(self, request: InnerCall, number: int) -> InnerCall: ...

    def failure(self, number: int, status: int, details: str) -> InnerCall:
        """The reply that says so."""


COPY: Final = 1 << 62
"""From here on numbers are those of copies that we made."""


class Messages:
    """Takes the messages out of what a stream carries."""

    def __init__(self) -> None:
        self._inbox = bytearray()

    def receive(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Whole messages, each with its flag: 1 if it is compressed."""
        inbox = self._inbox
        inbox += data
        while len(inbox) >= PREFIX.size:
            flag, length = PREFIX.unpack_from(inbox)
            end = PREFIX.size + length
            if len(inbox) < end:
                return
            message = bytes(inbox[PREFIX.size : end])
            del inbox[:end]
            yield flag, message


def framed(message: bytes, flag: int = 0) -> bytes:
    return PREFIX.pack(flag, len(message)) + message
