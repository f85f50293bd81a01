"""What storage asks of the file system: a seam, so that tests can make it fail anywhere."""

from __future__ import annotations

import os
from pathlib import Path


class Files:
    """Thin: every method is one system call and raises what that raises (``OSError``)."""

    def open(self, path: Path, flags: int) -> int:
        return os.open(path, flags | os.O_CLOEXEC, 0o644)

    def write(self, file: int, data: memoryview) -> int:
        """How many bytes were written: perhaps not all."""
        return os.write(file, data)

    def sync(self, file: int) -> None:
        """The contents survive a power loss, and the size."""
        os.fdatasync(file)

    def truncate(self, file: int, size: int) -> None:
        os.ftruncate(file, size)

    def reserve(self, file: int, size: int) -> None:
        """Have the file system set aside the first ``size`` bytes."""
        os.posix_fallocate(file, 0, size)

    def close(self, file: int) -> None:
        os.close(file)

    def rename(self, source: Path, target: Path) -> None:
        source.replace(target)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def link(self, source: Path, target: Path) -> None:
        os.link(source, target)

    def sync_directory(self, path: Path) -> None:
        """The names in ``path`` survive a power loss."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
