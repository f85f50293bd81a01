"""Columns of integers as text: about two characters for what differs little from the one before."""

from __future__ import annotations

import base64

import numpy as np

from histories.columns import Int64s


def packed(column: Int64s) -> str:
    """Base64 of LEB128 numbers: the length, then the zigzag of each difference to the one before.

    ``unpack`` in ``script/data.js`` reads it.  Every value and difference must be exact as a
    double, which nanoseconds are for a hundred days.
    """
    differences = np.diff(column, prepend=np.int64(0))
    zigzag = (differences << 1) ^ (differences >> 63)
    numbers = np.concatenate([[len(column)], zigzag]).astype(np.uint64)
    return base64.b64encode(_leb128(numbers)).decode("ascii")


def _leb128(numbers: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> bytes:
    """Seven bits a byte, the lowest first; all but the last byte of a number have the top bit."""
    lengths = np.ones(len(numbers), dtype=np.int64)
    rest = numbers >> np.uint64(7)
    while rest.any():
        lengths += rest > 0
        rest >>= np.uint64(7)
    ends = np.cumsum(lengths)
    out = np.zeros(int(ends[-1]), dtype=np.uint8)
    starts = ends - lengths
    for place in range(int(lengths.max())):
        reached = lengths > place
        part = (numbers[reached] >> np.uint64(7 * place)) & np.uint64(127)
        more = (lengths[reached] > place + 1).astype(np.uint64) << np.uint64(7)
        out[starts[reached] + place] = (part | more).astype(np.uint8)
    return out.tobytes()
