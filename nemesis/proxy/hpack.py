"""Header blocks of HTTP/2 (RFC 7541): every form is read, the simplest one is written.

What is written is literal and leaves the receiver's table alone (6.2.2), so that blocks
may be left out, repeated and put elsewhere.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, TypeAlias

Header: TypeAlias = tuple[bytes, bytes]

TABLE_BYTES_MAX: Final = 1 << 20
"""No sensible peer asks for a larger table."""
_ENTRY_OVERHEAD: Final = 32
_INTEGER_MAX: Final = 1 << 28


class MalformedBlock(ValueError):
    """It is no header block, or not the next one of its connection."""


class Decoder:
    """Reads the blocks of one direction of a connection, each once and in their order."""

    def __init__(self) -> None:
        self._entries: deque[Header] = deque()
        self._size = 0
        self._size_max = 4096

    def decode(self, block: bytes) -> list[Header]:
        """
        Raises:
            MalformedBlock: Nothing more can be read of the connection.
        """
        headers: list[Header] = []
        at = 0
        try:
            while at < len(block):
                first = block[at]
                if first & 0x80:
                    number, at = _integer(block, at, 7)
                    headers.append(self._entry(number))
                elif first & 0x40:
                    header, at = self._literal(block, at, 6)
                    headers.append(header)
                    self._add(header)
                elif first & 0x20:
                    size_max, at = _integer(block, at, 5)
                    if size_max > TABLE_BYTES_MAX:
                        raise MalformedBlock(f"a table of {size_max} bytes")
                    self._size_max = size_max
                    self._evict()
                else:
                    header, at = self._literal(block, at, 4)
                    headers.append(header)
        except IndexError:
            raise MalformedBlock("a block that ends early") from None
        return headers

    def _literal(self, block: bytes, at: int, bits: int) -> tuple[Header, int]:
        number, at = _integer(block, at, bits)
        if number:
            name = self._entry(number)[0]
        else:
            name, at = _string(block, at)
        value, at = _string(block, at)
        return (name, value), at

    def _entry(self, number: int) -> Header:
        if 0 < number <= len(_STATIC):
            return _STATIC[number - 1]
        dynamic = number - len(_STATIC) - 1
        if not 0 <= dynamic < len(self._entries):
            raise MalformedBlock(f"no entry {number}")
        return self._entries[dynamic]

    def _add(self, header: Header) -> None:
        self._entries.appendleft(header)
        self._size += _size(header)
        self._evict()

    def _evict(self) -> None:
        while self._size > self._size_max:
            self._size -= _size(self._entries.pop())


def encode(headers: Iterable[Header]) -> bytes:
    """A block that any decoder reads, whatever it read before."""
    block = bytearray()
    for name, value in headers:
        block.append(0)
        for text in (name, value):
            _append_integer(block, len(text), 7)
            block += text
    return bytes(block)


def _size(header: Header) -> int:
    return len(header[0]) + len(header[1]) + _ENTRY_OVERHEAD


def _integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    """An integer (5.1) in the last ``bits`` of a byte and perhaps more; and what is behind it."""
    full = (1 << bits) - 1
    number = block[at] & full
    at += 1
    if number < full:
        return number, at
    shift = 0
    while True:
        byte = block[at]
        at += 1
        number += (byte & 0x7F) << shift
        shift += 7
        if number > _INTEGER_MAX:
            raise MalformedBlock("an integer beyond all use")
        if byte < 0x80:
            return number, at


def _append_integer(block: bytearray, number: int, bits: int) -> None:
    full = (1 << bits) - 1
    if number < full:
        block.append(number)
        return
    block.append(full)
    number -= full
    while number >= 0x80:
        block.append(number & 0x7F | 0x80)
        number >>= 7
    block.append(number)


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    is_huffman = block[at] & 0x80
    length, at = _integer(block, at, 7)
    text = block[at : at + length]
    if len(text) < length:
        raise MalformedBlock("a string that ends early")
    return (_from_huffman(text) if is_huffman else text), at + length


# --- Huffman (5.2) -----------------------------------------------------------------

_LENGTHS: Final = (
    "dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca"
    "d67777777777777777777777878djde6f56565666577666567655677777fbeds"
    "kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn"
    "qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq"
    "u"
)
"""How many bits each byte takes, and the end (appendix B), as digits of base 32.  The code is
canonical, so the lengths say all."""


def _codes() -> dict[tuple[int, int], int]:
    """Symbols by the length and the value of their code."""
    lengths = [int(digit, 32) for digit in _LENGTHS]
    codes: dict[tuple[int, int], int] = {}
    code = length = 0
    for symbol in sorted(range(len(lengths)), key=lambda symbol: lengths[symbol]):
        code <<= lengths[symbol] - length
        length = lengths[symbol]
        codes[length, code] = symbol
        code += 1
    return codes


_CODES: Final = _codes()
_PADDING_BITS_MAX: Final = 7


def _from_huffman(text: bytes) -> bytes:
    decoded = bytearray()
    code = length = 0
    for byte in text:
        for shift in range(7, -1, -1):
            code = code << 1 | byte >> shift & 1
            length += 1
            symbol = _CODES.get((length, code))
            if symbol is not None:
                if symbol > 0xFF:
                    raise MalformedBlock("the end within a string")
                decoded.append(symbol)
                code = length = 0
    if length > _PADDING_BITS_MAX or code != (1 << length) - 1:
        raise MalformedBlock("padding that is none")
    return bytes(decoded)


# --- appendix A --------------------------------------------------------------------

_PLAIN: Final = (
    b"accept-charset accept-encoding accept-language accept-ranges accept"
    b" access-control-allow-origin age allow authorization cache-control content-disposition"
    b" content-encoding content-language content-length content-location content-range"
    b" content-type cookie date etag expect expires from host if-match if-modified-since"
    b" if-none-match if-range if-unmodified-since last-modified link location max-forwards"
    b" proxy-authenticate proxy-authorization range referer refresh retry-after server"
    b" set-cookie strict-transport-security transfer-encoding user-agent vary via"
    b" www-authenticate"
)
_STATIC: Final[tuple[Header, ...]] = (
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    *((b":status", status) for status in b"200 204 206 304 400 404 500".split()),
    *((name, b"gzip, deflate" if name == b"accept-encoding" else b"") for name in _PLAIN.split()),
)
