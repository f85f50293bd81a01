from __future__ import annotations

import asyncio
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from histories import trace as documented
from system_under_test.gossip_raft.core import trace
from system_under_test.gossip_raft.core.types import (
    ClientId,
    Incarnation,
    LogIndex,
    Nanos,
    NodeId,
    Term,
)
from system_under_test.gossip_raft.runtime.clock import MonotonicClock
from system_under_test.gossip_raft.runtime.errors import StorageError
from system_under_test.gossip_raft.runtime.recorder import TraceRecorder

EVENTS: tuple[trace.TraceEvent, ...] = (
    trace.Booted(
        incarnation=Incarnation(2),
        term=Term(3),
        vote=None,
        last_term=Term(3),
        last_index=LogIndex(7),
        commit_index=LogIndex(6),
        log_digest=2**64 - 1,
        members=(NodeId("n0"), NodeId("n1")),
    ),
    trace.TermAdopted(Term(4)),
    trace.RoleChanged("candidate", Term(4)),
    trace.Voted(Term(4), NodeId("n0")),
    trace.VoteTold(Term(4), NodeId("n0")),
    trace.Appended(LogIndex(8), Term(4), 2**63),
    trace.Truncated(LogIndex(8)),
    trace.Persisted(Term(4), NodeId("n0"), Term(4), LogIndex(8)),
    trace.PositionTold(Term(4), Term(4), LogIndex(8)),
    trace.Committed(LogIndex(8), Term(4), None),
    trace.Applied(LogIndex(8), Term(4), 1, 2),
    trace.Answered(LogIndex(8), Term(4), ClientId("c"), 1),
    trace.Stopped("told to"),
    trace.SnapshotTaken(LogIndex(8), Term(4), 2**64 - 1, 3),
    trace.SnapshotInstalled(LogIndex(9), Term(4), 4, 2**64 - 1),
    trace.MembershipChanged(LogIndex(3), (NodeId("n0"), NodeId("n1"))),
    trace.SourceChosen(NodeId("n1")),
)


def unexpected(error: StorageError) -> None:
    raise AssertionError(error)


def read(file: Path) -> list[documented.NodeEvent]:
    decoder = msgspec.json.Decoder(documented.NodeEvent)
    return [decoder.decode(line) for line in file.read_bytes().splitlines()]


def test_every_event_is_written_as_the_trace_format_documents(tmp_path: Path) -> None:
    assert {type(event) for event in EVENTS} == set(get_args(trace.TraceEvent))
    recorder = TraceRecorder(tmp_path / "trace.jsonl", MonotonicClock(), unexpected)
    recorder.record(EVENTS)
    recorder.close()

    events = read(tmp_path / "trace.jsonl")
    assert [type(event).__name__ for event in events] == [type(e).__name__ for e in EVENTS]
    for event, original in zip(events, EVENTS, strict=True):
        assert event.at > 0
        for name in original.__dataclass_fields__:
            assert getattr(event, name) == getattr(original, name)


def test_a_trace_goes_on_after_a_restart_without_the_line_that_was_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    recorder = TraceRecorder(file, MonotonicClock(), unexpected)
    recorder.record(EVENTS[:3])
    recorder.close()
    with file.open("ab") as half:
        half.write(b'{"type": "vot' + b"x" * 70_000)
    recorder = TraceRecorder(file, MonotonicClock(), unexpected)
    recorder.record(EVENTS[3:])
    recorder.close()
    assert len(read(file)) == len(EVENTS)


def test_a_file_of_one_unfinished_line_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    file.write_bytes(b'{"type"')
    recorder = TraceRecorder(file, MonotonicClock(), unexpected)
    recorder.record(EVENTS)
    recorder.close()
    assert len(read(file)) == len(EVENTS)


def test_a_full_disk_is_told_and_stops_what_was_to_follow() -> None:
    told: list[StorageError] = []
    recorder = TraceRecorder(Path("/dev/full"), MonotonicClock(), told.append)
    with pytest.raises(StorageError, match="/dev/full: No space left") as caught:
        recorder.record(EVENTS)
    recorder.close()
    assert told == [caught.value]


async def test_the_clock_wakes_once_and_never_too_early() -> None:

    clock = MonotonicClock()
    woken: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    clock.wake_at(Nanos(clock.now() + 10_000_000), lambda: pytest.fail("was replaced"))
    due = Nanos(clock.now() + 5_000_000)
    clock.wake_at(due, lambda: woken.set_result(clock.now()))
    async with asyncio.timeout(10):
        assert await woken >= due


async def test_a_wake_up_asked_for_again_comes_again() -> None:
    clock = MonotonicClock()
    due = clock.now()
    for _ in range(2):
        woken = asyncio.Event()
        wake = woken.set
        clock.wake_at(due, wake)
        clock.wake_at(due, wake)
        async with asyncio.timeout(10):
            await woken.wait()
