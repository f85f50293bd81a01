"""What the documentation tells a reader to type works, and where it points there is something."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.cli.hearsay import ROOT, hearsay

PAGES = (ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md")))
TESTED = tuple(
    ROOT / "docs" / name for name in ("tutorial.md", "commands.md", "your-own-system.md")
)
_BLOCK = re.compile(
    r"^(<!-- (?P<how>not tested|exit \d) -->\n)?```sh\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_LINK = re.compile(r"\]\((?P<to>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<title>.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """Lines to type, and how the last one ends: a comment before the box may say ``exit N``, or
    ``not tested``."""

    lines: tuple[str, ...]
    code: int


def blocks_of(page: Path) -> Iterator[Block]:
    for found in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        how = found["how"] or "exit 0"
        if how == "not tested":
            continue
        lines = tuple(line for line in found["text"].splitlines() if line.strip())
        yield Block(lines, int(how.removeprefix("exit ")))


def anchor_of(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


@pytest.mark.live
@pytest.mark.parametrize("page", TESTED, ids=lambda page: page.stem)
def test_what_a_page_says_to_type_does_what_it_says(page: Path, tmp_path: Path) -> None:
    for name in ("docs", "campaigns"):
        (tmp_path / name).symlink_to(ROOT / name)
    blocks = list(blocks_of(page))
    assert blocks
    for block in blocks:
        for number, line in enumerate(block.lines, start=1):
            command, *arguments = shlex.split(line)
            assert command == "hearsay", line
            done = hearsay(*arguments, cwd=tmp_path)
            if number == len(block.lines):
                assert done.returncode == block.code, (line, done)
            else:
                assert done.returncode in {0, block.code}, (line, done)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_is_dead(page: Path) -> None:
    for found in _LINK.finditer(page.read_text(encoding="utf-8")):
        to, _, anchor = found["to"].partition("#")
        if to.startswith(("http://", "https://")):
            continue
        target = page.parent / to if to else page
        assert target.exists(), f"{page.name} points to {to}"
        if anchor:
            titles = _HEADING.findall(target.read_text(encoding="utf-8"))
            assert anchor in map(anchor_of, titles), f"{page.name} points to {found['to']}"


def test_every_command_is_in_the_page_of_commands() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    said = hearsay("--help").stdout.partition("Commands:")[2]
    commands = [line.split()[0] for line in said.splitlines() if line.strip()]
    assert len(commands) > 10
    assert [name for name in commands if f"hearsay {name}" not in page] == []
