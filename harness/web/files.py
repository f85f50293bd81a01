"""Which files of the store may be seen: those that a run or a campaign is made of, no others.

Private keys of a cluster's certificates and the nodes' data stay where they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from harness.report.wording import shortened

LINES_MAX: Final = 400
"""Of a file, on one page."""

LINE_CHARACTERS_MAX: Final = 2_000

_SEEN: Final = (
    re.compile(r"[^/]+/[^/]+/(run|schedule|verdict|shrunk)\.json"),
    re.compile(r"[^/]+/[^/]+/(journal\.jsonl|report\.html|test_shrunk\.py)"),
    re.compile(r"[^/]+/[^/]+/nodes/[^/]+/(trace\.jsonl|server\.log)"),
    re.compile(r"campaigns/[^/]+/[^/]+/(summary|campaign)\.(html|json)"),
    re.compile(r"campaigns/[^/]+/[^/]+/(junit\.xml|records\.jsonl)"),
)


def file_of(root: Path, name: str) -> Path | None:
    """The file of that name below ``root``; ``None`` if there is none that may be seen.

    Links count as what they point to, so that none leads out of the store.
    """
    try:
        there = root.resolve()
        path = (there / name).resolve(strict=True)
        inside = path.relative_to(there).as_posix()
    except (OSError, ValueError, RuntimeError):
        return None
    seen = any(pattern.fullmatch(inside) for pattern in _SEEN)
    return path if seen and path.is_file() else None


def files_of(run: Path) -> tuple[str, ...]:
    """The names of the files of a run that may be seen, the most wanted first."""
    names = ["journal.jsonl", "verdict.json", "run.json", "schedule.json"]
    names += ["shrunk.json", "test_shrunk.py"]
    names += sorted(path.relative_to(run).as_posix() for path in run.glob("nodes/*/server.log"))
    names += sorted(path.relative_to(run).as_posix() for path in run.glob("nodes/*/trace.jsonl"))
    return tuple(name for name in names if (run / name).is_file())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """A part of a text file.

    Attributes:
        shown: Numbers, counted from 1, and texts.
        more: The number of the next line that would be shown, if there is one.
    """

    shown: tuple[tuple[int, str], ...]
    more: int | None


def lines_of(path: Path, first: int, text: str) -> Lines:
    """The lines from number ``first`` on that hold ``text``, not too many of them."""
    shown: list[tuple[int, str]] = []
    for number, line in _decoded(path):
        if number < first or text not in line:
            continue
        if len(shown) == LINES_MAX:
            return Lines(shown=tuple(shown), more=number)
        shown.append((number, shortened(line, LINE_CHARACTERS_MAX)))
    return Lines(shown=tuple(shown), more=None)


def _decoded(path: Path) -> Iterator[tuple[int, str]]:
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            yield number, line.rstrip(b"\r\n").decode("utf-8", "backslashreplace")
