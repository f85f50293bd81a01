"""What can become of the files of a node that does not run: for tests that damage them."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Final

from system_under_test.gossip_raft.runtime.configuration import FILE_NAME
from system_under_test.gossip_raft.runtime.snapshot_file import is_snapshot
from system_under_test.gossip_raft.runtime.storage import IDENTITY
from system_under_test.gossip_raft.runtime.write_ahead_log import HEADER_BYTES, payload_at

WAL: Final = "wal.log"
KEPT: Final = frozenset({"trace.jsonl", "server.log", "lock", FILE_NAME})
"""What is not the node's data: its trace and log are for those who judge."""


def flip_bit(directory: Path, rng: random.Random) -> str:
    """Damage something that is durable; says what.

    Not the very last record: its loss cannot be told from a torn tail (``core.durable_log``,
    law 3), so no node can know that it has forgotten something.
    """
    log = directory / WAL
    data = log.read_bytes()
    records = _records(data)
    snapshots = sorted(filter(is_snapshot, directory.iterdir()))[-1:]
    parts = max(0, len(records) - 1) + len(snapshots)
    if not parts:
        return "nothing that could be told from a torn tail"
    at = rng.randrange(parts)
    if at >= len(records) - 1:
        (snapshot,) = snapshots
        _flip(snapshot, rng.randrange(snapshot.stat().st_size), rng)
        return "a bit of the snapshot flipped"
    start, end = records[at]
    _flip(log, rng.randrange(start, end), rng)
    return f"a bit of record {at} of {len(records)} flipped"


def lose_disk(directory: Path) -> str:
    """Delete all that the node had there, but for the mark that it has run."""
    for path in sorted(directory.iterdir()):
        if path.name not in KEPT and path.name != IDENTITY:
            path.unlink()
    return "all that was on disk is gone"


def tear_log(directory: Path, rng: random.Random) -> str:
    """Let the log end in a part of a record, as a write leaves it that was not finished."""
    size = rng.randrange(100, 1_000)
    part = rng.randbytes(rng.randrange(1, size))
    with (directory / WAL).open("ab") as log:
        log.write(struct.pack("<II", size, rng.getrandbits(32)) + part)
    return f"{HEADER_BYTES + len(part)} bytes of a record at the end"


def _records(data: bytes) -> list[tuple[int, int]]:
    """Where each of the sound ones begins and ends."""
    found = []
    start = 0
    while (payload := payload_at(data, start)) is not None:
        end = start + HEADER_BYTES + len(payload)
        found.append((start, end))
        start = end
    return found


def _flip(path: Path, offset: int, rng: random.Random) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes((byte ^ 1 << rng.randrange(8),)))
