"""The bytes of ``wal.log``: framing, recovery, and what the records mean.  Pure.

A record is ``[length u32][crc32 u32][payload]``, little-endian; the checksum covers the
record's own offset and the payload, so that bytes which were copied from elsewhere, or
which a client chose to look like a record, are not taken for one.

Recovery (PROTOCOL.md, rule 12), given that at most the last write can be unfinished:

1. An invalid record with nothing valid after it is a torn tail: it was never reported
   durable, and is cut.
2. An invalid record with a valid one anywhere after it had been durable and is damaged:
   ``CorruptLog``.
3. Damage to the very last record looks exactly like 1 and is cut, too.
4. A log that was written anew, to drop what a snapshot replaces, was on disk as a whole
   before it was put in place, up to its seal: damage before the seal is corruption.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError

from protos.generated import write_ahead_log_pb2 as wire
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    DurableState,
    Entry,
    HardState,
    Incarnation,
    LogIndex,
    NodeId,
    Term,
)
from system_under_test.gossip_raft.runtime.codec_data import (
    decode_entry,
    decode_position,
    encode_entry,
    encode_position,
    require,
    unset,
)
from system_under_test.gossip_raft.runtime.errors import CodecError, CorruptLog

VERSION: Final = 1
_HEADER: Final = struct.Struct("<II")
_OFFSET: Final = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose log it is: nobody may go on with another's."""

    cluster: str
    node: NodeId


@dataclass(frozen=True, slots=True)
class SnapshotName:
    """A snapshot file, by the index it stands for, and the checksum of all its bytes."""

    index: LogIndex
    file_digest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """``owner`` is ``None`` for a new log.  Bytes from ``end`` on are a torn tail.

    ``state`` lacks the snapshot, which is in a file of its own, ``snapshot``.
    """

    owner: Owner | None
    state: DurableState
    end: int
    snapshot: SnapshotName | None = None


def owner_record(owner: Owner) -> bytes:
    """The first record of a log."""
    return frame(0, wire.Record(owner=encode_owner(owner)))


def encode_owner(owner: Owner) -> wire.Owner:
    return wire.Owner(version=VERSION, cluster=owner.cluster, node=owner.node)


def persist_record(persist: Persist, offset: int) -> bytes:
    """The record of ``persist``, to be written at ``offset``; without what compacts."""
    hard = persist.hard
    payload = wire.Record(
        persist=wire.Persist(
            hard=wire.HardState(
                incarnation=hard.incarnation,
                term=hard.term,
                vote=hard.vote,
                commit=hard.commit,
                recovering=hard.recovering,
                abstains=hard.abstains,
            ),
            truncate_from=persist.truncate_from,
            entries=map(encode_entry, persist.entries),
        )
    )
    return frame(offset, payload)


def log_anew(owner: Owner, state: DurableState, snapshot: SnapshotName | None) -> bytes:
    """A whole log that amounts to ``state``, whose snapshot is in the file ``snapshot``."""
    base = wire.Base(position=encode_position(state.base))
    if snapshot is not None:
        name = wire.SnapshotName(index=snapshot.index, file_digest=snapshot.file_digest)
        base.snapshot.CopyFrom(name)
    data = owner_record(owner)
    data += frame(len(data), wire.Record(base=base))
    data += persist_record(Persist(state.hard, None, state.log), len(data))
    return data + frame(len(data), wire.Record(sealed=wire.Sealed()))


def recover(data: bytes, file: Path) -> Recovered:
    """Replay the records of ``data``, the contents of ``file``.

    Raises:
        CorruptLog: A damaged record before a valid one, or a valid record that this
            log cannot contain: the message names ``file`` and the record's offset.
    """
    replay = _Replay()
    offset = 0
    while (payload := payload_at(data, offset)) is not None:
        try:
            replay.add(wire.Record.FromString(payload))
        except (DecodeError, CodecError) as error:
            raise CorruptLog(file, offset, f"a record that makes no sense: {error}") from error
        offset += _HEADER.size + len(payload)
    if (following := _next_valid(data, offset + 1)) is not None:
        raise CorruptLog(
            file, offset, f"the record is damaged, but a valid one follows at offset {following}"
        )
    if not replay.is_whole:
        raise CorruptLog(file, offset, "the record is damaged: the log has no seal")
    state = DurableState(replay.hard, tuple(replay.log), base=replay.base)
    return Recovered(owner=replay.owner, state=state, end=offset, snapshot=replay.snapshot)


