"""One number for a whole log: the chained digest that traces and checkers share."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from struct import Struct, error
from typing import Final

EMPTY: Final = 0
"""The digest of the log without entries."""


class OutOfRange(ValueError):
    """A number of a trace that is not an unsigned 64-bit one."""


_LINK: Final = Struct(">QQQ")


def link(previous: int, term: int, digest: int) -> int:
    """The digest of a log that ends with one more entry.

    All three numbers and the answer are unsigned 64 bits:
    ``blake2b(previous || term || digest, digest_size=8)``, every part big-endian.

    Raises:
        OutOfRange: A number is out of range; whoever wrote the trace is at fault.
    """
    try:
        block = _LINK.pack(previous, term, digest)
    except error as problem:
        raise OutOfRange(
            f"term {term} or digest {digest} of an entry is not an unsigned 64-bit number"
        ) from problem
    return int.from_bytes(blake2b(block, digest_size=8).digest(), "big")


def chain(entries: Iterable[tuple[int, int]]) -> int:
    """The digest of a log given as (term, entry digest) from index 1 on."""
    head = EMPTY
    for term, digest in entries:
        head = link(head, term, digest)
    return head
