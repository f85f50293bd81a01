"""Enough of EDN (github.com/edn-format/edn) to read the histories that Jepsen writes.

Data only: nothing is evaluated, tags are dropped, and nesting is limited.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from histories.errors import MalformedHistory

DEPTH_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Keyword:
    """``:read`` is ``Keyword("read")``."""

    name: str


@dataclass(frozen=True, slots=True)
class Symbol:
    """``foo``, and whatever else is no other atom."""

    name: str


@dataclass(frozen=True, slots=True)
class EdnMap:
    """A map, its pairs in the order of the text, and the line on which it begins."""

    pairs: tuple[tuple[Edn, Edn], ...]
    line: int

    def get(self, name: str) -> Edn:
        """The value of keyword ``name``, or None."""
        return next((value for key, value in self.pairs if key == Keyword(name)), None)


Edn: TypeAlias = "bool | int | float | str | Keyword | Symbol | EdnMap | tuple[Edn, ...] | None"
"""Vectors, lists and sets are all tuples."""

_TOKEN: Final = re.compile(
    r"""(?P<space>[\s,]+|;[^\n]*)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<open>\#?\{|\[|\()
      | (?P<close>[\]})])
      | (?P<discard>\#_)
      | (?P<tag>\#[^\s,;"()\[\]{}_][^\s,;"()\[\]{}]*)
      | (?P<character>\\(?:\w+|.))
      | (?P<atom>[^\s,;"()\[\]{}\\]+)""",
    re.VERBOSE | re.DOTALL,
)
_CLOSES: Final = {"[": "]", "(": ")", "{": "}", "#{": "}"}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_INTEGER: Final = re.compile(r"([+-]?\d{1,300})[NM]?")
_FLOAT: Final = re.compile(r"([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)M?")


def read_edn(text: str, *, file: str | None = None) -> Iterator[Edn]:
    """The values that ``text`` holds, one after another.

    Raises:
        MalformedHistory: The text is not EDN, with the line.
    """
    reader = _Reader(text, file)
    while (token := reader.next()) is not None:
        if token.group("discard"):
            reader.value(reader.required(), 1)
            continue
        yield reader.value(token, 0)


class _Reader:
    def __init__(self, text: str, file: str | None) -> None:
        self._text = text
        self._file = file
        self._at = 0
        self._line = 1

    def next(self) -> re.Match[str] | None:
        """The next token that is not blank; None at the end."""
        while self._at < len(self._text):
            token = _TOKEN.match(self._text, self._at)
            if token is None:
                raise self._broken(f"{self._text[self._at : self._at + 20]!r} is not EDN")
            self._at = token.end()
            if not token.group("space"):
                return token
            self._line += token.group().count("\n")
        return None

    def required(self) -> re.Match[str]:
        token = self.next()
        if token is None:
            raise self._broken("ends in the middle of a value")
        return token

    def value(self, token: re.Match[str], depth: int) -> Edn:
        """The value that begins with ``token``."""
        if depth > DEPTH_MAX:
            raise self._broken(f"nested deeper than {DEPTH_MAX} levels")
        text = token.group()
        match token.lastgroup:
            case "open":
                return self._collection(text, depth)
            case "string":
                self._line += text.count("\n")
                return re.sub(r"\\(.)", lambda part: _ESCAPES.get(part[1], part[1]), text[1:-1])
            case "tag":
                return self.value(self.required(), depth + 1)
            case "character":
                return text[1:]
            case "atom":
                return _atom(text)
            case _:
                raise self._broken(f"{text!r} is out of place")

    def _collection(self, opening: str, depth: int) -> Edn:
        line = self._line
        items: list[Edn] = []
        while (token := self.required()).group() != _CLOSES[opening]:
            if token.group("discard"):
                self.value(self.required(), depth + 1)
            else:
                items.append(self.value(token, depth + 1))
        if opening != "{":
            return tuple(items)
        if len(items) % 2:
            raise self._broken("a map has a key without a value")
        return EdnMap(tuple(zip(items[::2], items[1::2], strict=True)), line)

    def _broken(self, problem: str) -> MalformedHistory:
        return MalformedHistory(problem, file=self._file, line=self._line)


def _atom(text: str) -> Edn:
    match text:
        case "nil":
            return None
        case "true" | "false":
            return text == "true"
        case _ if text.startswith(":"):
            return Keyword(text[1:])
        case _ if number := _INTEGER.fullmatch(text):
            return int(number[1])
        case _ if number := _FLOAT.fullmatch(text):
            return float(number[1])
        case _:
            return Symbol(text)
