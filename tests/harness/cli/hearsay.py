"""The command as a user has it: in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
TIMEOUT_S = 120


def hearsay(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=cwd or ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def command(*arguments: str | Path) -> list[str]:
    start = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from harness.cli.main import main; main()"
    )
    return [sys.executable, "-c", start, *map(str, arguments)]
