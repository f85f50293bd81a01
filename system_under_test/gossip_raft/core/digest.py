"""Digests that let logs of different nodes be compared by one integer.

Every digest is an unsigned 64-bit integer: blake2b with ``digest_size=8``, read
big-endian.  What is hashed of an entry is the UTF-8 text of Python's ``repr`` of
``(session, commands)``, so equal requests have equal digests wherever they stand;
of results likewise.  The chain binds an entry to its term and to all before it::

    H[0] = 0
    H[i] = blake2b(H[i-1] + term[i] + digest[i])    each as 8 bytes, big-endian
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from struct import Struct
from typing import Final

from system_under_test.gossip_raft.core.types import APPLIED, Entry, Result

_CHAINED: Final = Struct(">QQQ")


def entry_digest(entry: Entry) -> int:
    """Of the session and the commands, not of the position."""
    memo = entry.digest_memo
    if not memo:
        memo.append(_digest(repr((entry.session, entry.commands)).encode()))
    return memo[0]


def results_digest(results: tuple[Result, ...]) -> int:
    if len(results) == 1 and results[0] is APPLIED:
        return _APPLIED_DIGEST
    return _digest(repr(results).encode())


def chain(previous: int, term: int, digest: int) -> int:
    """H[i], from H[i-1] and the term and digest of entry i."""
    return _digest(_CHAINED.pack(previous, term, digest))


def log_digest(entries: Iterable[Entry], before: int = 0) -> int:
    """H of the last of ``entries``; ``before`` is H of what they follow, 0 if nothing."""
    value = before
    for entry in entries:
        value = chain(value, entry.term, entry_digest(entry))
    return value


def image_digest(image: bytes) -> int:
    """Of a snapshot's image."""
    return _digest(image)


def _digest(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")


_APPLIED_DIGEST: Final = _digest(repr((APPLIED,)).encode())
"""Of the answer to most writes."""
