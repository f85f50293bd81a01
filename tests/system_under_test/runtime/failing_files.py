"""File systems that fail where a test wants them to."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from system_under_test.gossip_raft.runtime.files import Files


@contextmanager
def small_file_system(place: Path, mebibytes: int) -> Iterator[None]:
    """Mounted at ``place``; the test is skipped where that is not allowed."""
    options = f"size={mebibytes}m"
    mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        # Only root may mount.  A full disk is tested for everybody in test_storage_faults,
        # through the seam of ``Files``; this shows the same on a real one.
        pytest.skip("no permission to mount a file system")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


class Crash(BaseException):
    """The machine stops here."""


class CrashingFiles(Files):
    """Dies at operation number ``at`` (from 0): a write is half done, all else not at all.

    With ``power_loss`` everything that was not synced is gone afterwards; otherwise, as if
    only the process had died, all that was done stays.
    """

    def __init__(self, at: int, *, power_loss: bool) -> None:
        self.operations = 0
        self._at = at
        self._power_loss = power_loss
        self._synced: dict[int, int] = {}  # inode: size
        self._paths: dict[int, Path] = {}
        self._names: list[tuple[Path, bytes | None]] = []

    def open(self, path: Path, flags: int) -> int:
        self._step()
        existed = path.exists()
        file = super().open(path, flags)
        self._synced.setdefault(self._inode(file), os.fstat(file).st_size if existed else 0)
        self._paths[self._inode(file)] = path
        return file

    def write(self, file: int, data: memoryview) -> int:
        if self.operations == self._at:
            super().write(file, data[: len(data) // 2])
        self._step()
        return super().write(file, data)

    def sync(self, file: int) -> None:
        self._step()
        super().sync(file)
        self._synced[self._inode(file)] = os.fstat(file).st_size

    def truncate(self, file: int, size: int) -> None:
        self._step()
        super().truncate(file, size)

    def rename(self, source: Path, target: Path) -> None:
        self._step()
        self._remember(target)
        self._paths[source.stat().st_ino] = target
        super().rename(source, target)

    def remove(self, path: Path) -> None:
        self._step()
        if path.exists():
            self._remember(path)
        super().remove(path)

    def sync_directory(self, path: Path) -> None:
        self._step()
        super().sync_directory(path)
        self._names.clear()

    def _remember(self, path: Path) -> None:
        self._names.append((path, path.read_bytes() if path.exists() else None))

    def _step(self) -> None:
        self.operations += 1
        if self.operations == self._at + 1:
            if self._power_loss:
                self._lose_what_is_not_synced()
            raise Crash

    def _lose_what_is_not_synced(self) -> None:
        for inode, path in self._paths.items():
            if path.exists() and path.stat().st_ino == inode:
                os.truncate(path, min(self._synced[inode], path.stat().st_size))
        for path, before in reversed(self._names):
            if before is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(before)

    @staticmethod
    def _inode(file: int) -> int:
        return os.fstat(file).st_ino


class SmallDisk(Files):
    """Has ``room`` bytes left; ``reserve`` takes of it, and removing gives it back."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.sync_error: int | None = None
        self.syncs = 0
        self._reserved = 0

    def write(self, file: int, data: memoryview) -> int:
        fits = min(self.room, len(data))
        if not fits:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= fits
        return super().write(file, data[:fits])

    def truncate(self, file: int, size: int) -> None:
        self.room += os.fstat(file).st_size - size
        super().truncate(file, size)

    def reserve(self, file: int, size: int) -> None:
        del file
        if self.room < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= size
        self._reserved = size

    def remove(self, path: Path) -> None:
        if path.name == "ballast":
            self.room += self._reserved
            self._reserved = 0
        elif path.exists():
            self.room += path.stat().st_size
        super().remove(path)

    def sync(self, file: int) -> None:
        self.syncs += 1
        if self.sync_error is not None:
            raise OSError(self.sync_error, os.strerror(self.sync_error))
        super().sync(file)
