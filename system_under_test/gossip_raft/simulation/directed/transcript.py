"""Transcripts: commands in, everything that happened out, in one readable text.

A text is a list of stanzas separated by blank lines::

    # Any number of comment lines: the story.
    command word word ...
    ----
    expected output
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


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


@dataclass(frozen=True, slots=True)
class Replayed:
    """``text``: the transcript as it came out; ``differences``: one for each other output."""

    text: str
    differences: tuple[str, ...]


def replay(text: str, handle: Callable[[Stanza], str]) -> Replayed:
    """Feed every stanza of ``text`` to ``handle`` and compare what comes back.

    Raises:
        TranscriptError: Of ``parse``, or of ``handle``.
    """
    actual = []
    differences = []
    for stanza in parse(text):
        output = handle(stanza).rstrip("\n") or "ok"
        actual.append("\n".join([*stanza.comments, stanza.command, "----", output]))
        if output != stanza.expected:
            differences.append(
                f"{stanza.command}\n--- expected\n{stanza.expected}\n+++ actual\n{output}"
            )
    return Replayed("\n\n".join(actual) + "\n", tuple(differences))
