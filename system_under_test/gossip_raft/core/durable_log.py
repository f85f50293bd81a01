"""What a node may believe of the log it finds on its disk (PROTOCOL.md, rule 12).

A log is a sequence of records, some of which may be damaged; what a record looks like on a
disk, and how damage shows, is for whoever reads it.  Given that at most the last write can
be unfinished:

1. A damaged record with nothing sound after it is a torn tail: it was never reported
   durable, and is cut.
2. A damaged record with a sound one anywhere after it had been durable: ``DamagedLog``.
3. Damage to the very last record looks exactly like 1 and is cut, too.
4. A log that was written anew, to drop what a snapshot replaces, was on disk as a whole
   before it was put in place, up to its seal: damage before the seal is ``DamagedLog``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    DurableState,
    Entry,
    HardState,
    Incarnation,
    LogIndex,
    NodeId,
    Position,
)


@dataclass(frozen=True, slots=True)
class Owner:
    """The first record of a log: whose it is, since nobody may go on with another's."""

    cluster: str
    node: NodeId


@dataclass(frozen=True, slots=True)
class SnapshotName:
    """A snapshot on disk, by the index it stands for, and the checksum of all its bytes."""

    index: LogIndex
    file_digest: int


@dataclass(frozen=True, slots=True)
class Base:
    """The second record of a log that was written anew: what it builds on."""

    position: Position
    snapshot: SnapshotName | None


@dataclass(frozen=True, slots=True)
class Sealed:
    """Up to here the log was put in place as a whole."""


Record: TypeAlias = Owner | Base | Sealed | Persist


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """``owner`` is ``None`` for a new log.  What stands at ``end`` and after is a torn tail.

    ``state`` lacks the snapshot, which is elsewhere, by the name ``snapshot``.
    """

    owner: Owner | None
    state: DurableState
    end: int
    snapshot: SnapshotName | None = None


class DamagedLog(Exception):
    """Records that were durable are damaged: a node must not serve from this log."""

    def __init__(self, at: int, problem: str) -> None:
        super().__init__(f"{at}: {problem}")
        self.at = at
        self.problem = problem


def recover(records: Iterable[tuple[int, Record | None]], end: int) -> Recovered:
    """Replay ``records``.

    Args:
        records: Each with where it stands, ``None`` for what is not sound; what follows the
            first of those need not be there as a whole, only whether anything sound does.
        end: Where the log ends, all of it being sound.

    Raises:
        DamagedLog: See the laws above; or a record that this log cannot contain.
    """
    replay = _Replay()
    damaged: int | None = None
    for at, record in records:
        if record is None:
            damaged = at if damaged is None else damaged
        elif damaged is not None:
            problem = f"the record is damaged, but a valid one follows at {at}"
            raise DamagedLog(damaged, problem)
        else:
            replay.add(at, record)
    end = end if damaged is None else damaged
    if not replay.is_whole:
        raise DamagedLog(end, "the record is damaged: the log has no seal")
    state = DurableState(replay.hard, tuple(replay.log), base=replay.base)
    return Recovered(owner=replay.owner, state=state, end=end, snapshot=replay.snapshot)


def anew(owner: Owner, state: DurableState, snapshot: SnapshotName | None) -> tuple[Record, ...]:
    """A whole log that amounts to ``state``, whose snapshot goes by the name ``snapshot``."""
    whole = Persist(state.hard, None, state.log)
    return (owner, Base(state.base, snapshot), whole, Sealed())


def disk_lost(incarnation: Incarnation) -> DurableState:
    """How a node begins whose disk is lost, and who knows it: above all its former lives."""
    return DurableState(HardState(incarnation, recovering=True))


class _Replay:
    """What the records so far add up to."""

    def __init__(self) -> None:
        self.owner: Owner | None = None
        self.hard = HardState()
        self.log: list[Entry] = []
        self.base = ORIGIN
        self.snapshot: SnapshotName | None = None
        self.is_whole = True
        self._records = 0

    def add(self, at: int, record: Record) -> None:
        """Raises: DamagedLog."""
        problem = self._problem(record)
        if problem is not None:
            raise DamagedLog(at, f"a record that makes no sense: {problem}")
        self._records += 1
        match record:
            case Owner():
                self.owner = record
            case Base(position=position, snapshot=snapshot):
                self.base, self.snapshot, self.is_whole = position, snapshot, False
            case Sealed():
                self.is_whole = True
            case Persist():
                self._persist(record)
            case _:
                assert_never(record)

    def _persist(self, persist: Persist) -> None:
        if persist.truncate_from is not None:
            del self.log[persist.truncate_from - self.base.index - 1 :]
        self.log.extend(persist.entries)
        self.hard = persist.hard

    def _problem(self, record: Record) -> str | None:
        """Why ``record`` cannot stand here, if so."""
        if isinstance(record, Owner):
            return None if self.owner is None else "a second owner"
        if self.owner is None:
            return "the first record does not name the owner"
        if isinstance(record, Base):
            return None if self._records == 1 else "a base that is not at the beginning"
        if isinstance(record, Sealed):
            return None
        base, last = self.base.index, self.base.index + len(self.log)
        if record.truncate_from is not None:
            if not base < record.truncate_from <= last + 1:
                return f"drops entries from {record.truncate_from} of {last}"
            last = record.truncate_from - 1
        for entry in record.entries:
            if entry.index != last + 1:
                return f"appends entry {entry.index} after entry {last}"
            last = entry.index
        return None
