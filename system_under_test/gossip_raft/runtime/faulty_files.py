"""Files on a disk that can be told to be full, slow, read-only or broken, or to lose its power."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from system_under_test.gossip_raft.runtime.files import Files
from system_under_test.machine import DiskCondition, FailingSync, Full, ReadOnly, SlowToSync

_WRITING: Final = os.O_WRONLY | os.O_RDWR


class FaultyFiles(Files):
    """1. While it is full there is room for what is freed, and for no more.
    2. When the power is lost, what was written since the last sync that ended is gone from each
       open file, and the process ends.  (Names are not lost: file systems keep them in order.)
    3. What is imposed or lifted holds for every operation that begins afterwards.

    Used from two threads, as storage does.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._conditions: list[DiskCondition] = []
        self._fails_next_sync = False
        self._room = 0
        """While it is full."""
        self._synced: dict[int, int] = {}
        """Of each open file, how much of it is."""

    def impose(self, condition: DiskCondition) -> None:
        with self._lock:
            if condition == Full() and not self._holds(Full):
                self._room = 0
            self._fails_next_sync |= condition == FailingSync()
            self._conditions.append(condition)

    def lift(self, condition: DiskCondition) -> None:
        """Of several that are equal, one; harmless if it does not hold."""
        with self._lock:
            if condition in self._conditions:
                self._conditions.remove(condition)
                self._fails_next_sync &= self._holds(FailingSync)

    def lose_power(self, *, torn: bool) -> None:
        """Ends this process.  With ``torn`` a half of what was not synced stays."""
        with self._lock:  # Held for ever: nothing is written any more.
            for file, synced in self._synced.items():
                size = os.fstat(file).st_size
                if size > synced:
                    os.ftruncate(file, synced + (size - synced) // 2 if torn else synced)
            os.kill(os.getpid(), signal.SIGKILL)
            threading.Event().wait()

    # --- operations ------------------------------------------------------------------

    def open(self, path: Path, flags: int) -> int:
        with self._writable() if flags & _WRITING else self._lock:
            freed = path.stat().st_size if flags & os.O_TRUNC and path.exists() else 0
            file = super().open(path, flags)
            self._room += freed
            self._synced[file] = os.fstat(file).st_size
            return file

    def write(self, file: int, data: memoryview) -> int:
        with self._writable():
            if not self._holds(Full):
                return super().write(file, data)
            fits = min(self._room, len(data))
            if not fits:
                raise _error(errno.ENOSPC)
            self._room -= fits
            return super().write(file, data[:fits])

    def sync(self, file: int) -> None:
        with self._lock:
            latency_ns = sum(c.latency_ns for c in self._conditions if isinstance(c, SlowToSync))
            fails, self._fails_next_sync = self._fails_next_sync, False
            written = os.fstat(file).st_size
        if latency_ns:
            threading.Event().wait(latency_ns / 1e9)
        if fails:
            raise _error(errno.EIO)
        super().sync(file)
        with self._lock:
            self._synced[file] = written

    def truncate(self, file: int, size: int) -> None:
        with self._writable():
            self._room += max(0, os.fstat(file).st_size - size)
            super().truncate(file, size)
            self._synced[file] = min(self._synced.get(file, 0), size)

    def reserve(self, file: int, size: int) -> None:
        with self._writable():
            if self._holds(Full):
                if self._room < size:
                    raise _error(errno.ENOSPC)
                self._room -= size
            super().reserve(file, size)

    def close(self, file: int) -> None:
        with self._lock:
            self._synced.pop(file, None)
            super().close(file)

    def rename(self, source: Path, target: Path) -> None:
        with self._writable():
            self._free(target)
            super().rename(source, target)

    def remove(self, path: Path) -> None:
        with self._writable():
            self._free(path)
            super().remove(path)

    def link(self, source: Path, target: Path) -> None:
        with self._writable():
            super().link(source, target)

    def _free(self, path: Path) -> None:
        if path.exists():
            self._room += path.stat().st_size

    def _holds(self, kind: type[DiskCondition]) -> bool:
        return any(isinstance(condition, kind) for condition in self._conditions)

    @contextmanager
    def _writable(self) -> Iterator[None]:
        with self._lock:
            if self._holds(ReadOnly):
                raise _error(errno.EROFS)
            yield


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
