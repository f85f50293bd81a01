"""A run under way, as far as its journal tells."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final, assert_never

import msgspec
from msgspec import Struct

from harness.report.wording import shortened
from harness.store import RunDirectory
from harness.wall_clock import pause, utc_now
from histories.call import Failed, Indeterminate, Ok
from histories.event import (
    Completed,
    Event,
    FaultBegan,
    FaultEnded,
    Invoked,
    NodeDied,
    Note,
    Opened,
    Settled,
)

LOOK_AGAIN_S: Final = 0.5
SILENCE_MAX_S: Final = 60.0
"""A journal that nobody has written to for so long belongs to no run any more."""

EVENTS_MAX: Final = 40
_BYTES_AT_ONCE: Final = 4 << 20


class Progress(Struct, frozen=True, kw_only=True):
    """``time``: of the latest event, in nanoseconds.  ``events``: faults and notes, latest last.

    ``judged``: the verdict is there, so there is no more to come.
    """

    time: int
    invoked: int
    ok: int
    failed: int
    unknown: int
    faults: tuple[str, ...]
    events: tuple[str, ...]
    judged: bool


def is_under_way(run: RunDirectory) -> bool:
    """Whether somebody seems to be at it."""
    try:
        written = run.journal.stat().st_mtime
    except OSError:
        return False
    return not run.verdict.exists() and utc_now().timestamp() - written < SILENCE_MAX_S


class Follower:
    """Reads a journal as it grows, each line once."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._offset = 0
        self._torn = b""
        self._decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
        self._time = self._invoked = self._ok = self._failed = self._unknown = 0
        self._faults: dict[int, str] = {}
        self._events: deque[str] = deque(maxlen=EVENTS_MAX)

    def look(self) -> Progress:
        """What there is by now."""
        judged = self._run.verdict.exists()  # First: what is written before it is then read.
        for line in self._fresh_lines():
            try:
                self._saw(self._decoder.decode(line))
            except msgspec.DecodeError:
                continue
        return Progress(
            time=self._time,
            invoked=self._invoked,
            ok=self._ok,
            failed=self._failed,
            unknown=self._unknown,
            faults=tuple(self._faults.values()),
            events=tuple(self._events),
            judged=judged,
        )

    def _fresh_lines(self) -> list[bytes]:
        data = b"".join(_read_from(self._run.journal, self._offset))
        self._offset += len(data)
        *lines, self._torn = (self._torn + data).split(b"\n")
        return lines

    def _saw(self, event: Event) -> None:
        match event:
            case Opened():
                return
            case Invoked():
                self._invoked += 1
            case Completed(outcome=outcome):
                self._ok += isinstance(outcome, Ok)
                self._failed += isinstance(outcome, Failed)
                self._unknown += isinstance(outcome, Indeterminate)
            case FaultBegan(fault=fault, kind=kind, nodes=nodes):
                self._faults[fault] = f"{kind} {', '.join(nodes)}".strip()
                self._say(event.time, f"{self._faults[fault]} begins")
            case FaultEnded(fault=fault):
                self._say(event.time, f"{self._faults.pop(fault, 'a fault')} ended")
            case NodeDied(node=node, status=status):
                self._say(event.time, f"{node} died by itself: {status}")
            case Settled(detail=detail):
                self._say(event.time, detail)
            case Note(text=text):
                self._say(event.time, text)
            case _:
                assert_never(event)
        self._time = event.time

    def _say(self, time: int, text: str) -> None:
        self._events.append(f"{time / 1e9:7.1f} s  {shortened(text)}")


async def events_of(run: RunDirectory) -> AsyncIterator[str]:
    """Server-sent events, one whenever something has changed, until all is told."""
    follower, before = Follower(run), None
    while True:
        now = follower.look()
        if now != before:
            yield f"data: {msgspec.json.encode(now).decode()}\n\n"
            before = now
        if now.judged or not is_under_way(run):
            yield "event: over\ndata: {}\n\n"
            return
        await pause(LOOK_AGAIN_S)


def _read_from(path: Path, offset: int) -> Iterator[bytes]:
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            while data := stream.read(_BYTES_AT_ONCE):
                yield data
    except FileNotFoundError:
        return
