"""TOML files as typed values, with errors that name file, line and field."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import msgspec

from harness.errors import BadInput

Value = TypeVar("Value")

Field: TypeAlias = tuple[str | int, ...]
"""A place in a document: ``("matrix", 0, "nodes")``."""

_SYNTAX: Final = re.compile(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)")
_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?")
_KEY: Final = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"))*)\s*=""")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*?)`")
_MISSING: Final = re.compile(r"Object missing required field `(.*?)`")


class TomlFile:
    """The text of a file, and how to complain about it."""

    def __init__(self, path: Path) -> None:
        """Raises: BadInput: It cannot be read."""
        self.path = path
        try:
            self.text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise BadInput(f"{path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise BadInput(f"{path}: not UTF-8: {error}") from error

    def decoded(self, kind: type[Value]) -> Value:
        """Raises: BadInput: It is no TOML, or no such value."""
        try:
            return msgspec.convert(tomllib.loads(self.text), kind, str_keys=True)
        except tomllib.TOMLDecodeError as error:
            raise self._broken(str(error)) from error
        except msgspec.ValidationError as error:
            problem, _, where = str(error).partition(" - at `$")
            field = _field(where.removesuffix("`"))
            if unknown := _UNKNOWN.match(problem):
                field, problem = (*field, unknown[1]), "there is no such field"
            elif missing := _MISSING.match(problem):
                field, problem = (*field, missing[1]), "is missing"
            raise self.wrong(field, problem) from error

    def wrong(self, field: Field, problem: str) -> BadInput:
        """What to raise: ``problem`` with the file, the line and the name of the field."""
        name = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in field)
        said = f"{name.lstrip('.')}: {problem}" if name else problem
        return BadInput(f"{self.path}:{line_of(self.text, field)}: {said}")

    def _broken(self, error: str) -> BadInput:
        match = _SYNTAX.fullmatch(error)
        if match is None:
            return BadInput(f"{self.path}: not TOML: {error}")
        line = match[2] or self.text.count("\n") + 1
        return BadInput(f"{self.path}:{line}: not TOML: {match[1]}")


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


def _field(path: str) -> Field:
    """Of a path as msgspec writes it: ``.matrix[0].nodes[...]``."""
    found = re.findall(r"\.([\w-]+)|\[(\d+)\]", path)
    return tuple(name or int(index) for name, index in found)
