"""Stable storage of a live node: a locked directory and a write-ahead log in it."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import DurableState, Nanos
from system_under_test.gossip_raft.ports import Clock
from system_under_test.gossip_raft.runtime.clock import MonotonicClock
from system_under_test.gossip_raft.runtime.errors import DataDirectoryInUse, StorageError
from system_under_test.gossip_raft.runtime.write_ahead_log import (
    Owner,
    owner_record,
    persist_record,
    recover,
)

QUICK_SYNC_MAX: Final = Nanos(1_000_000)
CROWDED_MAX: Final = Nanos(1_000_000)
"""A disk whose last sync was quick is waited for in the event loop, as the way to a thread
and back takes longer; but not if the last write was only just done: when writes crowd, the
thread lets the event loop gather the next ones meanwhile."""


class DataDirectory:
    """Where one node keeps everything; locked from creation to ``close``.

    The lock is the process's (flock): it goes with it, however it dies.

    Raises:
        DataDirectoryInUse: Another process holds it.
        StorageError: It cannot be made, or is not a directory.
    """

    def __init__(self, path: Path) -> None:
        self.path: Final = path
        self.wal: Final = path / "wal.log"
        self.trace: Final = path / "trace.jsonl"
        self.server_log: Final = path / "server.log"
        try:
            if not path.is_dir():
                path.mkdir(parents=True)
                sync_directory(path.parent)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StorageError(f"data directory {path}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise DataDirectoryInUse(f"data directory {path} is in use by a process") from error

    def close(self) -> None:
        os.close(self._lock)


class FileStorage:
    """The port ``Storage`` on ``directory.wal``.

    1. One ``persist`` is one contiguous write and one fdatasync, in a thread of its own
       unless it will be quick and writes come one by one.
    2. ``durable`` runs on the event loop, after the fdatasync returned; perhaps before
       ``persist`` does.
    3. After a failed write or sync nothing is written any more, and ``on_error`` is
       called once, on the event loop: what the failed sync left on disk is unknowable,
       and a second one may lie (Rebello et al., ATC 2020).
    """

    def __init__(
        self,
        directory: DataDirectory,
        owner: Owner,
        on_error: Callable[[StorageError], None],
        clock: Clock | None = None,
    ) -> None:
        self._directory = directory
        self._owner = owner
        self._on_error = on_error
        self._file = -1
        self._end = 0
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="storage")
        self._clock: Clock = MonotonicClock() if clock is None else clock
        self._sync_ns = QUICK_SYNC_MAX
        self._synced_at = Nanos(0)
        self._writing = False
        self._broken = False
        self.torn_bytes = 0
        """How much of a torn tail ``load`` cut off."""

    def load(self) -> DurableState:
        """Open the log, cut a torn tail, and answer what is durable.

        Raises:
            CorruptLog: Durable records are damaged.
            StorageError: The log is another node's, or the disk fails.
        """
        file = self._directory.wal
        try:
            self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            data = file.read_bytes()
            recovered = recover(data, file)
            if recovered.owner not in (None, self._owner):
                raise StorageError(f"{file} is the log of {recovered.owner}, not {self._owner}")
            self._end = recovered.end
            self.torn_bytes = len(data) - recovered.end
            if self.torn_bytes:
                os.ftruncate(self._file, self._end)
            # A process killed between write and sync left records that only the page cache
            # has: they must not count before they are on disk.
            os.fsync(self._file)
            sync_directory(self._directory.path)
            if recovered.owner is None:
                self._append(owner_record(self._owner))
        except OSError as error:
            raise StorageError(f"{file}: {error.strerror}") from error
        return recovered.state

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        assert not self._writing, "the host persists one thing at a time"
        if self._broken:
            return
        crowded = self._clock.now() - self._synced_at < CROWDED_MAX
        if self._sync_ns < QUICK_SYNC_MAX and not crowded:
            try:
                self._write(persist)
            except OSError as error:
                self._fail(error)
            else:
                durable()
            return
        self._writing = True
        written = asyncio.get_running_loop().run_in_executor(self._worker, self._write, persist)
        written.add_done_callback(partial(self._finish, durable))

    def close(self) -> None:
        """Finish a write under way and close; its ``durable`` does not come any more."""
        self._broken = True
        self._worker.shutdown(wait=True)
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _write(self, persist: Persist) -> None:
        self._append(persist_record(persist, self._end))

    def _append(self, record: bytes) -> None:
        rest = memoryview(record)
        while rest:
            rest = rest[os.write(self._file, rest) :]
        began = self._clock.now()
        os.fdatasync(self._file)
        self._synced_at = self._clock.now()
        self._sync_ns = Nanos(self._synced_at - began)
        self._end += len(record)

    def _finish(self, durable: Callable[[], None], written: asyncio.Future[None]) -> None:
        self._writing = False
        error = written.exception()
        if self._broken:
            return
        if error is not None:
            self._fail(error)
            return
        durable()

    def _fail(self, error: BaseException) -> None:
        self._broken = True
        self._on_error(StorageError(f"{self._directory.wal}: {error}"))


def sync_directory(path: Path) -> None:
    """Make the names in ``path`` survive a power loss."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
