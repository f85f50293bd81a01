"""Header blocks.  The examples are those of RFC 7541, appendix C."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemesis.proxy.hpack import Decoder, Header, MalformedBlock, encode

headers = st.lists(st.tuples(st.binary(max_size=300), st.binary(max_size=300)))

REQUESTS: list[list[Header]] = [
    [
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":path", b"/"),
        (b":authority", b"www.example.com"),
    ],
    [
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":path", b"/"),
        (b":authority", b"www.example.com"),
        (b"cache-control", b"no-cache"),
    ],
    [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b":path", b"/index.html"),
        (b":authority", b"www.example.com"),
        (b"custom-key", b"custom-value"),
    ],
]
PLAIN = (
    "828684410f7777772e6578616d706c652e636f6d",
    "828684be58086e6f2d6361636865",
    "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
)
HUFFMAN = (
    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    "828684be5886a8eb10649cbf",
    "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
)


@pytest.mark.parametrize("blocks", [PLAIN, HUFFMAN], ids=["plain", "huffman"])
def test_blocks_of_one_connection_are_read_in_their_order(blocks: tuple[str, ...]) -> None:
    decoder = Decoder()
    assert [decoder.decode(bytes.fromhex(block)) for block in blocks] == REQUESTS


def test_a_table_that_shrinks_forgets_the_oldest() -> None:
    decoder = Decoder()
    decoder.decode(bytes.fromhex(PLAIN[0]))
    decoder.decode(bytes.fromhex("20"))
    with pytest.raises(MalformedBlock, match="no entry 62"):
        decoder.decode(bytes.fromhex("be"))


@given(headers)
def test_what_is_written_is_read_back_and_leaves_no_trace(block: list[Header]) -> None:
    decoder = Decoder()
    assert decoder.decode(encode(block)) == block
    assert decoder.decode(encode(block)) == block
    with pytest.raises(MalformedBlock, match="no entry 62"):
        decoder.decode(b"\xbe")


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ("80", "no entry 0"),
        ("0003", "ends early"),
        ("00", "ends early"),
        ("ffffffffffff7f", "an integer beyond all use"),
        ("3fffffffff0f", "a table of|an integer beyond all use"),
        ("00018161", "ends early"),
        ("0081ff0161", "padding that is none"),
        ("0084ffffffff0161", "the end within a string"),
    ],
)
def test_what_is_no_block_is_refused(block: str, problem: str) -> None:
    with pytest.raises(MalformedBlock, match=problem):
        Decoder().decode(bytes.fromhex(block))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(block: bytes) -> None:
    with contextlib.suppress(MalformedBlock):
        Decoder().decode(block)
