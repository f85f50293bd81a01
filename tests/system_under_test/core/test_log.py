"""The log in memory, against a plain list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from system_under_test.gossip_raft.core.log import Log, common_point
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    Entry,
    InvariantViolation,
    LogIndex,
    Position,
    Raw,
    Term,
)

terms = st.lists(st.integers(1, 5), max_size=12).map(sorted)


def entries(of: list[int]) -> tuple[Entry, ...]:
    return tuple(Entry(Term(t), LogIndex(i), None, ()) for i, t in enumerate(of, 1))


def positions(of: list[int]) -> list[Position]:
    return [ORIGIN, *(Position(Term(t), LogIndex(i)) for i, t in enumerate(of, 1))]


@given(terms, st.integers(0, 12), terms)
def test_the_log_behaves_like_a_list(first: list[int], keep: int, more: list[int]) -> None:
    log = Log(entries(first))
    plain = list(first)
    keep = min(keep, len(plain))
    log.truncate(LogIndex(keep))
    del plain[keep:]
    for term in more:
        if not plain or term >= plain[-1]:
            plain.append(term)
            log.append(Entry(Term(term), LogIndex(len(plain)), None, ()))
    expected = positions(plain)
    assert len(log) == len(plain)
    assert log.last == expected[-1]
    assert [log.position_at(i) for i in range(len(plain) + 1)] == expected
    assert log.after(1, 3) == entries(plain)[1:4]
    assert log.runs == tuple(
        max(p for p in expected if p.term == term) for term in sorted(set(plain))
    )
    for term in range(6):
        for index in range(15):
            position = Position(Term(term), LogIndex(index))
            assert log.holds(position) == (position in expected)


@given(terms, st.integers(0, 12), st.integers(0, 12), terms)
def test_a_compacted_log_behaves_like_the_whole_one_from_its_base_on(
    first: list[int], base: int, keep: int, more: list[int]
) -> None:
    whole, log = Log(entries(first)), Log(entries(first))
    base = min(base, len(first))
    log.compact(whole.position_at(base))
    keep = max(base, min(keep, len(first)))
    for each in (whole, log):
        each.truncate(LogIndex(keep))
        for term in more:
            if term >= each.last.term:
                each.append(Entry(Term(term), LogIndex(len(each) + 1), None, ()))
    assert (len(log), log.last) == (len(whole), whole.last)
    assert log.runs == tuple(run for run in whole.runs if run.index >= max(base, 1))
    for index in range(len(whole) + 2):
        for term in range(6):
            position = Position(Term(term), LogIndex(index))
            assert log.holds(position) == (index >= base and whole.holds(position))
    for index in range(base, len(whole) + 1):
        assert log.position_at(index) == whole.position_at(index)
        assert log.after(index, 3) == whole.after(index, 3)
        assert log.batch_after(index, 5, 100) == whole.batch_after(index, 5, 100)
        assert log.bytes_between(base, index) == whole.bytes_between(base, index)
    if base:
        with pytest.raises(InvariantViolation, match="below the base"):
            log.truncate(LogIndex(base - 1))


def test_a_log_may_begin_anew_behind_a_snapshot() -> None:
    log = Log(entries([1, 1, 2]))
    base = Position(Term(3), LogIndex(9))
    log.restart(base)
    assert (log.last, log.runs, len(log)) == (base, (base,), 9)
    log.append(Entry(Term(3), LogIndex(10), None, ()))
    assert log.runs == (Position(Term(3), LogIndex(10)),)
    assert log.holds(base)
    with pytest.raises(InvariantViolation, match="cannot follow"):
        log.append(Entry(Term(2), LogIndex(11), None, ()))


def test_a_batch_is_limited_in_entries_and_bytes_but_never_empty() -> None:
    raw = tuple(
        Entry(Term(1), LogIndex(i), None, (Raw("x" * length),))
        for i, length in enumerate([10, 10, 5000, 10], 1)
    )
    log = Log(raw)
    assert log.batch_after(0, 10, 1000) == raw[:2]
    assert log.batch_after(0, 1, 1000) == raw[:1]
    assert log.batch_after(2, 10, 1000) == raw[2:3]
    assert log.batch_after(3, 10, 1000) == raw[3:]
    assert log.batch_after(4, 10, 1000) == ()
    assert log.batch_after(0, 10, 10_000) == raw


@given(st.data())
def test_the_common_point_is_the_last_entry_both_hold(data: st.DataObject) -> None:
    # Logs that obey log matching: of every term one run of entries exists, and a log
    # holds a prefix of it behind a prefix of what its leader held.
    leaders: dict[int, list[int]] = {0: []}
    for term in range(1, data.draw(st.integers(1, 5)) + 1):
        base = leaders[data.draw(st.sampled_from(sorted(leaders)))]
        held = base[: data.draw(st.integers(0, len(base)))]
        leaders[term] = held + [term] * data.draw(st.integers(1, 3))
    one, other = (
        Log(entries(full[: data.draw(st.integers(0, len(full)))]))
        for full in (leaders[data.draw(st.sampled_from(sorted(leaders)))] for _ in range(2))
    )
    both = [
        one.position_at(i)
        for i in range(min(len(one), len(other)) + 1)
        if one.position_at(i) == other.position_at(i)
    ]
    assert common_point(one.runs, other.runs) == both[-1]
