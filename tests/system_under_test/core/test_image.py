"""The state machine as bytes, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from system_under_test.gossip_raft.core.image import MalformedImage
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.state_machine import StateMachine
from system_under_test.gossip_raft.core.types import (
    Append,
    Cas,
    ClientId,
    Command,
    Delete,
    Entry,
    Get,
    LogIndex,
    Put,
    Raw,
    Session,
    Term,
    Txn,
)

keys = st.sampled_from(["a", "b", "ключ", ""])
scalars = st.none() | st.integers() | st.text(max_size=3)
commands: st.SearchStrategy[Command] = (
    st.builds(Put, keys, scalars)
    | st.builds(Cas, keys, scalars, scalars)
    | st.builds(Append, keys, scalars)
    | st.builds(Delete, keys)
    | st.builds(Raw, st.text(max_size=5))
    | st.builds(Txn, st.lists(st.builds(Get, keys) | st.builds(Put, keys, scalars)).map(tuple))
)
requests = st.lists(
    st.tuples(st.sampled_from("xyz"), st.integers(1, 4), st.lists(commands, max_size=3))
)


def entry(index: int, client: str, sequence: int, of: list[Command]) -> Entry:
    session = Session(ClientId(client), sequence)
    return Entry(Term(1), LogIndex(index), session, tuple(of))


@given(requests, requests)
def test_a_restored_state_machine_goes_on_as_the_one_that_wrote_the_image(
    before: list[tuple[str, int, list[Command]]], after: list[tuple[str, int, list[Command]]]
) -> None:
    original = StateMachine(Rules())
    for index, request in enumerate(before, 1):
        original.apply(entry(index, *request))
    restored = StateMachine(Rules())
    restored.restore(original.image())
    assert restored.image() == original.image()
    for index, request in enumerate(after, len(before) + 1):
        assert restored.apply(entry(index, *request)) == original.apply(entry(index, *request))
    assert restored.image() == original.image()
    first = LogIndex(1)
    assert restored.raw_entries(first, 99) == original.raw_entries(first, 99)


def test_equal_states_have_equal_images_however_they_came_about() -> None:
    one, other = StateMachine(Rules()), StateMachine(Rules())
    one.apply(entry(1, "x", 1, [Put("a", 1), Put("b", 2)]))
    other.apply(entry(1, "x", 1, [Put("b", 2), Put("a", 1)]))
    assert one.image() == other.image()


def test_raw_entries_keep_their_texts_and_positions() -> None:
    machine = StateMachine(Rules())
    machine.apply(entry(1, "x", 1, [Put("a", 1), Raw('{"n": 1.0}'), Raw("[]")]))
    machine.apply(entry(2, "x", 2, [Put("a", 2)]))
    machine.apply(entry(3, "x", 3, [Raw("null")]))
    restored = StateMachine(Rules())
    restored.restore(machine.image())
    assert restored.raw_entries(LogIndex(1), 9) == (
        entry(1, "x", 1, [Raw('{"n": 1.0}'), Raw("[]")]),
        entry(3, "x", 3, [Raw("null")]),
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"answers":{},"raw":[0,0,[]],"values":{"a":true}}',
        b'{"answers":{"c":[1]},"raw":[0,0,[]],"values":{}}',
        b'{"answers":{},"raw":[0,0,[1]],"values":{}}',
        b'{"answers":{},"raw":[],"values":{}}',
    ],
)
def test_what_no_state_machine_wrote_is_refused_and_changes_nothing(data: bytes) -> None:
    machine = StateMachine(Rules())
    machine.apply(entry(1, "x", 1, [Put("a", 1)]))
    with pytest.raises(MalformedImage):
        machine.restore(data)
    assert machine.read(("a",)) == (1,)
