"""What a person watches while a long history is read and judged."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Final, Protocol

PATIENCE_S: Final = 1.0
"""What is over by then needs no bar."""


class Waiting(Protocol):
    """Is told what is going on."""

    def read(self, size: int) -> None:
        """So many more bytes of the file are read."""

    def judging(self, operations: int) -> None:
        """The file is read; how long the rest takes nobody knows."""


@contextmanager
def waiting(path: Path) -> Iterator[Waiting]:
    """A bar on a terminal's standard error, gone when done; nothing anywhere else."""
    if not sys.stderr.isatty():
        yield _Silence()
        return
    from harness.cli.bar import Bar

    bar = Bar(path)
    timer = Timer(PATIENCE_S, bar.progress.start)
    timer.start()
    try:
        yield bar
    finally:
        timer.cancel()
        timer.join()  # It may be about to draw.
        if bar.progress.live.is_started:
            bar.progress.stop()


class _Silence:
    def read(self, size: int) -> None:
        pass

    def judging(self, operations: int) -> None:
        pass
