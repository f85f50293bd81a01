"""The raw entries that can still be read: a window of the newest ones (PROTOCOL D11)."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from operator import attrgetter
from typing import Final

from system_under_test.gossip_raft.core.log import bytes_of_commands
from system_under_test.gossip_raft.core.types import (
    NOTHING_COMPACTED,
    Compacted,
    Entry,
    LogIndex,
    Raw,
)


@dataclass(frozen=True, slots=True)
class Window:
    """How much is kept.  Part of what the state machine is, so no option of a node: nodes
    with different windows would have different states after the same entries."""

    commands_max: int
    bytes_max: int


WINDOW: Final = Window(commands_max=10_000, bytes_max=4 * 1024 * 1024)


class RawLog:
    """1. What is kept follows from the entries applied and from nothing else.
    2. The newest entry is kept, whatever its size; older ones as far as there is room, whole.
    3. What is not kept any more is counted.
    """

    def __init__(
        self,
        window: Window = WINDOW,
        entries: Iterable[Entry] = (),
        compacted: Compacted = NOTHING_COMPACTED,
    ) -> None:
        """``entries`` hold raw commands only, in order, all after ``compacted``."""
        self._window = window
        self._entries = deque(entries)
        self._commands = sum(len(entry.commands) for entry in self._entries)
        self._bytes = sum(bytes_of_commands(entry.commands) for entry in self._entries)
        self.compacted = compacted

    @property
    def entries(self) -> Iterable[Entry]:
        return self._entries

    def add(self, entry: Entry) -> None:
        """Keep the raw commands of ``entry``, if it has some."""
        raw = tuple(command for command in entry.commands if isinstance(command, Raw))
        if not raw:
            return
        self._entries.append(entry if raw == entry.commands else replace(entry, commands=raw))
        self._commands += len(raw)
        self._bytes += bytes_of_commands(raw)
        while len(self._entries) > 1 and self._is_too_much:
            dropped = self._entries.popleft()
            self._commands -= len(dropped.commands)
            self._bytes -= bytes_of_commands(dropped.commands)
            gone = self.compacted.commands + len(dropped.commands)
            self.compacted = Compacted(dropped.index, gone)

    def page(self, first: LogIndex, entries_max: int) -> tuple[Entry, ...]:
        """What is kept from ``first`` on, of each entry the raw commands."""
        start = bisect_left(self._entries, first, key=attrgetter("index"))
        # A client may ask for more than an index can say.
        return tuple(islice(self._entries, start, min(start + entries_max, len(self._entries))))

    @property
    def _is_too_much(self) -> bool:
        window = self._window
        return self._commands > window.commands_max or self._bytes > window.bytes_max
