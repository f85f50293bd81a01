"""What a person watches while a long history is read and judged."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

PATIENCE_S: Final = 1.0
"""What is over by then needs no bar."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Tells the person what is going on."""

    progress: Progress
    task: TaskID

    def read(self, size: int) -> None:
        """So many more bytes of the file are read."""
        self.progress.advance(self.task, size)

    def judging(self, operations: int) -> None:
        """The file is read; how long the rest takes nobody knows."""
        self.progress.update(self.task, visible=False)
        self.progress.add_task(f"judging {operations:,} operations", total=None)


@contextmanager
def waiting(path: Path) -> Iterator[Waiting]:
    """A bar on a terminal's standard error, gone when done; nothing anywhere else."""
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    task = progress.add_task(f"reading {path.name}", total=path.stat().st_size)
    timer = Timer(PATIENCE_S, progress.start)
    if sys.stderr.isatty():
        timer.start()
    try:
        yield Waiting(progress, task)
    finally:
        timer.cancel()
        if timer.is_alive():
            timer.join()  # It may be about to draw.
        if progress.live.is_started:
            progress.stop()
