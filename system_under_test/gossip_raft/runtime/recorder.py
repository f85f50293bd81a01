"""``trace.jsonl``: what the node did, one event a line, as ``histories.trace`` documents."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Final, get_args

import msgspec

from system_under_test.gossip_raft.core.trace import TraceEvent
from system_under_test.gossip_raft.ports import Clock
from system_under_test.gossip_raft.runtime.errors import StorageError

_ENCODER: Final = msgspec.json.Encoder()
_SHAPES: Final[dict[type[TraceEvent], tuple[str, tuple[str, ...]]]] = {
    event: (
        re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower(),
        tuple(field.name for field in fields(event)),
    )
    for event in get_args(TraceEvent)
}
"""Of each class of events, its tag and its fields."""


class TraceRecorder:
    """The port ``Recorder`` on a file that goes on across restarts of the node.

    One ``record`` is one write of whole lines.  It is in the kernel when ``record``
    returns, so it outlives the process, though not the machine.
    """

    def __init__(
        self,
        file: Path,
        clock: Clock,
        on_error: Callable[[StorageError], None],
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        """``make_room`` is called when the disk is full, and says whether it helped.

        Raises:
            StorageError: The file cannot be opened.
        """
        self._make_room = make_room
        self._name = file
        self._on_error = on_error
        self._clock = clock
        try:
            self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            _cut_unfinished_line(self._file)
        except OSError as error:
            raise StorageError(f"{file}: {error.strerror}") from error

    def record(self, events: tuple[TraceEvent, ...]) -> None:
        """
        Raises:
            StorageError: The disk is full or fails; ``on_error`` was told.  The effects
                that these events announce must not happen.
        """
        at = self._clock.now()
        lines = b"".join(_line(event, at) for event in events)
        try:
            self._write(lines)
        except StorageError as error:
            self._on_error(error)
            raise

    def _write(self, lines: bytes) -> None:
        try:
            written = os.write(self._file, lines)
        except OSError as error:
            if error.errno != errno.ENOSPC or not self._make_room():
                raise StorageError(f"{self._name}: {error.strerror}") from error
            written = 0
        if written == len(lines):
            return
        if written and not self._make_room():
            raise StorageError(f"{self._name}: only {written} of {len(lines)} bytes fitted")
        self._write(lines[written:])

    def close(self) -> None:
        os.close(self._file)


def _line(event: TraceEvent, at: int) -> bytes:
    tag, names = _SHAPES[type(event)]
    line: dict[str, object] = {"type": tag, "at": at}
    for name in names:
        line[name] = getattr(event, name)
    return _ENCODER.encode(line) + b"\n"


def _cut_unfinished_line(file: int) -> None:
    """Drop what follows the last line end.

    A node killed while it wrote left half a line, whose effect never became visible;
    the next line would be glued to it.
    """
    end = os.fstat(file).st_size
    block = 65536
    position = end
    while position > 0:
        start = max(0, position - block)
        newline = os.pread(file, position - start, start).rfind(b"\n")
        if newline >= 0:
            position = start + newline + 1
            break
        position = start
    if position != end:
        os.ftruncate(file, position)
