"""One side of a relayed HTTP/2 connection (RFC 9113): frames in, frames out, flow control.

Pure: bytes are fed in and taken out.  Only what a relay needs: priorities, pushes and frames
of unknown kinds are dropped, as the standard allows.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple, TypeAlias, assert_never

from nemesis.proxy.hpack import Decoder, Header, MalformedBlock, encode

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER_BYTES: Final = 9
FRAME_MAX: Final = 16384
"""What every peer takes; larger frames are for those who ask, and we do not ask."""
WINDOW_FIRST: Final = 65_535
STREAM_WINDOW: Final = 1 << 20
CONNECTION_WINDOW: Final = 1 << 24
"""What we let a peer send ahead on one stream, and on all."""
GRANT_MIN: Final = 1 << 17
"""Less is not worth a frame."""
BLOCK_BYTES_MAX: Final = 1 << 20


class RelayError(ValueError):
    """What a peer says is not HTTP/2 any more; the connection is of no further use."""


class Kind(IntEnum):
    DATA = 0
    HEADERS = 1
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


ACK: Final = 0x1
END_STREAM: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY: Final = 0x20

ENABLE_PUSH: Final = 2
INITIAL_WINDOW_SIZE: Final = 4
OUR_OWN: Final = frozenset({1, ENABLE_PUSH, INITIAL_WINDOW_SIZE, 5})
"""Settings of one hop, which say nothing to the other: also the sizes of tables and frames."""


class Frame(NamedTuple):
    """Without padding and priority; the blocks of ``HEADERS`` are whole.  ``size`` is what a
    ``DATA`` frame takes of windows."""

    kind: int
    flags: int
    stream: int
    payload: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Headers:
    headers: Sequence[Header]
    end: bool


@dataclass(frozen=True, slots=True)
class Data:
    """``credit`` bytes may be sent again on the stream this came from when it has gone."""

    data: bytes
    end: bool
    credit: Inflow | None = None


@dataclass(frozen=True, slots=True)
class Reset:
    code: int


Item: TypeAlias = Headers | Data | Reset


class Inflow:
    """What a peer may send on one stream."""

    __slots__ = ("_hop", "_owed", "_stream")

    def __init__(self, hop: Hop, stream: int) -> None:
        self._hop = hop
        self._stream = stream
        self._owed = 0

    def grant(self, size: int) -> None:
        self._owed += size
        if self._owed >= GRANT_MIN:
            self._hop.grant(self._stream, self._owed)
            self._owed = 0


class Outflow:
    """What goes out on one stream, in its order, as far as windows allow.

    ``stream`` is 0 until it is opened; until then, and while it is ``held``, all waits.  What
    is put in after its end is lost.
    """

    __slots__ = ("_closed", "_hop", "_items", "_window", "held", "stream")

    def __init__(self, hop: Hop, stream: int = 0) -> None:
        self._hop = hop
        self._items: deque[Item] = deque()
        self._window = hop.initial_window
        self.stream = stream
        self.held = False
        self._closed = False
        if stream:
            hop.flows[stream] = self

    def put(self, item: Item) -> None:
        if not self._closed:
            self._items.append(item)
            self.flush()

    def open(self, stream: int) -> None:
        self.stream = stream
        self._window = self._hop.initial_window
        self._hop.flows[stream] = self
        self.flush()

    def drop_waiting(self) -> bool:
        """Lose what waits; whether anything did."""
        had = bool(self._items)
        self._items.clear()
        return had

    def release(self) -> None:
        """It is held no more."""
        self.held = False
        self.flush()

    def reset(self, code: int) -> None:
        """End it at once, if it was opened; what waits is lost."""
        self._items.clear()
        self.held = False
        if self.stream:
            self.put(Reset(code))
        self.close()

    def close(self) -> None:
        """Nothing more goes out."""
        self._items.clear()
        self._closed = True
        self._hop.flows.pop(self.stream, None)

    def widen(self, size: int) -> None:
        self._window += size
        self.flush()

    def flush(self) -> None:
        hop = self._hop
        while self._items and self.stream and not self.held:
            item = self._items[0]
            match item:
                case Headers(headers=headers, end=end):
                    hop.say_headers(self.stream, headers, end=end)
                case Data(data=data, end=end, credit=credit):
                    room = min(self._window, hop.window, FRAME_MAX)
                    if data and room <= 0:
                        return
                    sent = data[:room] if data else b""
                    rest = data[len(sent) :]
                    self._window -= len(sent)
                    hop.window -= len(sent)
                    hop.say(Kind.DATA, END_STREAM * (end and not rest), self.stream, sent)
                    if credit is not None:
                        credit.grant(len(sent))
                    if rest:
                        self._items[0] = Data(rest, end, credit)
                        continue
                case Reset(code=code):
                    hop.say(Kind.RST_STREAM, 0, self.stream, struct.pack("!I", code))
                case _:
                    assert_never(item)
            self._items.popleft()
            if isinstance(item, Reset) or item.end:
                self.close()


class Hop:
    """Our end of the connection with one peer.

    ``out`` is what it is to be sent; ``flows`` the streams that something may go out on.
    """

    def __init__(self) -> None:
        self.out = bytearray()
        self.flows: dict[int, Outflow] = {}
        self.window = WINDOW_FIRST
        self.initial_window = WINDOW_FIRST
        self._decoder = Decoder()
        self._inbox = bytearray()
        self._owed = 0
        self._block: tuple[int, int, bytearray] | None = None

    def begin(self, preface: bytes = b"") -> None:
        """Say what has to be said first."""
        self.out += preface
        settings = struct.pack("!HIHI", ENABLE_PUSH, 0, INITIAL_WINDOW_SIZE, STREAM_WINDOW)
        # A server must not even mention pushes.
        self.say(Kind.SETTINGS, 0, 0, settings if preface else settings[6:])
        self.grant(0, CONNECTION_WINDOW - WINDOW_FIRST)

    def receive(self, data: bytes | memoryview) -> Iterator[Frame]:
        """
        Raises:
            RelayError: It cannot be followed.
        """
        inbox = self._inbox
        inbox += data
        while len(inbox) >= HEADER_BYTES:
            high, low, kind, flags, stream = struct.unpack_from("!BHBBI", inbox)
            length = high << 16 | low
            if length > FRAME_MAX:
                raise RelayError(f"a frame of {length} bytes")
            if len(inbox) < HEADER_BYTES + length:
                return
            payload = bytes(inbox[HEADER_BYTES : HEADER_BYTES + length])
            del inbox[: HEADER_BYTES + length]
            frame = self._take(Frame(kind, flags, stream & 0x7FFFFFFF, payload, length))
            if frame is not None:
                yield frame

    def _take(self, frame: Frame) -> Frame | None:
        if self._block is not None:
            stream, flags, block = self._block
            if frame.kind != Kind.CONTINUATION or frame.stream != stream:
                raise RelayError("a block of headers that is interrupted")
            block += frame.payload
            if len(block) > BLOCK_BYTES_MAX:
                raise RelayError("a block of headers without end")
            if not frame.flags & END_HEADERS:
                return None
            self._block = None
            return Frame(Kind.HEADERS, flags, stream, bytes(block), 0)
        match frame.kind:
            case Kind.DATA:
                self._owed += frame.size
                if self._owed >= GRANT_MIN:
                    self.grant(0, self._owed)
                    self._owed = 0
                return frame._replace(payload=_unpadded(frame))
            case Kind.HEADERS:
                payload = _unpadded(frame)
                if frame.flags & PRIORITY:
                    payload = payload[5:]
                if frame.flags & END_HEADERS:
                    return frame._replace(payload=payload)
                self._block = frame.stream, frame.flags, bytearray(payload)
                return None
            case _:
                return frame

    def headers(self, frame: Frame) -> list[Header]:
        """Of each ``HEADERS`` frame once, in their order.

        Raises:
            RelayError: They cannot be read.
        """
        try:
            return self._decoder.decode(frame.payload)
        except MalformedBlock as error:
            raise RelayError(str(error)) from error

    def settings(self, frame: Frame) -> bytes:
        """Obey and acknowledge them; those that the other hop should hear, too.

        Raises:
            RelayError: They are none.
        """
        if len(frame.payload) % 6:
            raise RelayError(f"settings of {len(frame.payload)} bytes")
        pass_on = b""
        for name, value in struct.iter_unpack("!HI", frame.payload):
            if name == INITIAL_WINDOW_SIZE:
                change, self.initial_window = value - self.initial_window, value
                for flow in tuple(self.flows.values()):
                    flow.widen(change)
            if name not in OUR_OWN:
                pass_on += struct.pack("!HI", name, value)
        self.say(Kind.SETTINGS, ACK, 0, b"")
        return pass_on

    def widened(self, frame: Frame) -> None:
        """The peer lets us send more.

        Raises:
            RelayError: The frame is none of its kind.
        """
        size = number_in(frame) & 0x7FFFFFFF
        if frame.stream:
            if (flow := self.flows.get(frame.stream)) is not None:
                flow.widen(size)
            return
        self.window += size
        for flow in tuple(self.flows.values()):
            flow.flush()

    def drop_waiting(self) -> bool:
        """Lose what waits for windows; whether anything did."""
        return sum(flow.drop_waiting() for flow in self.flows.values()) > 0

    def grant(self, stream: int, size: int) -> None:
        """Let the peer send more."""
        self.say(Kind.WINDOW_UPDATE, 0, stream, struct.pack("!I", size))

    def say_headers(self, stream: int, headers: Sequence[Header], *, end: bool) -> None:
        block = encode(headers)
        kind, flags = Kind.HEADERS, END_STREAM * end
        while len(block) > FRAME_MAX:
            self.say(kind, flags, stream, block[:FRAME_MAX])
            block = block[FRAME_MAX:]
            kind, flags = Kind.CONTINUATION, 0
        self.say(kind, flags | END_HEADERS, stream, block)

    def say(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        length = len(payload)
        self.out += struct.pack("!BHBBI", length >> 16, length & 0xFFFF, kind, flags, stream)
        self.out += payload


def _unpadded(frame: Frame) -> bytes:
    if not frame.flags & PADDED:
        return frame.payload
    if not frame.payload or frame.payload[0] >= len(frame.payload):
        raise RelayError("padding beyond its frame")
    return frame.payload[1 : len(frame.payload) - frame.payload[0]]


def number_in(frame: Frame) -> int:
    """All that some kinds of frames hold.

    Raises:
        RelayError: It is none.
    """
    if len(frame.payload) != 4:
        raise RelayError(f"{len(frame.payload)} bytes where a number is due")
    return int.from_bytes(frame.payload, "big")
