"""Where the fields of a TOML document stand, for complaints about them.  Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Final, TypeAlias

Field: TypeAlias = tuple[str | int, ...]
"""A place in a document: ``("matrix", 0, "nodes")``."""

_SYNTAX: Final = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)")
_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY: Final = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"))*)\s*=""")


def syntax_error(error: tomllib.TOMLDecodeError, text: str) -> tuple[int, str]:
    """The line, counted from 1, in which ``text`` is no TOML, and what is wrong there."""
    where = _SYNTAX.fullmatch(str(error))
    if where is None:
        return 1, str(error)
    return int(where[2] or text.count("\n") + 1), where[1]


def line_of(text: str, field: Field) -> int:
    """The line, counted from 1, that says most of ``field``: its own, or that of its table."""
    best, found = 1, 0
    for number, place in _places(text):
        if len(place) > found and place == field[: len(place)]:
            best, found = number, len(place)
    return best


def _places(text: str) -> Iterator[tuple[int, Field]]:
    """Every table and key with its line.  Inside texts of several lines it may be mistaken."""
    table: Field = ()
    counts: dict[Field, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.fullmatch(line):
            table = _located(_parts(header[2]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            yield number, table
        elif key := _KEY.match(line):
            yield number, (*table, *_parts(key[1]))


def _located(parts: tuple[str, ...], counts: dict[Field, int]) -> Field:
    """``parts`` with the number of the last element of each array on the way."""
    place: Field = ()
    for index, part in enumerate(parts):
        place = (*place, part)
        if place in counts and index < len(parts) - 1:
            place = (*place, counts[place])
    return place


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
