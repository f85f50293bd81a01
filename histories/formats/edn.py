"""Enough of EDN (github.com/edn-format/edn) and all of JSON to read Jepsen's histories.

Data only: nothing is evaluated, tags are dropped, and nesting is limited.  Both become
the same values, so that a history means the same in either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias, assert_never

from histories.formats.source import Place, Source, Token

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
    """A map, its pairs in the order of the text, and where it and each value begin."""

    pairs: tuple[tuple[Edn, Edn], ...]
    place: Place
    places: tuple[Place, ...]

    def get(self, name: str) -> Edn:
        """The value of ``name``, a keyword or a text; None if it is not there."""
        for key, value in self.pairs:
            if _name(key) == name:
                return value
        return None

    def place_of(self, name: str) -> Place:
        """Where the value of ``name`` begins; the map itself if it has none."""
        places = zip(self.pairs, self.places, strict=True)
        return next((at for (key, _), at in places if _name(key) == name), self.place)


Edn: TypeAlias = "bool | int | float | str | Keyword | Symbol | EdnMap | tuple[Edn, ...] | None"
"""Vectors and lists are tuples; sets are too, in the order of the texts of their elements."""


def _name(key: Edn) -> Edn:
    return key.name if isinstance(key, Keyword) else key


_EDN_TOKEN: Final = re.compile(
    r"""(?P<space>(?:[\s,]+|;[^\n]*)*)
      (?:(?P<string>"[^"\\]*(?:\\.[^"\\]*)*")
      | (?P<open>\#?\{|\[|\()
      | (?P<close>[\]})])
      | (?P<discard>\#_)
      | (?P<tag>\#[^\s,;"()\[\]{}_][^\s,;"()\[\]{}]*)
      | (?P<character>\\(?:\w+|.))
      | (?P<atom>[^\s,;"()\[\]{}\\\#][^\s,;"()\[\]{}\\]*))?""",
    re.VERBOSE | re.DOTALL,
)
_JSON_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]*)
      (?:(?P<string>"[^"\\]*(?:\\.[^"\\]*)*")
      | (?P<open>\{|\[)
      | (?P<close>[\]}])
      | (?P<mark>[,:])
      | (?P<atom>[\w.+-]+))?""",
    re.VERBOSE | re.DOTALL,
)
_CLOSES: Final = {"[": "]", "(": ")", "{": "}", "#{": "}"}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_INTEGER: Final = re.compile(r"([+-]?\d{1,300})[NM]?")
_FLOAT: Final = re.compile(r"([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)M?")


def read_edn(read: Callable[[int], str], *, file: str = "") -> Iterator[tuple[Place, Edn]]:
    """The values that a text holds, one after another, and where each begins.

    What one vector or list holds altogether is handed out as if it stood alone: a
    history is its entries, whether they are in brackets or not.

    Args:
        read: Gives so many characters of the text, fewer only at its end.
        file: Named in errors.

    Raises:
        MalformedHistory: The text is not EDN, with line and column.
    """
    return _unwrapped(_EdnReader(Source(read, _EDN_TOKEN, file)), ("[", "("))


def read_json(read: Callable[[int], str], *, file: str = "") -> Iterator[tuple[Place, Edn]]:
    """The same of a JSON array, or of JSON values one after another."""
    return _unwrapped(_JsonReader(Source(read, _JSON_TOKEN, file)), ("[",))


