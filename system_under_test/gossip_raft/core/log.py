"""The replicated log as one node holds it in memory."""

from __future__ import annotations

from bisect import bisect_right
from typing import assert_never

from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    AddToSet,
    Append,
    Cas,
    Delete,
    Dequeue,
    Enqueue,
    Entry,
    Get,
    Increment,
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
    """Entries that follow ``base``, without gaps; terms never decrease.

    What was up to ``base`` is compacted: of it only ``base`` itself is known, which the
    log holds, as it holds ``ORIGIN`` when nothing is compacted.

    ``last`` is where it ends.  Everything but slicing and compacting costs O(1),
    ``truncate`` O(dropped).
    """

    def __init__(self, entries: tuple[Entry, ...], base: Position = ORIGIN) -> None:
        self.base = self.last = base
        self._entries: list[Entry] = []
        self._positions: list[Position] = [base]
        """Of the base and of every entry."""
        self._runs: list[Position] = [] if base == ORIGIN else [base]
        self._bytes: list[int] = [0]
        """About how much the entries take, accumulated."""
        for entry in entries:
            self.append(entry)

    @property
    def runs(self) -> tuple[Position, ...]:
        """The last position of every term from the base's on, ascending."""
        return tuple(self._runs)

    def __getitem__(self, index: LogIndex) -> Entry:
        assert index > self.base.index, f"entry {index} is compacted"
        return self._entries[index - self.base.index - 1]

    def __len__(self) -> int:
        """The index of the last entry: those compacted are counted."""
        return self.last.index

    def after(self, index: int, entries_max: int) -> tuple[Entry, ...]:
        """At most ``entries_max`` entries that follow ``index``, which is not below the base."""
        assert index >= self.base.index, f"what follows {index} is compacted"
        start = index - self.base.index
        return tuple(self._entries[start : start + entries_max])

    def batch_after(self, index: int, entries_max: int, bytes_max: int) -> tuple[Entry, ...]:
        """The same, but about ``bytes_max`` bytes at most; one entry always passes."""
        start = index - self.base.index
        end = bisect_right(self._bytes, self._bytes[start] + bytes_max) - 1
        return self.after(index, max(1, min(entries_max, end - start)))

    def bytes_between(self, index: int, until: int) -> int:
        """About how much the entries after ``index`` up to ``until`` take."""
        return self._bytes[until - self.base.index] - self._bytes[index - self.base.index]

    def bytes_after(self, index: int) -> int:
        """About how much the entries that follow ``index`` take."""
        return self.bytes_between(index, len(self))

    def position_at(self, index: int) -> Position:
        """Of the base, or of an entry after it."""
        assert index >= self.base.index, f"entry {index} is compacted"
        return self._positions[index - self.base.index]

    def holds(self, position: Position) -> bool:
        """Whether this log has exactly that entry; then it has all before it too.

        Of compacted entries it cannot tell, and says no.
        """
        return (
            self.base.index <= position.index <= self.last.index
            and self._positions[position.index - self.base.index] == position
        )

    def append(self, entry: Entry) -> None:
        """
        Raises:
            InvariantViolation: It does not follow the last entry.
        """
        last = self.last
        if entry.index != last.index + 1 or entry.term < last.term:
            raise InvariantViolation(f"{entry.term}/{entry.index} cannot follow {last}")
        self.last = position = Position(entry.term, entry.index)
        self._entries.append(entry)
        self._positions.append(position)
        self._bytes.append(self._bytes[-1] + _bytes_of(entry))
        if entry.term == last.term:
            self._runs[-1] = position
        else:
            self._runs.append(position)

    def truncate(self, keep: LogIndex) -> None:
        """Drop what follows ``keep``.

        Raises:
            InvariantViolation: ``keep`` is compacted: what would be left is unknown.
        """
        if keep < self.base.index:
            raise InvariantViolation(f"cannot truncate to {keep}, below the base {self.base}")
        del self._entries[keep - self.base.index :]
        del self._positions[keep - self.base.index + 1 :]
        del self._bytes[keep - self.base.index + 1 :]
        self.last = self._positions[-1]
        while self._runs and self._runs[-1].index > keep:
            self._runs.pop()
        if keep and (not self._runs or self._runs[-1].index < keep):
            self._runs.append(self.last)

    def compact(self, base: Position) -> None:
        """Forget the entries up to ``base``, which this log holds."""
        assert self.holds(base), f"{base} is not in the log"
        dropped = base.index - self.base.index
        del self._entries[:dropped]
        del self._positions[:dropped]
        del self._bytes[:dropped]
        self._runs = [run for run in self._runs if run.index >= base.index]
        self.base = base

    def restart(self, base: Position) -> None:
        """Forget all entries; the next one follows ``base``."""
        self.base = self.last = base
        self._entries, self._positions, self._runs, self._bytes = [], [base], [base], [0]


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
    return 32 + bytes_of_commands(entry.commands)


def bytes_of_commands(commands: tuple[LogCommand, ...]) -> int:
    """About how much a request takes on the wire, and at least that in a log."""
    return sum(map(_bytes_of_command, commands))


def _bytes_of_command(command: LogCommand | Get) -> int:
    match command:  # The frequent ones first.
        case (
            Put(key=key, value=value)
            | Append(key=key, element=value)
            | Enqueue(key=key, element=value)
            | AddToSet(key=key, element=value)
        ):
            size = _bytes_of_text(value) if isinstance(value, str) else 8
            return 16 + _bytes_of_text(key) + size
        case Cas(key=key, expected=expected, replacement=replacement):
            scalars = _bytes_of_scalar(expected) + _bytes_of_scalar(replacement)
            return 24 + _bytes_of_text(key) + scalars
        case SetMembership(membership=membership):
            names = membership.members + tuple(where for _, where in membership.addresses)
            return 8 + 2 * sum(map(len, names))
        case Raw(json=json):
            return 8 + _bytes_of_text(json)
        case Txn(micro=micro):
            return 8 + sum(map(_bytes_of_command, micro))
        case Get(key=key) | Delete(key=key) | Dequeue(key=key):
            return 8 + _bytes_of_text(key)
        case Increment(key=key):
            return 16 + _bytes_of_text(key)
        case _:
            assert_never(command)


def _bytes_of_scalar(scalar: Scalar) -> int:
    return _bytes_of_text(scalar) if isinstance(scalar, str) else 8


def _bytes_of_text(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
