"""The bar of ``harness.cli.waiting``."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


class Bar:
    """Shows how much of a file is read, and then that something is going on."""

    def __init__(self, path: Path) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self.progress.add_task(f"reading {path.name}", total=path.stat().st_size)

    def read(self, size: int) -> None:
        self.progress.advance(self._task, size)

    def judging(self, operations: int) -> None:
        self.progress.update(self._task, visible=False)
        self.progress.add_task(f"judging {operations:,} operations", total=None)
