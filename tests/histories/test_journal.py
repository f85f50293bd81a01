"""Journals written, read, cut, garbled, and killed."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from histories.call import CompareAndSet, Ok, Read, Write
from histories.errors import MalformedHistory, UnreadableHistory, UnwritableHistory
from histories.event import Completed, Event, FaultBegan, FaultEnded, Invoked, Note, Opened
from histories.journal import LINE_BYTES_MAX, JournalWriter, read_journal, read_trace
from histories.op import Nanos, ProcessId
from histories.pairing import history_of
from histories.trace import Applied, Voted

EVENTS: tuple[Event, ...] = (
    Invoked(time=Nanos(1), op=0, process=ProcessId(0), call=Write("k", True)),
    Completed(time=Nanos(2), op=0, process=ProcessId(0), outcome=Ok()),
    FaultBegan(time=Nanos(3), fault=0, kind="kill", nodes=("n0",), detail="tab\t<b>\n"),
    Invoked(time=Nanos(4), op=1, process=ProcessId(0), call=CompareAndSet("k", 1, 1.0)),
    FaultEnded(time=Nanos(5), fault=0, evidence="\N{SNOWMAN}"),
    Note(time=Nanos(6), text="end"),
)


def a_journal(folder: Path) -> Path:
    path = folder / "journal.jsonl"
    with JournalWriter(path) as writer:
        for event in EVENTS:
            writer.write(event)
    return path


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    journal = read_journal(a_journal(tmp_path))
    assert journal.events == (Opened(), *EVENTS)
    assert journal.torn is None
    call = history_of(journal).ops[0].call
    assert isinstance(call, Write)
    assert call.value is True


def test_every_line_is_in_the_file_when_write_returns(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path) as writer:
        for number, event in enumerate(EVENTS, start=2):
            writer.write(event)
            assert path.read_bytes().count(b"\n") == number


def test_a_journal_cut_anywhere_loses_only_its_last_line(tmp_path: Path) -> None:
    path = a_journal(tmp_path)
    whole = path.read_bytes()
    everything = (Opened(), *EVENTS)
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        journal = read_journal(path)
        complete = whole[:length].count(b"\n")
        assert journal.events == everything[:complete]
        is_clean = length == 0 or whole[length - 1 : length] == b"\n"
        assert (journal.torn is None) == is_clean
        if journal.torn is not None:
            assert f"line {complete + 1} is torn" in journal.torn


def test_an_empty_file_has_no_events(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.touch()
    assert read_journal(path).events == ()


@pytest.mark.parametrize(
    ("line", "field"),
    [
        pytest.param(b"garbage", None, id="no JSON"),
        pytest.param(b"", None, id="blank"),
        pytest.param(b"\xff\xfe", None, id="no UTF-8"),
        pytest.param(b'{"event":"note","time":1,"text":"\xff"}', None, id="no UTF-8 in a string"),
        pytest.param(b'{"event":"note"}', "time", id="missing field"),
        pytest.param(b'{"event":"note","time":"1","text":""}', "time", id="wrong type"),
        pytest.param(b'{"event":"nonsense"}', "event", id="unknown event"),
        pytest.param(b'{"event":"opened","schema_version":1}', "event", id="opened again"),
        pytest.param(
            b'{"event":"invoked","time":1,"op":0,"process":0,"call":{"f":"steal","key":"x"}}',
            "call.f",
            id="unknown call",
        ),
    ],
)
def test_a_garbled_line_is_refused_with_file_line_and_field(
    tmp_path: Path, line: bytes, field: str | None
) -> None:
    path = a_journal(tmp_path)
    lines = path.read_bytes().split(b"\n")
    lines[3] = line
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(MalformedHistory) as caught:
        read_journal(path)
    assert (caught.value.file, caught.value.line) == (str(path), 4)
    assert caught.value.field == field
    assert "\n" not in str(caught.value)


def test_a_finished_but_garbled_last_line_is_not_taken_for_torn(tmp_path: Path) -> None:
    path = a_journal(tmp_path)
    path.write_bytes(path.read_bytes() + b'{"event":\n')
    with pytest.raises(MalformedHistory, match=f"line {len(EVENTS) + 2}"):
        read_journal(path)


def test_a_file_that_does_not_start_as_a_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"event":"note","time":1,"text":""}\n')
    with pytest.raises(MalformedHistory, match="first line"):
        read_journal(path)


def test_a_newer_schema_is_refused_as_such(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'{"event":"opened","schema_version":99,"color":"blue"}\n')
    with pytest.raises(MalformedHistory, match=r"newer version.*schema 99") as caught:
        read_journal(path)
    assert caught.value.field == "schema_version"


def test_an_endless_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with path.open("wb") as stream:
        stream.truncate(LINE_BYTES_MAX + 100)
    with pytest.raises(MalformedHistory, match="longer than"):
        read_journal(path)


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableHistory, match="No such file"):
        read_journal(tmp_path / "missing.jsonl")
    with pytest.raises(UnreadableHistory, match="directory"):
        read_journal(tmp_path)


def test_a_journal_is_never_overwritten(tmp_path: Path) -> None:
    path = a_journal(tmp_path)
    with pytest.raises(UnwritableHistory, match="File exists"):
        JournalWriter(path)
    with pytest.raises(UnwritableHistory, match="No such file"):
        JournalWriter(tmp_path / "missing" / "journal.jsonl")


def test_a_full_disk_is_reported_and_leaves_a_readable_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    writer = JournalWriter(path)
    writer.write(EVENTS[0])
    really_write, written = os.write, 0

    def nearly_full(descriptor: int, data: bytes) -> int:
        nonlocal written
        if written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = really_write(descriptor, data[:7])
        return written

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", nearly_full)
        with pytest.raises(UnwritableHistory, match="No space left"):
            writer.write(EVENTS[1])
    with pytest.raises(UnwritableHistory, match="No space left"):
        writer.write(EVENTS[1])
    writer.close()
    journal = read_journal(path)
    assert journal.events == (Opened(), EVENTS[0])
    assert journal.torn is not None


def test_a_closed_journal_takes_no_more(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path / "journal.jsonl")
    writer.close()
    writer.close()
    with pytest.raises(UnwritableHistory, match="closed"):
        writer.write(EVENTS[0])


def test_what_json_cannot_say_is_refused_and_the_journal_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path) as writer:
        with pytest.raises(UnwritableHistory, match="surrogates"):
            writer.write(Note(time=Nanos(1), text="\ud800"))
        writer.write(Note(time=Nanos(1), text="fine"))
    assert len(read_journal(path).events) == 2


ENDLESS_WRITER = """
import sys
from pathlib import Path
from histories.call import Write
from histories.event import Invoked
from histories.journal import JournalWriter
writer = JournalWriter(Path(sys.argv[1]))
for number in range(10**9):
    writer.write(Invoked(time=number, op=number, process=number, call=Write("k", number)))
    print(number, flush=True)
