"""The bytes of a snapshot file: one record, framed as in ``wal.log``.  Pure."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import Final

from google.protobuf.message import DecodeError

from protos.generated import write_ahead_log_pb2 as wire
from system_under_test.gossip_raft.core.durable_log import Owner, SnapshotName
from system_under_test.gossip_raft.core.types import Snapshot
from system_under_test.gossip_raft.runtime.codec_data import (
    decode_membership,
    decode_position,
    encode_membership,
    encode_position,
    require,
)
from system_under_test.gossip_raft.runtime.errors import CodecError, CorruptLog
from system_under_test.gossip_raft.runtime.write_ahead_log import (
    encode_owner,
    frame,
    payload_at,
)

_NAME: Final = re.compile(r"snapshot-[0-9]{20}\.bin")


def snapshot_path(directory: Path, index: int) -> Path:
    return directory / f"snapshot-{index:020}.bin"


def is_snapshot(path: Path) -> bool:
    return _NAME.fullmatch(path.name) is not None


def encode_snapshot(owner: Owner, snapshot: Snapshot) -> bytes:
    return frame(
        0,
        wire.SnapshotFile(
            owner=encode_owner(owner),
            position=encode_position(snapshot.position),
            log_digest=snapshot.log_digest,
            membership=encode_membership(snapshot.membership),
            image=snapshot.image,
        ),
    )


def name_of(snapshot: Snapshot, data: bytes) -> SnapshotName:
    """What the log says of ``snapshot``, which is ``data`` on disk."""
    return SnapshotName(snapshot.position.index, zlib.crc32(data))


def read_snapshot(directory: Path, name: SnapshotName) -> Snapshot:
    """
    Raises:
        CorruptLog: The file that ``name`` names is missing or damaged.
        OSError: It cannot be read.
    """
    file = snapshot_path(directory, name.index)
    if not file.exists():
        raise CorruptLog(file, 0, "the snapshot that the log builds on is missing")
    data = file.read_bytes()
    payload = payload_at(data, 0)
    if payload is None or zlib.crc32(data) != name.file_digest:
        raise CorruptLog(file, 0, "the snapshot is damaged: its checksum is wrong")
    try:
        decoded = wire.SnapshotFile.FromString(payload)
        require(decoded, "position", "membership")
    except (DecodeError, CodecError) as error:
        raise CorruptLog(file, 0, f"a snapshot that makes no sense: {error}") from error
    return Snapshot(
        decode_position(decoded.position),
        decoded.log_digest,
        decode_membership(decoded.membership),
        decoded.image,
    )
