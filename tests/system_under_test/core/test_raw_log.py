"""The raw log is a window: bounded, the same on every node, and honest about what is gone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from system_under_test.gossip_raft.core.log import bytes_of_commands
from system_under_test.gossip_raft.core.raw_log import RawLog, Window
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.state_machine import StateMachine
from system_under_test.gossip_raft.core.types import (
    NOTHING_COMPACTED,
    Command,
    Compacted,
    Entry,
    LogIndex,
    Put,
    Raw,
    Term,
)

commands: st.SearchStrategy[Command] = st.builds(Raw, st.text("x", max_size=40)) | st.just(
    Put("k", 1)
)
logs = st.lists(st.lists(commands, max_size=4), max_size=12)
windows = st.builds(Window, st.integers(1, 8), st.integers(1, 200))


def entries_of(log: list[list[Command]]) -> list[Entry]:
    return [Entry(Term(1), LogIndex(i), None, tuple(held)) for i, held in enumerate(log, 1)]


def raw_of(entry: Entry) -> tuple[Raw, ...]:
    return tuple(command for command in entry.commands if isinstance(command, Raw))


def all_of(log: RawLog) -> tuple[Entry, ...]:
    return log.page(LogIndex(0), 2**64 - 1)  # As much as a client can ask for.


@given(logs, windows)
def test_the_window_holds_the_newest_entries_that_fit_and_counts_the_others(
    log: list[list[Command]], window: Window
) -> None:
    raw_log = RawLog(window)
    for entry in entries_of(log):
        raw_log.add(entry)
    kept = all_of(raw_log)
    with_raw = [entry for entry in entries_of(log) if raw_of(entry)]
    gone = with_raw[: len(with_raw) - len(kept)]

    assert [e.index for e in kept] == [e.index for e in with_raw[len(gone) :]]
    assert [e.commands for e in kept] == [raw_of(e) for e in with_raw[len(gone) :]]
    assert raw_log.compacted.commands == sum(len(raw_of(e)) for e in gone)
    assert raw_log.compacted.index == (gone[-1].index if gone else 0)

    def fits(entries: list[Entry]) -> bool:
        held = [command for entry in entries for command in raw_of(entry)]
        size = bytes_of_commands(tuple(held))
        return len(held) <= window.commands_max and size <= window.bytes_max

    newest = with_raw[len(gone) :]
    assert fits(newest) or len(newest) == 1
    assert not gone or not fits(with_raw[len(gone) - 1 :])


@given(logs, logs, windows)
def test_the_window_does_not_depend_on_whether_the_node_was_restored_from_a_snapshot(
    before: list[list[Command]], after: list[list[Command]], window: Window
) -> None:
    original, restored = StateMachine(Rules(), window), StateMachine(Rules(), window)
    entries = entries_of(before + after)
    for entry in entries[: len(before)]:
        original.apply(entry)
    restored.restore(original.image())
    for entry in entries[len(before) :]:
        original.apply(entry)
        restored.apply(entry)
    assert restored.image() == original.image()
    assert restored.raw_compacted == original.raw_compacted


def test_an_image_stays_as_small_as_the_window_however_long_the_log() -> None:
    machine, sizes = StateMachine(Rules(), Window(100, 10_000)), []
    for index in range(1, 2_001):
        text = f"{{}}{' ' * 50}"
        machine.apply(Entry(Term(1), LogIndex(index), None, (Raw(text),)))
        sizes.append(len(machine.image()) if index % 500 == 0 else 0)
    assert max(sizes) < 10_000
    assert machine.raw_compacted == Compacted(LogIndex(1_900), 1_900)


def test_an_entry_larger_than_the_window_is_kept_while_it_is_the_newest() -> None:
    log = RawLog(Window(3, 1_000))
    large = Entry(Term(1), LogIndex(1), None, (Raw("1"),) * 5)
    log.add(large)
    assert (all_of(log), log.compacted) == ((large,), NOTHING_COMPACTED)
    small = Entry(Term(1), LogIndex(2), None, (Raw("2"),))
    log.add(small)
    assert (all_of(log), log.compacted) == ((small,), Compacted(LogIndex(1), 5))
