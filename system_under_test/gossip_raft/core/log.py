"""The replicated log as one node holds it in memory."""

from __future__ import annotations

from bisect import bisect_right
from typing import assert_never

from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    Append,
    Cas,
    Delete,
    Entry,
    Get,
    InvariantViolation,
    LogCommand,
    LogIndex,
    Position,
    Put,
    Raw,
    Scalar,
    SetMembership,
    Term,
    Txn,
)


class Log:
    """Entries from index 1 on, without gaps; terms never decrease.

    Everything but slicing costs O(1), ``truncate`` O(dropped).
    """

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        self._entries: list[Entry] = []
        self._runs: list[Position] = []
        self._bytes: list[int] = [0]  # About how much the first i entries take.
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

    def batch_after(self, index: int, entries_max: int, bytes_max: int) -> tuple[Entry, ...]:
        """The same, but about ``bytes_max`` bytes at most; one entry always passes."""
        end = bisect_right(self._bytes, self._bytes[index] + bytes_max) - 1
        return self.after(index, max(1, min(entries_max, end - index)))

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
        self._bytes.append(self._bytes[-1] + _bytes_of(entry))
        if entry.term == last.term:
            self._runs[-1] = position
        else:
            self._runs.append(position)

    def truncate(self, keep: LogIndex) -> None:
        """Drop what follows ``keep``."""
        del self._entries[keep:]
        del self._bytes[keep + 1 :]
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


def _bytes_of(entry: Entry) -> int:
    """About what it takes on the wire: its texts, and a little for the rest."""
    return 32 + sum(_bytes_of_command(command) for command in entry.commands)


def _bytes_of_command(command: LogCommand | Get) -> int:
    match command:
        case SetMembership(membership=membership):
            names = membership.members + tuple(where for _, where in membership.addresses)
            return 8 + 2 * sum(map(len, names))
        case Raw(json=json):
            return 8 + len(json.encode())
        case Txn(micro=micro):
            return 8 + sum(map(_bytes_of_command, micro))
        case Get(key=key) | Delete(key=key):
            return 8 + len(key)
        case Put(key=key, value=value) | Append(key=key, element=value):
            return 16 + len(key) + _bytes_of_scalar(value)
        case Cas(key=key, expected=expected, replacement=replacement):
            return 24 + len(key) + _bytes_of_scalar(expected) + _bytes_of_scalar(replacement)
        case _:
            assert_never(command)


def _bytes_of_scalar(scalar: Scalar) -> int:
    return len(scalar) if isinstance(scalar, str) else 8
