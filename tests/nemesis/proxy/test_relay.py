"""The relay by itself: what it does with bytes that are cut anyhow, or are no HTTP/2."""

from __future__ import annotations

import contextlib
import random
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemesis.proxy.gate import Gate
from nemesis.proxy.hpack import Decoder, encode
from nemesis.proxy.http2 import (
    END_HEADERS,
    END_STREAM,
    PADDED,
    PREFACE,
    Frame,
    Hop,
    Kind,
    RelayError,
)
from nemesis.proxy.relay import Relay
from system_under_test.conditions import Meddled, Meddling
from system_under_test.control import Link

REQUEST = ((b":method", b"POST"), (b":path", b"/test.Service/Ask"))


def relay_of(*conditions: Meddled) -> Relay:
    forward, backward = (Gate(Link(*ends), random.Random(1)) for ends in (("a", "b"), ("b", "a")))
    for condition in conditions:
        forward.impose(condition)
    return Relay(forward, backward)


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    length = len(payload)
    return struct.pack("!BHBBI", length >> 16, length & 0xFFFF, kind, flags, stream) + payload


def asked(stream: int = 1, data: bytes = b"question") -> bytes:
    """What a client says: who it is, and one call."""
    return (
        PREFACE
        + frame(Kind.SETTINGS, 0, 0, b"")
        + frame(Kind.HEADERS, END_HEADERS, stream, encode(REQUEST))
        + frame(Kind.DATA, END_STREAM, stream, data)
    )


def heard(said: bytes | bytearray, *, preface: bool) -> list[Frame]:
    """The frames of calls, as a peer reads them."""
    if preface:
        assert said.startswith(PREFACE)
        said = said[len(PREFACE) :]
    frames = list(Hop().receive(bytes(said)))
    return [f for f in frames if f.kind in {Kind.HEADERS, Kind.DATA, Kind.RST_STREAM, Kind.GOAWAY}]


def feed(relay: Relay, data: bytes, cut: Callable[[int], int]) -> None:
    """From the client, in pieces of what ``cut`` says."""
    while data:
        piece, data = data[: (size := cut(len(data)))], data[size:]
        relay.receive(True, piece, 0.0)


@given(st.data())
def test_however_bytes_are_cut_the_same_goes_on(data: st.DataObject) -> None:
    whole, in_pieces = relay_of(), relay_of()
    said = asked(data=b"x" * 1_000) + frame(Kind.RST_STREAM, 0, 1, struct.pack("!I", 8))
    whole.receive(True, said, 0.0)
    feed(in_pieces, said, lambda left: data.draw(st.integers(1, left)))
    assert in_pieces.to_server == whole.to_server
    assert in_pieces.to_client == whole.to_client


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00", b"PRI * HTTP/9"])
def test_what_is_no_http2_passes_as_it_is(said: bytes) -> None:
    relay = relay_of(Meddled(Meddling.DROP_REQUEST))
    relay.receive(True, said, 0.0)
    relay.receive(False, b"an answer", 0.0)
    relay.receive(True, b"more", 0.0)
    assert bytes(relay.to_server) == said + b"more"
    assert bytes(relay.to_client) == b"an answer"


def test_a_server_that_speaks_first_and_no_http2_is_heard() -> None:
    relay = relay_of()
    relay.receive(False, b"220 ready to serve you", 0.0)
    assert bytes(relay.to_client) == b"220 ready to serve you"


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_followed_or_refused(said: bytes, from_client: bool) -> None:
    relay = relay_of(Meddled(Meddling.DUPLICATE))
    relay.receive(True, asked(), 0.0)
    with contextlib.suppress(RelayError):
        relay.receive(from_client, said, 0.0)


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(0, 255), st.integers(0, 5), st.binary())))
def test_any_frames_are_followed_or_refused(frames: list[tuple[int, int, int, bytes]]) -> None:
    for from_client in (True, False):
        relay = relay_of(Meddled(Meddling.DUPLICATE, probability=0.5))
        relay.receive(True, asked(), 0.0)
        with contextlib.suppress(RelayError):
            for kind, flags, stream, payload in frames:
                relay.receive(from_client, frame(kind, flags, stream, payload), 0.0)


def test_padding_and_blocks_in_pieces_are_understood() -> None:
    relay = relay_of()
    block = encode(REQUEST)
    relay.receive(
        True,
        PREFACE
        + frame(Kind.HEADERS, PADDED, 1, b"\x03" + block[:5] + b"\0\0\0")
        + frame(Kind.CONTINUATION, 0, 1, block[5:9])
        + frame(Kind.CONTINUATION, END_HEADERS, 1, block[9:])
        + frame(Kind.DATA, PADDED | END_STREAM, 1, b"\x02question\0\0"),
        0.0,
    )
    head, body = heard(relay.to_server, preface=True)
    assert Decoder().decode(head.payload) == list(REQUEST)
    assert (body.payload, body.flags) == (b"question", END_STREAM)


def test_streams_are_numbered_anew_behind_one_that_was_dropped() -> None:
    relay = relay_of(Meddled(Meddling.DROP_REQUEST, probability=0.5))
    said = asked(1)
    for stream in range(3, 41, 2):
        said += asked(stream)[len(PREFACE) :]
    relay.receive(True, said, 0.0)
    streams = [f.stream for f in heard(relay.to_server, preface=True) if f.kind == Kind.HEADERS]
    assert 0 < len(streams) < 20
    assert streams == list(range(1, 2 * len(streams), 2))


def test_windows_of_the_receiver_are_kept_and_those_of_the_sender_given_back() -> None:
    relay = relay_of()
    relay.receive(True, asked()[:-17], 0.0)
    for _ in range(20):
        relay.receive(True, frame(Kind.DATA, 0, 1, bytes(16_384)), 0.0)
    sent = sum(f.size for f in heard(relay.to_server, preface=True) if f.kind == Kind.DATA)
    assert sent == 65_535
    relay.to_server.clear()
    for stream in (0, 1):
        more = frame(Kind.WINDOW_UPDATE, 0, stream, struct.pack("!I", 100_000))
        relay.receive(False, more, 0.0)
    assert sum(f.size for f in heard(relay.to_server, preface=False)) == 100_000


def test_a_farewell_names_the_streams_as_the_other_side_counts() -> None:
    relay = relay_of(Meddled(Meddling.DROP_REQUEST, methods=("Lost",)))
    lost = frame(Kind.HEADERS, END_HEADERS, 1, encode(((b":path", b"/test.Service/Lost"),)))
    relay.receive(True, PREFACE + lost, 0.0)
    relay.receive(True, asked(3)[len(PREFACE) :], 0.0)
    relay.receive(False, frame(Kind.GOAWAY, 0, 0, struct.pack("!II", 1, 0)), 0.0)
    (farewell,) = heard(relay.to_client, preface=False)
    assert farewell.payload == struct.pack("!II", 3, 0)


def test_what_waits_for_a_window_is_lost_when_its_way_is_cut() -> None:
    relay = relay_of()
    relay.receive(True, asked()[:-17], 0.0)
    for _ in range(5):
        relay.receive(True, frame(Kind.DATA, 0, 1, bytes(16_384)), 0.0)
    assert not relay.drop_held(to_server=False)
    assert relay.drop_held(to_server=True)
    assert not relay.drop_held(to_server=True)
