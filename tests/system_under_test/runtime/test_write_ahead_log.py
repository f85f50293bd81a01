from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from system_under_test.gossip_raft.core.durable_log import Owner
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import (
    ClientId,
    DurableState,
    Entry,
    HardState,
    Incarnation,
    LogIndex,
    NodeId,
    Put,
    Session,
    Term,
)
from system_under_test.gossip_raft.runtime.errors import CorruptLog
from system_under_test.gossip_raft.runtime.write_ahead_log import (
    owner_record,
    persist_record,
    recover,
)

FILE = Path("wal.log")
OWNER = Owner("test", NodeId("n0"))


def entry(index: int, term: int = 1) -> Entry:
    session = Session(ClientId("c"), index)
    return Entry(Term(term), LogIndex(index), session, (Put("x", f"value {index}"),))


def hard(term: int = 1) -> HardState:
    return HardState(Incarnation(1), Term(term), NodeId("n1"), LogIndex(1))


PERSISTS = (
    Persist(hard(1), None, (entry(1), entry(2), entry(3))),
    Persist(hard(2), None, ()),
    Persist(hard(3), LogIndex(2), (entry(2, term=3),)),
    Persist(hard(3), None, (entry(3, term=3), entry(4, term=3))),
)
FINAL = DurableState(hard(3), (entry(1), entry(2, term=3), entry(3, term=3), entry(4, term=3)))


def written(persists: tuple[Persist, ...]) -> tuple[bytes, list[int]]:
    """The file after these writes, and where each record begins."""
    data = owner_record(OWNER)
    offsets = [0]
    for persist in persists:
        offsets.append(len(data))
        data += persist_record(persist, len(data))
    return data, offsets


def test_truncations_and_appends_replay_in_order() -> None:
    data, _ = written(PERSISTS)
    recovered = recover(data, FILE)
    assert recovered.owner == OWNER
    assert recovered.state == FINAL
    assert recovered.end == len(data)


def test_an_empty_file_is_a_new_log() -> None:
    recovered = recover(b"", FILE)
    assert recovered.owner is None
    assert recovered.state == DurableState()


def test_a_tail_torn_at_any_byte_of_the_last_record_is_cut() -> None:
    data, offsets = written(PERSISTS)
    before = recover(data[: offsets[-1]], FILE).state
    for end in range(offsets[-1], len(data)):
        recovered = recover(data[:end], FILE)
        assert recovered.end == offsets[-1]
        assert recovered.state == before


def test_a_last_record_of_which_only_the_length_of_the_file_survived_is_cut() -> None:
    data, offsets = written(PERSISTS)
    for first_lost in range(offsets[-1], len(data)):
        recovered = recover(data[:first_lost] + bytes(len(data) - first_lost), FILE)
        # A tail that ends in zeros of its own may be whole.
        assert recovered.end in (offsets[-1], len(data))
        assert (recovered.state == FINAL) == (recovered.end == len(data))


def test_a_torn_first_record_leaves_a_new_log() -> None:
    record = owner_record(OWNER)
    for end in range(len(record)):
        assert recover(record[:end], FILE).owner is None


def test_a_flipped_bit_before_a_valid_record_is_corruption_and_names_the_offset() -> None:
    data, offsets = written(PERSISTS)
    for offset, following in pairwise(offsets):
        for at in range(offset, following):
            for bit in (0, 3, 7):
                damaged = bytearray(data)
                damaged[at] ^= 1 << bit
                with pytest.raises(CorruptLog, match=f"offset {offset}:") as caught:
                    recover(bytes(damaged), FILE)
                assert caught.value.offset == offset


def test_a_record_at_another_offset_is_not_taken_for_one() -> None:
    data, offsets = written(PERSISTS)
    # The torn tail contains a copy of an old record, as a client could have chosen it.
    copied = data[offsets[1] : offsets[2]]
    recovered = recover(data + b"\xff" + copied, FILE)
    assert recovered.end == len(data)


def test_a_gap_in_the_entries_is_corruption() -> None:
    data, offsets = written((PERSISTS[0], Persist(hard(), None, (entry(5),))))
    with pytest.raises(CorruptLog, match=f"offset {offsets[-1]}: .*appends entry 5 after entry 3"):
        recover(data, FILE)


def test_a_truncation_beyond_the_log_is_corruption() -> None:
    data, _ = written((Persist(hard(), LogIndex(3), ()),))
    with pytest.raises(CorruptLog, match="drops entries from 3 of 0"):
        recover(data, FILE)


def test_a_log_without_owner_is_corruption() -> None:
    with pytest.raises(CorruptLog, match="does not name the owner"):
        recover(persist_record(PERSISTS[0], 0), FILE)
