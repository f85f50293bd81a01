"""Runs transcripts: commands in, everything that happened out, in one readable file.

A file is a list of stanzas separated by blank lines::

    # Any number of comment lines: the story.
    command word word ...
    ----
    expected output
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class TranscriptError(ValueError):
    """A transcript is not written as it should be."""


@dataclass(frozen=True, slots=True)
class Stanza:
    comments: tuple[str, ...]
    command: str
    expected: str

    @property
    def words(self) -> list[str]:
        return self.command.split()


def parse(text: str) -> list[Stanza]:
    """Raises ``TranscriptError`` with the stanza at fault."""
    stanzas = []
    for block in text.strip().split("\n\n"):
        lines = block.strip("\n").split("\n")
        comments = tuple(line for line in lines if line.startswith("#"))
        rest = lines[len(comments) :]
        if not rest or (len(rest) > 1 and rest[1] != "----"):
            raise TranscriptError(f"expected a command, then '----', in:\n{block}")
        stanzas.append(Stanza(comments, rest[0], "\n".join(rest[2:])))
    return stanzas


def run(path: Path, handle: Callable[[Stanza], str], *, rewrite: bool) -> None:
    """Feed every stanza to ``handle``; compare what comes back, or write it down."""
    actual = []
    differences = []
    for stanza in parse(path.read_text()):
        output = handle(stanza).rstrip("\n") or "ok"
        actual.append("\n".join([*stanza.comments, stanza.command, "----", output]))
        if output != stanza.expected:
            differences.append(
                f"{stanza.command}\n--- expected\n{stanza.expected}\n+++ actual\n{output}"
            )
    if rewrite:
        path.write_text("\n\n".join(actual) + "\n")
    else:
        assert not differences, f"{path}:\n" + "\n\n".join(differences)
