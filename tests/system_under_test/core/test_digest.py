"""Digests are part of the trace format: other programs recompute the chain."""

from __future__ import annotations

from hashlib import blake2b

from system_under_test.gossip_raft.core.digest import chain, entry_digest, log_digest
from system_under_test.gossip_raft.core.types import (
    ClientId,
    Command,
    Entry,
    LogIndex,
    Put,
    Session,
    Term,
)


def entry(term: int, index: int, *commands: Command, client: str = "c") -> Entry:
    return Entry(Term(term), LogIndex(index), Session(ClientId(client), 1), commands)


def test_the_chain_is_blake2b_over_three_big_endian_fields() -> None:
    data = (5).to_bytes(8, "big") + (3).to_bytes(8, "big") + (2**64 - 1).to_bytes(8, "big")
    expected = int.from_bytes(blake2b(data, digest_size=8).digest(), "big")
    assert chain(5, 3, 2**64 - 1) == expected


def test_a_digest_is_of_the_content_not_of_the_place() -> None:
    assert entry_digest(entry(1, 1, Put("x", 1))) == entry_digest(entry(2, 7, Put("x", 1)))
    assert entry_digest(entry(1, 1, Put("x", 1))) != entry_digest(entry(1, 1, Put("x", "1")))
    different = entry(1, 1, Put("x", 1), client="d")
    assert entry_digest(entry(1, 1, Put("x", 1))) != entry_digest(different)


def test_the_digest_of_a_log_is_its_last_link_and_zero_if_empty() -> None:
    first, second = entry(1, 1, Put("x", 1)), entry(2, 2)
    link = chain(chain(0, 1, entry_digest(first)), 2, entry_digest(second))
    assert log_digest((first, second)) == link
    assert log_digest(()) == 0


def test_digests_do_not_change_between_versions() -> None:
    assert entry_digest(entry(1, 1, Put("x", 1))) == 10503102956468957911