def frame(offset: int, record: wire.Record | wire.SnapshotFile) -> bytes:
    """``record`` as it stands at ``offset`` of a file."""
    payload = record.SerializeToString()
    return _HEADER.pack(len(payload), _checksum(offset, payload)) + payload


def _checksum(offset: int, payload: bytes) -> int:
    return zlib.crc32(payload, zlib.crc32(_OFFSET.pack(offset)))


def payload_at(data: bytes, offset: int) -> bytes | None:
    """The payload of the record at ``offset``, or ``None`` if no valid one is there.

    No payload is empty: a stretch of zeros, as file systems leave it, is no record.
    """
    start = offset + _HEADER.size
    if start > len(data):
        return None
    length, checksum = _HEADER.unpack_from(data, offset)
    if length == 0 or start + length > len(data):
        return None
    payload = data[start : start + length]
    return payload if _checksum(offset, payload) == checksum else None


def _next_valid(data: bytes, start: int) -> int | None:
    # At every byte, as the damage may be in a length.
    candidates: Iterable[int] = range(start, len(data) - _HEADER.size)
    return next((at for at in candidates if payload_at(data, at) is not None), None)


class _Replay:
    """What the records so far add up to.  Every method raises ``CodecError``."""

    def __init__(self) -> None:
        self.owner: Owner | None = None
        self.hard = HardState()
        self.log: list[Entry] = []
        self.base = ORIGIN
        self.snapshot: SnapshotName | None = None
        self.is_whole = True
        self._records = 0

    def add(self, record: wire.Record) -> None:
        self._records += 1
        match record.WhichOneof("kind"):
            case "base":
                self._begin(record.base)
            case "sealed":
                self.is_whole = True
            case "owner":
                self._own(record.owner)
            case "persist":
                if self.owner is None:
                    raise CodecError("the first record does not name the owner")
                self._persist(_decode_persist(record.persist))
            case None:
                raise unset(record)

    def _own(self, owner: wire.Owner) -> None:
        if self.owner is not None:
            raise CodecError("a second owner")
        if owner.version != VERSION:
            raise CodecError(f"version {owner.version}, but only {VERSION} is known")
        self.owner = Owner(owner.cluster, NodeId(owner.node))

    def _begin(self, base: wire.Base) -> None:
        if self._records != 2:
            raise CodecError("a base that is not at the beginning")
        require(base, "position")
        self.base, self.is_whole = decode_position(base.position), False
        if base.HasField("snapshot"):
            name = base.snapshot
            self.snapshot = SnapshotName(LogIndex(name.index), name.file_digest)

    def _persist(self, persist: Persist) -> None:
        base, last = self.base.index, self.base.index + len(self.log)
        if persist.truncate_from is not None:
            if not base < persist.truncate_from <= last + 1:
                raise CodecError(f"drops entries from {persist.truncate_from} of {last}")
            del self.log[persist.truncate_from - base - 1 :]
        for entry in persist.entries:
            if entry.index != base + len(self.log) + 1:
                last = base + len(self.log)
                raise CodecError(f"appends entry {entry.index} after entry {last}")
            self.log.append(entry)
        self.hard = persist.hard


def _decode_persist(persist: wire.Persist) -> Persist:
    require(persist, "hard")
    hard = persist.hard
    return Persist(
        HardState(
            incarnation=Incarnation(hard.incarnation),
            term=Term(hard.term),
            vote=NodeId(hard.vote) if hard.HasField("vote") else None,
            commit=LogIndex(hard.commit),
            recovering=hard.recovering,
            abstains=Term(hard.abstains),
        ),
        LogIndex(persist.truncate_from) if persist.HasField("truncate_from") else None,
        tuple(map(decode_entry, persist.entries)),
    )
