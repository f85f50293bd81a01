"""TOML files as typed values, with errors that name file, line and field."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from harness.errors import BadInput
from nemesis.toml_lines import Field, line_of, syntax_error

Value = TypeVar("Value")

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
            line, problem = syntax_error(error, self.text)
            raise BadInput(f"{self.path}:{line}: not TOML: {problem}") from error
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


def _field(path: str) -> Field:
    """Of a path as msgspec writes it: ``.matrix[0].nodes[...]``."""
    found = re.findall(r"\.([\w-]+)|\[(\d+)\]", path)
    return tuple(name or int(index) for name, index in found)
