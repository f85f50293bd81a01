"""The bytes of ``wal.log``: framing, recovery, and what the records mean.  Pure.

A record is ``[length u32][crc32 u32][payload]``, little-endian; the checksum covers the
record's own offset and the payload, so that bytes which were copied from elsewhere, or
which a client chose to look like a record, are not taken for one.

What a node may believe of such a log is said by ``core.durable_log``.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, assert_never

from google.protobuf.message import DecodeError

from protos.generated import write_ahead_log_pb2 as wire
from system_under_test.gossip_raft.core import durable_log
from system_under_test.gossip_raft.core.durable_log import (
    Base,
    DamagedLog,
    Owner,
    Record,
    Recovered,
    Sealed,
    SnapshotName,
    anew,
)
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import (
    DurableState,
    HardState,
    Incarnation,
    LogIndex,
    NodeId,
    Term,
)
from system_under_test.gossip_raft.runtime.codec_data import (
    decode_entry,
    decode_position,
    encode_position,
    fill_entry,
    require,
    unset,
)
from system_under_test.gossip_raft.runtime.errors import CodecError, CorruptLog

VERSION: Final = 1
_HEADER: Final = struct.Struct("<II")
_OFFSET: Final = struct.Struct("<Q")
HEADER_BYTES: Final = _HEADER.size
"""Of each record; its payload follows."""


def owner_record(owner: Owner) -> bytes:
    """The first record of a log."""
    return frame(0, _encode(owner))


def encode_owner(owner: Owner) -> wire.Owner:
    return wire.Owner(version=VERSION, cluster=owner.cluster, node=owner.node)


def persist_record(persist: Persist, offset: int) -> bytes:
    """The record of ``persist``, to be written at ``offset``; without what compacts."""
    return frame(offset, _encode(persist))


def log_anew(owner: Owner, state: DurableState, snapshot: SnapshotName | None) -> bytes:
    """A whole log that amounts to ``state``, whose snapshot is in the file ``snapshot``."""
    data = b""
    for record in anew(owner, state, snapshot):
        data += frame(len(data), _encode(record))
    return data


def recover(data: bytes, file: Path) -> Recovered:
    """Replay the records of ``data``, the contents of ``file``.

    Raises:
        CorruptLog: A damaged record before a valid one, or a valid record that this
            log cannot contain: the message names ``file`` and the record's offset.
    """
    try:
        return durable_log.recover(_records(data), len(data))
    except DamagedLog as damaged:
        raise CorruptLog(file, damaged.at, damaged.problem) from damaged


def _records(data: bytes) -> Iterator[tuple[int, Record | None]]:
    """The sound ones up to the first damage; then that, and the next sound one, if any."""
    offset = 0
    while offset < len(data):
        payload = payload_at(data, offset)
        if payload is None:
            yield offset, None
            following = _next_valid(data, offset + 1)
            if following is not None:
                yield following, Sealed()  # That it is sound is all that matters of it.
            return
        try:
            yield offset, _decode(wire.Record.FromString(payload))
        except (DecodeError, CodecError) as error:
            raise DamagedLog(offset, f"a record that makes no sense: {error}") from error
        offset += _HEADER.size + len(payload)


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


def _encode(record: Record) -> wire.Record:
    """``record`` without what compacts: that is a log of its own."""
    match record:
        case Owner():
            return wire.Record(owner=encode_owner(record))
        case Base(position=position, snapshot=snapshot):
            base = wire.Base(position=encode_position(position))
            if snapshot is not None:
                name = wire.SnapshotName(index=snapshot.index, file_digest=snapshot.file_digest)
                base.snapshot.CopyFrom(name)
            return wire.Record(base=base)
        case Sealed():
            return wire.Record(sealed=wire.Sealed())
        case Persist():
            return wire.Record(persist=_encode_persist(record))
        case _:
            assert_never(record)


def _encode_persist(persist: Persist) -> wire.Persist:
    hard = persist.hard
    encoded = wire.Persist(
        hard=wire.HardState(
            incarnation=hard.incarnation,
            term=hard.term,
            vote=hard.vote,
            commit=hard.commit,
            recovering=hard.recovering,
            abstains=hard.abstains,
        ),
        truncate_from=persist.truncate_from,
    )
    for entry in persist.entries:
        fill_entry(encoded.entries.add(), entry)
    return encoded


def _decode(record: wire.Record) -> Record:
    match record.WhichOneof("kind"):
        case "base":
            require(record.base, "position")
            snapshot = None
            if record.base.HasField("snapshot"):
                name = record.base.snapshot
                snapshot = SnapshotName(LogIndex(name.index), name.file_digest)
            return Base(decode_position(record.base.position), snapshot)
        case "sealed":
            return Sealed()
        case "owner":
            if record.owner.version != VERSION:
                raise CodecError(f"version {record.owner.version}, but only {VERSION} is known")
            return Owner(record.owner.cluster, NodeId(record.owner.node))
        case "persist":
            return _decode_persist(record.persist)
        case None:
            raise unset(record)


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
