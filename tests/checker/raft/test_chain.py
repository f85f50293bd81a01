from __future__ import annotations

from hashlib import blake2b

import pytest

from checker.raft.chain import EMPTY, OutOfRange, chain, link


def test_the_empty_log_has_digest_zero() -> None:
    assert chain(()) == EMPTY == 0


def test_the_chain_is_blake2b_over_big_endian_words() -> None:
    first = int.from_bytes(
        blake2b(bytes(8) + bytes([0] * 7 + [3]) + bytes([255] * 8), digest_size=8).digest(), "big"
    )
    assert link(EMPTY, 3, 2**64 - 1) == first
    assert chain([(3, 2**64 - 1), (4, 5)]) == link(first, 4, 5)


@pytest.mark.parametrize(("term", "digest"), [(-1, 0), (0, -1), (0, 2**64)])
def test_numbers_beyond_64_unsigned_bits_are_refused(term: int, digest: int) -> None:
    with pytest.raises(OutOfRange, match="unsigned 64-bit"):
        link(EMPTY, term, digest)
