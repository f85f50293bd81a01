"""Stable storage of a live node: a locked directory, a write-ahead log and a snapshot in it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from system_under_test.gossip_raft.core.durable_log import (
    Owner,
    Recovered,
    SnapshotName,
    disk_lost,
)
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import (
    DurableState,
    Entry,
    Incarnation,
    Nanos,
    Snapshot,
)
from system_under_test.gossip_raft.ports import Clock
from system_under_test.gossip_raft.runtime.clock import MonotonicClock
from system_under_test.gossip_raft.runtime.errors import (
    CorruptLog,
    DataDirectoryInUse,
    NoSpace,
    StorageError,
)
from system_under_test.gossip_raft.runtime.files import Files
from system_under_test.gossip_raft.runtime.snapshot_file import (
    encode_snapshot,
    is_snapshot,
    name_of,
    read_snapshot,
    snapshot_path,
)
from system_under_test.gossip_raft.runtime.write_ahead_log import (
    log_anew,
    owner_record,
    persist_record,
    recover,
)

QUICK_SYNC_MAX: Final = Nanos(1_000_000)
CROWDED_MAX: Final = Nanos(1_000_000)
"""A disk whose last sync was quick is waited for in the event loop, as the way to a thread
and back takes longer; but not if the last write was only just done: when writes crowd, the
thread lets the event loop gather the next ones meanwhile."""
BALLAST_BYTES: Final = 4 * 1024 * 1024
"""Set aside, so that term and vote can still be written when the disk is full."""
RETRY_S: Final = 0.5
_IS_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_APPEND: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND


IDENTITY: Final = "identity"
"""The file that is there from a node's first start on."""


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
        self.identity: Final = path / IDENTITY
        self.ballast: Final = path / "ballast"
        self.trace: Final = path / "trace.jsonl"
        self.server_log: Final = path / "server.log"
        try:
            if not path.is_dir():
                path.mkdir(parents=True)
                Files().sync_directory(path.parent)
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
    """The port ``Storage`` on ``directory``.

    1. One ``persist`` is one contiguous write and one fdatasync, in a thread of its own
       unless it will be quick and writes come one by one; one with a snapshot writes that
       to a file and the log anew, each beside what it replaces, and renames it into place
       when it is on disk.
    2. ``durable`` runs on the event loop, after all is on disk; perhaps before ``persist``
       returns.
    3. After a failed write or sync nothing is written any more, and ``on_error`` is
       called once, on the event loop: what the failed sync left on disk is unknowable,
       and a second one may lie (Rebello et al., ATC 2020).
    4. Only a write for which there is no room is undone and repeated, as nothing of it was
       synced.  ``on_full`` hears, on the event loop, when the disk is full and when it is
       not any more; meanwhile what little is written goes into the ballast's place.
    5. With ``rebuild_as`` a directory that is empty or damaged becomes the beginning of a
       node that knows that its disk is lost (PROTOCOL rule 12); a sound one is used as it
       is.  The damaged log is kept beside the new one.
    """

    def __init__(
        self,
        directory: DataDirectory,
        owner: Owner,
        on_error: Callable[[StorageError], None],
        clock: Clock | None = None,
        *,
        on_full: Callable[[bool], None] = lambda _: None,
        rebuild_as: Incarnation | None = None,
        files: Files | None = None,
    ) -> None:
        self._directory = directory
        self._owner = owner
        self._on_error = on_error
        self._on_full = on_full
        self._rebuild_as = rebuild_as
        self._files = Files() if files is None else files
        self._file = -1
        self._end = 0
        self._state = DurableState()
        self._appended: list[Entry] = []
        self._name: SnapshotName | None = None
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="storage")
        self._clock: Clock = MonotonicClock() if clock is None else clock
        self._sync_ns = QUICK_SYNC_MAX
        self._synced_at = Nanos(0)
        self._timer: asyncio.TimerHandle | None = None
        self._has_ballast = False
        self._full = False
        self._writing = False
        self._broken = False
        self.torn_bytes = 0
        """How much of a torn tail ``load`` cut off."""
        self.damage: CorruptLog | None = None
        """What was wrong with the data that ``load`` gave up, if it did."""

    def load(self) -> DurableState:
        """Open the log, cut a torn tail, and answer what is durable.

        Raises:
            CorruptLog: Durable records are damaged, or a file is missing.
            StorageError: The log is another node's, or the disk fails.
        """
        try:
            try:
                is_new = self._open()
            except CorruptLog as damage:
                if self._rebuild_as is None:
                    raise
                self.damage = damage
                self._set_aside(self._rebuild_as)
                is_new = True
            if is_new and self._rebuild_as is not None:
                self._rewrite(disk_lost(self._rebuild_as), None)
            elif is_new:
                self._append(owner_record(self._owner))
            self._note_identity()
            self._remove_leftovers()
            self._has_ballast = self._take_ballast()
        except (OSError, NoSpace) as error:
            raise StorageError(f"{self._directory.wal}: {error}") from error
        return self._state

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        assert not self._writing, "the host persists one thing at a time"
        if self._broken:
            return
        self._writing = True
        if self._will_be_quick(persist):
            try:
                self._write(persist)
            except (OSError, StorageError) as error:
                self._ended(persist, durable, error)
            else:
                self._ended(persist, durable, None)
        else:
            self._start(persist, durable)

    def _will_be_quick(self, persist: Persist) -> bool:
        crowded = self._clock.now() - self._synced_at < CROWDED_MAX
        is_small = persist.snapshot is None and persist.compact_to is None
        return is_small and self._sync_ns < QUICK_SYNC_MAX and not crowded

    def give_up_ballast(self) -> bool:
        """The disk is full, others found: make room; whether there was any to make."""
        if not self._has_ballast or self._broken:
            return False
        self._has_ballast = False
        self._files.remove(self._directory.ballast)
        self._is_full(True)
        if self._timer is None:
            self._later(self._look_for_space)
        return True

    def close(self) -> None:
        """Finish a write under way and close; its ``durable`` does not come any more."""
        self._broken = True
        if self._timer is not None:
            self._timer.cancel()
        self._worker.shutdown(wait=True)
        if self._file >= 0:
            self._files.close(self._file)
            self._file = -1
        with contextlib.suppress(OSError):
            self._files.remove(self._directory.ballast)  # Only a node that runs needs it.

    # --- loading ---------------------------------------------------------------

    def _open(self) -> bool:
        """Take over what the directory holds; whether that is nothing."""
        file = self._directory.wal
        if not file.exists():
            self._check_is_new()
        self._file = self._files.open(file, _APPEND)
        data = file.read_bytes()
        recovered = recover(data, file)
        if recovered.owner is None:
            self._check_is_new()
        elif recovered.owner != self._owner:
            raise StorageError(f"{file} is the log of {recovered.owner}, not {self._owner}")
        self._state = replace(recovered.state, snapshot=self._snapshot_of(recovered))
        self._name = recovered.snapshot
        self._end = recovered.end
        self.torn_bytes = len(data) - recovered.end
        if self.torn_bytes:
            self._files.truncate(self._file, self._end)
        # A process killed between write and sync left records that only the page cache
        # has: they must not count before they are on disk.
        os.fsync(self._file)
        self._files.sync_directory(self._directory.path)
        return recovered.owner is None

    def _check_is_new(self) -> None:
        """
        Raises:
            CorruptLog: The node has run here before: its log was there once.
        """
        identity, path = self._directory.identity, self._directory.path
        if identity.exists() or any(map(is_snapshot, path.iterdir())):
            raise CorruptLog(self._directory.wal, 0, "the log is missing, but the node has run")

    def _snapshot_of(self, recovered: Recovered) -> Snapshot | None:
        if recovered.snapshot is None:
            return None
        return read_snapshot(self._directory.path, recovered.snapshot)

    def _set_aside(self, incarnation: Incarnation) -> None:
        wal = self._directory.wal
        if self._file >= 0:
            self._files.close(self._file)
            self._file = -1
        if wal.exists():
            kept = wal.with_name(f"{wal.name}.damaged-{incarnation}")
            self._files.remove(kept)
            self._files.link(wal, kept)

    def _note_identity(self) -> None:
        """From now on a log that is missing is noticed."""
        identity = self._directory.identity
        if not identity.exists():
            text = f"{self._owner.cluster} {self._owner.node}\n".encode()
            self._files.close(self._put_in_place(identity, text))

    def _remove_leftovers(self) -> None:
        for path in sorted(self._directory.path.iterdir()):
            is_old = is_snapshot(path) and (self._name is None or path != self._path_of(self._name))
            if is_old or path.suffix == ".tmp":
                self._files.remove(path)

    # --- writing, in the worker's thread ------------------------------------------

    def _write(self, persist: Persist) -> None:
        try:
            self._attempt(persist)
        except NoSpace:
            if not self._has_ballast:
                raise
            self._has_ballast = False
            self._files.remove(self._directory.ballast)
            self._attempt(persist)

    def _attempt(self, persist: Persist) -> None:
        if persist.snapshot is not None or persist.compact_to is not None:
            self._rewrite(persist.applied_to(self._durable()), persist.snapshot)
            self._remove_leftovers()
            return
        self._append(persist_record(persist, self._end))
        if persist.truncate_from is not None:
            self._state = persist.applied_to(self._durable())
            self._appended.clear()
        else:
            self._appended += persist.entries
            self._state = replace(self._state, hard=persist.hard)

    def _durable(self) -> DurableState:
        """What is on disk.  Put together when needed: it is as long as the log."""
        return Persist(self._state.hard, None, tuple(self._appended)).applied_to(self._state)

    def _append(self, record: bytes) -> None:
        try:
            self._write_all(self._file, record)
        except NoSpace:
            self._files.truncate(self._file, self._end)
            raise
        began = self._clock.now()
        self._files.sync(self._file)
        self._synced_at = self._clock.now()
        self._sync_ns = Nanos(self._synced_at - began)
        self._end += len(record)

    def _rewrite(self, state: DurableState, snapshot: Snapshot | None) -> None:
        """Put a log in place that amounts to ``state``; ``snapshot``, if it is a new one."""
        name = self._name
        if snapshot is not None:
            data = encode_snapshot(self._owner, snapshot)
            name = name_of(snapshot, data)
            self._files.close(self._put_in_place(self._path_of(name), data))
        data = log_anew(self._owner, state, name)
        file = self._put_in_place(self._directory.wal, data)
        if self._file >= 0:
            self._files.close(self._file)
        self._file, self._end, self._name, self._state = file, len(data), name, state
        self._appended.clear()

    def _put_in_place(self, path: Path, data: bytes) -> int:
        """Write a file, all of it or none, whatever happens; answers its descriptor."""
        new = path.with_name(f"{path.name}.tmp")
        file = self._open_new(new)
        try:
            self._write_all(file, data)
        except NoSpace:
            self._files.close(file)
            self._files.remove(new)
            raise
        self._files.sync(file)
        self._files.rename(new, path)
        self._files.sync_directory(self._directory.path)
        return file

    def _open_new(self, path: Path) -> int:
        try:
            return self._files.open(path, _APPEND | os.O_TRUNC)
        except OSError as error:
            raise _translated(error) from error

    def _write_all(self, file: int, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self._files.write(file, rest) :]
            except OSError as error:
                raise _translated(error) from error

    def _take_ballast(self) -> bool:
        """Whether there is room for it."""
        try:
            file = self._files.open(self._directory.ballast, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            if error.errno in _IS_FULL:
                return False
            raise
        try:
            self._files.reserve(file, BALLAST_BYTES)
        except OSError as error:
            if error.errno not in _IS_FULL:
                raise
            self._files.remove(self._directory.ballast)
            return False
        finally:
            self._files.close(file)
        return True

    def _path_of(self, name: SnapshotName) -> Path:
        return snapshot_path(self._directory.path, name.index)

    # --- on the event loop ----------------------------------------------------------

    def _start(self, persist: Persist, durable: Callable[[], None]) -> None:
        written = asyncio.get_running_loop().run_in_executor(self._worker, self._write, persist)
        written.add_done_callback(partial(self._finish, persist, durable))

    def _finish(
        self, persist: Persist, durable: Callable[[], None], written: asyncio.Future[None]
    ) -> None:
        self._ended(persist, durable, written.exception())

    def _ended(
        self, persist: Persist, durable: Callable[[], None], error: BaseException | None
    ) -> None:
        if self._broken:
            return
        if isinstance(error, NoSpace):
            self._is_full(True)
            self._later(lambda: self._start(persist, durable))
            return
        self._writing = False
        if error is not None:
            self._break(error)
            return
        if not self._has_ballast and self._timer is None:
            self._is_full(True)
            self._later(self._look_for_space)
        durable()

    def _later(self, act: Callable[[], None]) -> None:
        def wake() -> None:
            self._timer = None
            if not self._broken:
                act()

        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(RETRY_S, wake)

    def _look_for_space(self) -> None:
        looked = asyncio.get_running_loop().run_in_executor(self._worker, self._take_ballast)
        looked.add_done_callback(self._looked)

    def _looked(self, looked: asyncio.Future[bool]) -> None:
        error = looked.exception()
        if self._broken:
            return
        if error is not None:
            self._break(error)
            return
        self._has_ballast = looked.result()
        if self._has_ballast:
            self._is_full(False)
        elif self._timer is None:
            self._later(self._look_for_space)

    def _is_full(self, full: bool) -> None:
        if full != self._full:
            self._full = full
            self._on_full(full)

    def _break(self, error: BaseException) -> None:
        self._broken = True
        self._on_error(StorageError(f"{self._directory.wal}: {error}"))


def _translated(error: OSError) -> OSError | NoSpace:
    return NoSpace(error.strerror) if error.errno in _IS_FULL else error