"""


def test_a_killed_writer_loses_nothing_that_write_had_returned_for(tmp_path: Path) -> None:
    rng = random.Random(17)
    for attempt in range(8):
        path = tmp_path / f"{attempt}.jsonl"
        with subprocess.Popen(
            [sys.executable, "-c", ENDLESS_WRITER, str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(rng.randrange(1, 400)):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().splitlines()
        last = int(rest[-2]) if len(rest) > 1 else 0
        history = history_of(read_journal(path))
        assert len(history.ops) > last


def test_traces_follow_the_same_rule(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_bytes(
        b'{"type":"voted","at":1,"term":2,"candidate":"n1"}\n'
        b'{"type":"applied","at":2,"index":1,"term":2,"digest":18446744073709551615,'
        b'"result_digest":0}\n'
        b'{"type":"vot'
    )
    trace = read_trace(path)
    assert trace.events == (
        Voted(at=1, term=2, candidate="n1"),
        Applied(at=2, index=1, term=2, digest=2**64 - 1, result_digest=0),
    )
    assert trace.torn is not None
    path.write_bytes(b'{"type":"voted","at":1,"term":2}\n')
    with pytest.raises(MalformedHistory, match="line 1: field 'candidate': missing"):
        read_trace(path)


def test_reads_of_a_read_only_value_survive(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path) as writer:
        writer.write(Invoked(time=Nanos(0), op=0, process=ProcessId(0), call=Read("k")))
        writer.write(
            Completed(time=Nanos(1), op=0, process=ProcessId(0), outcome=Ok(((1, "a", None),)))
        )
    assert history_of(read_journal(path)).ops[0].outcome == Ok(((1, "a", None),))
