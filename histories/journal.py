"""The file that a run writes as it happens, and its reading back.

One JSON line an event, each handed to the operating system whole: when the
process is killed, at most the line being written is torn, and it is the last.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from histories.errors import MalformedHistory, UnreadableHistory, UnwritableHistory
from histories.event import SCHEMA_VERSION, Event, Opened
from histories.trace import NodeEvent

LINE_BYTES_MAX: Final = 16 * 2**20
"""A longer line is refused: files from strangers must not fill the memory."""

_QUOTED_MAX: Final = 60
_MISSING: Final = re.compile("Object missing required field `(.+)`")


_ENCODER: Final = msgspec.json.Encoder()


class JournalWriter:
    """Appends events to a new file, starting with ``Opened``.

    When ``write`` returns the line is the operating system's: it survives a
    SIGKILL of this process, not a power loss.  After a write has failed, every
    later one fails too, so a torn line can only be the last.

    Raises:
        UnwritableHistory: The file exists already or cannot be made (here), or
            a line does not fit (``write``).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failure: str | None = None
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o644)
        except OSError as error:
            raise UnwritableHistory(str(path), error.strerror or str(error)) from error
        self.write(Opened())

    def write(self, event: Event) -> None:
        """Append one line.  Raises UnwritableHistory."""
        if self._failure is not None:
            raise UnwritableHistory(str(self._path), self._failure)
        try:
            line = encode_event(event) + b"\n"
        except (ValueError, TypeError, OverflowError) as error:  # not a JSON value: caller's fault
            raise UnwritableHistory(str(self._path), f"{event!r}: {error}") from error
        try:
            while line:  # one turn, unless the disk is nearly full
                line = line[os.write(self._descriptor, line) :]
        except OSError as error:
            self._failure = error.strerror or str(error)
            raise UnwritableHistory(str(self._path), self._failure) from error

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._failure = "the journal is closed"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Journal:
    """What a journal holds.

    Attributes:
        events: ``events[i]`` is line ``i + 1``, so the first is ``Opened``.  None at
            all for an empty file.
        torn: The unfinished last line that was left out, in words; None if the
            file ends as it should.
        file: Where it was read from, for messages.
    """

    events: tuple[Event, ...]
    torn: str | None
    file: str


@dataclass(frozen=True, slots=True)
class Trace:
    """What one node did.  ``events[i]`` is line ``i + 1``; ``torn`` as in ``Journal``."""

    events: tuple[NodeEvent, ...]
    torn: str | None
    file: str


def read_journal(path: Path) -> Journal:
    """Read a journal, complete or cut short by a crash.

    Raises:
        UnreadableHistory: The file cannot be opened or read.
        MalformedHistory: A finished line is not an event (with file, line and
            field), the first is not ``opened``, or a newer version wrote it.
    """
    decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
    file = str(path)
    events: list[Event] = []
    torn: str | None = None
    for number, line in _lines(path):
        if not line.endswith(b"\n"):
            torn = torn_line(number, line)
            break
        if number == 1:
            _require_schema(line, file)
        events.append(_decoded(decoder, line, file, number))
        if (number == 1) != isinstance(events[-1], Opened):
            raise MalformedHistory(
                "the first line, and no other, must be the event 'opened'",
                file=file,
                line=number,
                field="event",
            )
    return Journal(tuple(events), torn, file)


def read_trace(path: Path) -> Trace:
    """Read a node's trace, complete or cut short by a crash.

    Raises:
        UnreadableHistory: The file cannot be opened or read.
        MalformedHistory: A finished line is not a node event.
    """
    decoder: msgspec.json.Decoder[NodeEvent] = msgspec.json.Decoder(NodeEvent)
    file = str(path)
    events: list[NodeEvent] = []
    torn: str | None = None
    for number, line in _lines(path):
        if not line.endswith(b"\n"):
            torn = torn_line(number, line)
            break
        events.append(_decoded(decoder, line, file, number))
    return Trace(tuple(events), torn, file)


def write_trace(path: Path, events: Iterable[NodeEvent]) -> None:
    """Write the whole trace of a node; ``read_trace`` gives the same back.  Raises OSError."""
    path.write_bytes(b"".join(line for event in events for line in (encode_event(event), b"\n")))


def encode_event(event: Event | NodeEvent) -> bytes:
    """The line of a journal or trace that says ``event``, without its end."""
    return _ENCODER.encode(event)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    file = str(path)
    try:
        with path.open("rb") as stream:
            number = 0
            while line := stream.readline(LINE_BYTES_MAX + 1):
                number += 1
                if len(line) > LINE_BYTES_MAX:
                    raise MalformedHistory(
                        f"longer than {LINE_BYTES_MAX} bytes", file=file, line=number
                    )
                yield number, line
    except OSError as error:
        raise UnreadableHistory(file, error.strerror or str(error)) from error


EventType = TypeVar("EventType")


def _decoded(
    decoder: msgspec.json.Decoder[EventType], line: bytes, file: str, number: int
) -> EventType:
    try:
        return decoder.decode(line)
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$")
        field = where.removesuffix("`").lstrip(".") or None
        if missing := _MISSING.fullmatch(problem):
            problem = "missing"
            field = f"{field}.{missing[1]}" if field else missing[1]
        raise MalformedHistory(problem, file=file, line=number, field=field) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedHistory(
            f"not JSON: {error}: {_quoted(line)}", file=file, line=number
        ) from error


class _Version(msgspec.Struct):
    """The least that every version of the format promises of its first line."""

    schema_version: int | None = None


def _require_schema(line: bytes, file: str) -> None:
    try:
        version = msgspec.json.decode(line, type=_Version).schema_version
    except (msgspec.DecodeError, UnicodeDecodeError):
        return  # decoding it as an event says better what is wrong
    if version is not None and version > SCHEMA_VERSION:
        raise MalformedHistory(
            f"written by a newer version of this program: schema {version}, "
            f"and this one knows {SCHEMA_VERSION}",
            file=file,
            line=1,
            field="schema_version",
        )


def torn_line(number: int, line: bytes) -> str:
    """An unfinished last line in words, for ``Journal.torn``."""
    return f"line {number} is torn and was left out: {_quoted(line)}"


def _quoted(line: bytes) -> str:
    text = line.rstrip(b"\n").decode("utf-8", "backslashreplace")
    return ascii(text if len(text) <= _QUOTED_MAX else text[:_QUOTED_MAX] + "...")