class _EdnReader:
    """Reads values from a source of tokens."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def value(self, token: Token, depth: int) -> Edn:
        """The value that begins with ``token``, which was just read."""
        if depth > DEPTH_MAX:
            raise self.source.broken(f"nested deeper than {DEPTH_MAX} levels")
        text = token.text
        match token.kind:
            case "open":
                return self._collection(text, depth)
            case "string" if "\\" not in text:
                return text[1:-1]
            case "string":
                return self._whole(_ESCAPE.sub(_unescaped, text[1:-1]))
            case "tag":
                return self.value(self.source.required(), depth + 1)
            case "character":
                return text[1:]
            case "atom":
                return _edn_atom(text)
            case _:
                raise self.source.broken(f"{text!r} is out of place")

    def _whole(self, text: str) -> str:
        """The text with its pairs of surrogates joined."""
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError as error:
            raise self.source.broken("half a character") from error

    def item(self, closing: str, depth: int, count: int) -> Token | None:  # noqa: ARG002  JSON counts
        """The token with which the next item begins; None if ``closing`` came."""
        while (token := self.source.required()).text != closing:
            if token.kind != "discard":
                return token
            self.value(self.source.required(), depth + 1)
        return None

    def _collection(self, opening: str, depth: int) -> Edn:
        place = self.source.place
        items: list[Edn] = []
        places: list[Place] = []
        while (token := self.item(_CLOSES[opening], depth, len(items))) is not None:
            places.append(self.source.place)
            items.append(self.value(token, depth + 1))
        if opening == "#{":
            return tuple(sorted(items, key=in_edn))
        if opening != "{":
            return tuple(items)
        if len(items) % 2:
            raise self.source.broken("a map has a key without a value")
        pairs = tuple(zip(items[::2], items[1::2], strict=True))
        return EdnMap(pairs, place, tuple(places[1::2]))


class _JsonReader(_EdnReader):
    """The same, with marks between items, and fewer kinds of values."""

    def value(self, token: Token, depth: int) -> Edn:
        if token.kind not in ("string", "atom"):
            return super().value(token, depth)
        try:
            value: Edn = json.loads(token.text, parse_constant=_no_constant)
        except ValueError as error:
            raise self.source.broken(f"{token.text[:20]!r} is no JSON value") from error
        return self._whole(value) if isinstance(value, str) else value

    def item(self, closing: str, depth: int, count: int) -> Token | None:  # noqa: ARG002
        token = self.source.required()
        if token.text == closing and not (closing == "}" and count % 2):
            return None
        if count:
            mark = ":" if closing == "}" and count % 2 else ","
            if token.text != mark:
                raise self.source.broken(f"{token.text[:20]!r} where {mark!r} was due")
            token = self.source.required()
        if closing == "}" and not count % 2 and token.kind != "string":
            raise self.source.broken(f"{token.text[:20]!r} where the name of a field was due")
        return token


def _unescaped(escape: re.Match[str]) -> str:
    code = escape[1]
    return chr(int(code[1:], 16)) if len(code) > 1 else _ESCAPES.get(code, code)


def _no_constant(name: str) -> Edn:
    raise ValueError(name)


def in_edn(value: Edn) -> str:
    """The same text for the same value, whatever the order of a map was."""
    match value:
        case None:
            return "nil"
        case bool():
            return "true" if value else "false"
        case Keyword(name=name):
            return f":{name}"
        case Symbol(name=name):
            return name
        case tuple():
            return f"[{' '.join(map(in_edn, value))}]"
        case EdnMap(pairs=pairs):
            return f"{{{', '.join(sorted(f'{in_edn(k)} {in_edn(v)}' for k, v in pairs))}}}"
        case str():
            return json.dumps(value)
        case int() | float():
            return repr(value)
        case _:
            assert_never(value)


def _unwrapped(reader: _EdnReader, brackets: tuple[str, ...]) -> Iterator[tuple[Place, Edn]]:
    source = reader.source
    while (token := source.next()) is not None:
        if token.kind == "discard":
            reader.value(source.required(), 1)
            continue
        if token.text not in brackets:
            place = source.place
            yield place, reader.value(token, 1)
            continue
        count = 0
        while (inner := reader.item(_CLOSES[token.text], 0, count)) is not None:
            place = source.place
            yield place, reader.value(inner, 1)
            count += 1


@lru_cache(maxsize=4096)
def _edn_atom(text: str) -> Edn:
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
