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


class Source:
    """Hands out tokens and remembers the place of each.

    Raises:
        MalformedHistory: What comes next is no token, with its place.
    """

    def __init__(self, read: Callable[[int], str], token: re.Pattern[str], file: str) -> None:
        """``read`` gives so many characters, fewer only at the end; ``token`` has the
        group "space" for what stands between tokens."""
        self.file = file
        self.place = Place(1, 1)
        self._read = read
        self._token = token
        self._text = ""
        self._at = 0
        self._ended = False
        self._line = 1
        self._line_begin = 0

    def next(self) -> re.Match[str] | None:
        """The next token that is not blank, and ``place`` is where it begins; None at the end."""
        while True:
            token = self._match()
            self.place = Place(self._line, self._at - self._line_begin + 1)
            if token is None:
                return None
            self._at = token.end()
            text = token.group()
            if "\n" in text:
                self._line += text.count("\n")
                self._line_begin = token.start() + text.rindex("\n") + 1
            if not token.group("space"):
                return token

    def required(self) -> re.Match[str]:
        """The next token.  Raises MalformedHistory if there is none."""
        token = self.next()
        if token is None:
            raise self.broken("ends in the middle of a value")
        return token

    def broken(self, problem: str, *, field: str | None = None) -> MalformedHistory:
        """What is wrong at ``place``."""
        return MalformedHistory(
            problem,
            file=self.file,
            line=self.place.line,
            column=self.place.column,
            field=field,
        )

    def _match(self) -> re.Match[str] | None:
        token = self._token.match(self._text, self._at)
        while (token is None or token.end() == len(self._text)) and not self._ended:
            self._read_on()  # The token may go on, too.
            token = self._token.match(self._text, self._at)
        if token is None and self._at < len(self._text):
            self.place = Place(self._line, self._at - self._line_begin + 1)
            rest = self._text[self._at : self._at + 20]
            endless = rest.startswith('"')
            raise self.broken("a text without end" if endless else f"{rest!r} is out of place")
        return token

    def _read_on(self) -> None:
        if len(self._text) - self._at > _TOKEN_MAX:
            raise self.broken(f"longer than {_TOKEN_MAX} characters")
        piece = self._read(_PIECE)
        self._ended = not piece
        self._line_begin -= self._at
        self._text, self._at = self._text[self._at :] + piece, 0
