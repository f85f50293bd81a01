"""What ``script/data.js`` does to a packed column, one number at a time."""

from __future__ import annotations

import base64
from collections.abc import Iterator


def unpacked(text: object) -> list[int]:
    assert isinstance(text, str)
    count, *zigzags = _numbers(base64.b64decode(text))
    assert len(zigzags) == count
    values: list[int] = []
    last = 0
    for zigzag in zigzags:
        last += -((zigzag + 1) // 2) if zigzag % 2 else zigzag // 2
        values.append(last)
    return values


def _numbers(data: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield value
            value = shift = 0
