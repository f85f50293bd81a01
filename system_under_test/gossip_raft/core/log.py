"""The replicated log as one node holds it in memory."""

from __future__ import annotations

from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    Entry,
    InvariantViolation,
    LogIndex,
    Position,
    Term,
)


class Log:
    """Entries from index 1 on, without gaps; terms never decrease.

    Everything but slicing costs O(1), ``truncate`` O(dropped).
    """

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self._entries: list[Entry] = []
        self._runs: list[Position] = []
        for entry in entries:
            self.append(entry)

    @property
    def last(self) -> Position:
        return self._runs[-1] if self._runs else ORIGIN

    @property
    def runs(self) -> tuple[Position, ...]:
        """The last position of every term, ascending."""
        return tuple(self._runs)

    def __getitem__(self, index: LogIndex) -> Entry:
        assert index >= 1
        return self._entries[index - 1]

    def __len__(self) -> int:
        return len(self._entries)

    def after(self, index: int, entries_max: int) -> tuple[Entry, ...]:
        """At most ``entries_max`` entries that follow ``index``."""
        return tuple(self._entries[index : index + entries_max])

    def position_at(self, index: int) -> Position:
        if index == 0:
            return ORIGIN
        entry = self._entries[index - 1]
        return Position(entry.term, entry.index)

    def holds(self, position: Position) -> bool:
        """Whether this log has exactly that entry; then it has all before it too."""
        return position.index <= len(self) and self.position_at(position.index) == position

    def append(self, entry: Entry) -> None:
        """
        Raises:
            InvariantViolation: It does not follow the last entry.
        """
        last = self.last
        if entry.index != last.index + 1 or entry.term < last.term:
            raise InvariantViolation(f"{entry.term}/{entry.index} cannot follow {last}")
        position = Position(entry.term, entry.index)
        self._entries.append(entry)
        if entry.term == last.term:
            self._runs[-1] = position
        else:
            self._runs.append(position)

    def truncate(self, keep: LogIndex) -> None:
        """Drop what follows ``keep``."""
        del self._entries[keep:]
        while self._runs and self._runs[-1].index > keep:
            self._runs.pop()
        if keep and self.last.index < keep:
            self._runs.append(self.position_at(keep))


def common_point(own: tuple[Position, ...], source: tuple[Position, ...]) -> Position:
    """The last entry that both logs hold, from their runs; ``ORIGIN`` if there is none.

    By log matching, logs that share a term agree on that term's entries up to the
    shorter of the two runs, and on everything before.
    """
    theirs: dict[Term, LogIndex] = {run.term: run.index for run in source}
    for run in reversed(own):
        if run.term in theirs:
            return Position(run.term, min(run.index, theirs[run.term]))
    return ORIGIN
