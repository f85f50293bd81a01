"""A text that is read piece by piece, and where in it something stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from histories.errors import MalformedHistory

_PIECE: Final = 2**16
_TOKEN_MAX: Final = 2**24
"""A longer token is refused: files from strangers must not fill the memory."""


class Place(NamedTuple):
    """Where something begins: line and column, both counted from 1."""

    line: int
    column: int


class Token(NamedTuple):
    """A piece of the text: the name of the group that it matched, and itself."""

    kind: str
    text: str


class Source:
    """Hands out tokens and remembers the place of the last.

    Raises:
        MalformedHistory: What comes next is no token, with its place.
    """

    def __init__(self, read: Callable[[int], str], pattern: re.Pattern[str], file: str) -> None:
        """``read`` gives so many characters, fewer only at the end.  ``pattern`` matches
        anywhere: first the group "space", which may be empty, then one other group or none."""
        self.file = file
        self._read = read
        self._pattern = pattern
        self._text = ""
        self._at = 0
        self._ended = False
        self._line, self._line_begin = 1, 0
        self._place = 1, 1

    @property
    def place(self) -> Place:
        """Where the last token begins."""
        return Place(*self._place)

    def next(self) -> Token | None:
        """The next token that is not blank; None at the end."""
        match = self._match()
        kind = match.lastgroup or "space"
        begin, end = match.end("space"), match.end()
        self._count_lines(self._at, begin)
        self._place = self._line, begin - self._line_begin + 1
        if kind == "space":
            if begin < len(self._text):
                rest = self._text[begin : begin + 20]
                endless = rest.startswith('"')
                raise self.broken("a text without end" if endless else f"{rest!r} is out of place")
            self._at = begin
            return None
        self._count_lines(begin, end)
        self._at = end
        return Token(kind, self._text[begin:end])

    def required(self) -> Token:
        """The next token.  Raises MalformedHistory if there is none."""
        token = self.next()
        if token is None:
            raise self.broken("ends in the middle of a value")
        return token

    def broken(self, problem: str, *, field: str | None = None) -> MalformedHistory:
        """What is wrong at ``place``."""
        line, column = self._place
        return MalformedHistory(problem, file=self.file, line=line, column=column, field=field)

    def _match(self) -> re.Match[str]:
        while True:
            match = self._pattern.match(self._text, self._at)
            assert match is not None, "the pattern matches anywhere"
            rest = len(self._text) - match.end()
            # What reaches to the end may go on, and so may a text whose end is not there yet.
            may_go_on = rest == 0 or (
                match.lastgroup == "space" and (rest < 2 or self._text[match.end()] == '"')
            )
            if self._ended or not may_go_on:
                return match
            self._read_on()

    def _read_on(self) -> None:
        if len(self._text) - self._at > _TOKEN_MAX:
            self._place = self._line, self._at - self._line_begin + 1
            raise self.broken(f"longer than {_TOKEN_MAX} characters")
        piece = self._read(_PIECE)
        self._ended = not piece
        self._line_begin -= self._at
        self._text, self._at = self._text[self._at :] + piece, 0

    def _count_lines(self, begin: int, end: int) -> None:
        if count := self._text.count("\n", begin, end):
            self._line += count
            self._line_begin = self._text.rindex("\n", begin, end) + 1
