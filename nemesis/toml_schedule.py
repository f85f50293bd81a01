"""Schedules written by hand, in TOML (docs/faults.md shows one).  Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from nemesis.errors import MalformedSchedule
from nemesis.fault import Fault, HealAll
from nemesis.schedule import Schedule, Timed, heal_at
from system_under_test.gossip_raft.core.types import Nanos

_DURATION: Final = re.compile(r"(?P<count>[+-]?\d+(\.\d+)?) ?(?P<unit>ns|us|ms|s)")
_UNITS: Final = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_HEADER: Final = re.compile(r"\s*\[\[\s*fault\s*\]\]")
_TARGETS: Final = frozenset({"target", "source", "dest"})
_WHEN: Final = frozenset({"at", "lasts", "every", "times"})
_PATH: Final = re.compile(r"(?P<problem>.*) - at `\$\.?(?P<field>.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(?P<field>\w+)`")


def read(text: str) -> Schedule:
    """The schedule that ``text`` says; its faults may stand in any order.

    Raises:
        MalformedSchedule: The message begins with the line, and names the field: "7: lasts: ...".
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MalformedSchedule(_with_line_first(str(error), text)) from error
    lines = text.splitlines()
    unknown = sorted(document.keys() - {"fault", "heal_at"})
    if unknown:
        raise _wrong(
            _line_of(lines, unknown[0]), unknown[0], "there are only heal_at and [[fault]]"
        )
    tables = document.get("fault", [])
    if not (isinstance(tables, list) and all(isinstance(table, dict) for table in tables)):
        raise _wrong(_line_of(lines, "fault"), "fault", "begin each with a line [[fault]]")
    starts = [number for number, line in enumerate(lines) if _HEADER.match(line)]
    if len(starts) != len(tables):
        raise _wrong(_line_of(lines, "fault"), "fault", "begin each with a line [[fault]]")
    steps: list[Timed] = []
    for table, start, end in zip(tables, starts, [*starts[1:], len(lines)], strict=False):
        steps += _Table(table, lines, start, end).steps()
    steps.sort(key=lambda step: step.at_ns)
    ended = max((step.at_ns + step.duration_ns for step in steps), default=0)
    healed = ended
    if "heal_at" in document:
        line = _line_of(lines, "heal_at")
        healed = _duration(document["heal_at"], line, "heal_at")
        if healed < ended:
            raise _wrong(line, "heal_at", f"a fault holds until {ended / 1e9:g} s")
    return Schedule(steps=(*steps, heal_at(healed)))


class _Table:
    """One fault, and the lines in which it stands."""

    def __init__(self, table: Mapping[str, Any], lines: list[str], start: int, end: int) -> None:
        self._table = table
        self._lines = lines
        self._start = start
        self._end = end

    def steps(self) -> Iterator[Timed]:
        at, lasts = self._time("at", None), self._time("lasts", 0)
        every, times = self._time("every", 0), self._table.get("times", 1)
        if not isinstance(times, int) or times < 1:
            raise self._wrong("times", f"{times!r} is not a number from 1 on")
        if times > 1 and every <= 0:
            raise self._wrong("times", "repeated how often? say it with every")
        fault = self._fault()
        for number in range(times):
            yield Timed(at_ns=Nanos(at + number * every), duration_ns=Nanos(lasts), fault=fault)

    def _time(self, field: str, default: int | None) -> int:
        if field not in self._table and default is not None:
            return default
        if field not in self._table:
            raise self._wrong(field, "missing: when does it begin?")
        value = _duration(self._table[field], self._line(field), field)
        if value < 0:
            raise self._wrong(field, f"{self._table[field]!r} is below 0")
        return value

    def _fault(self) -> Fault:
        given = {name: value for name, value in self._table.items() if name not in _WHEN}
        told = _as_stored(given)
        try:
            fault: Fault = msgspec.convert(told, Fault)
        except msgspec.ValidationError as error:
            raise self._invalid(str(error)) from error
        if isinstance(fault, HealAll):
            raise self._wrong("kind", "the end heals all; say when with heal_at")
        known = {"kind", *fault.__struct_fields__}
        for name, stored in zip(given, told, strict=True):
            if stored not in known:
                fields = ", ".join(sorted(_WHEN | known))
                raise self._wrong(name, f"no such field; there are {fields}")
        return fault

    def _invalid(self, message: str) -> MalformedSchedule:
        where = _PATH.fullmatch(message)
        problem, field = (where["problem"], where["field"]) if where else (message, "")
        if missing := _MISSING.fullmatch(problem):
            field = missing["field"].removesuffix("_ns")
            if field in self._table:
                return self._wrong(field, f'{self._table[field]!r} is no time, as "500 ms" is')
            return self._wrong(field, "missing")
        field = field.split(".", maxsplit=1)[0]
        if not field and (named := re.match(r"(\w+): ", problem)):
            field, problem = named[1], problem[named.end() :]
        return self._wrong(field.removesuffix("_ns"), problem)

    def _line(self, field: str) -> int:
        for number in range(self._start, self._end):
            if re.match(rf"\s*{re.escape(field)}(_ns)?\s*[=.]", self._lines[number]):
                return number + 1
        return self._start + 1

    def _wrong(self, field: str, problem: str) -> MalformedSchedule:
        return _wrong(self._line(field), field, problem)


def _as_stored(given: Mapping[str, Any]) -> dict[str, Any]:
    """With times in nanoseconds and targets by role, as in ``schedule.json``; in the same order."""
    stored: dict[str, Any] = {}
    for name, value in given.items():
        match value:
            case dict():
                stored[name] = _as_stored(value)
            case str() if name in _TARGETS:
                stored[name] = {"role": value}
            case list() if name in _TARGETS:
                stored[name] = {"role": "named", "nodes": value}
            case str() if (duration := _DURATION.fullmatch(value)) is not None:
                stored[f"{name}_ns"] = _nanoseconds(duration)
            case _:
                stored[name] = value
    return stored


def _duration(value: object, line: int, field: str) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return round(value * _UNITS["s"])
    if isinstance(value, str) and (duration := _DURATION.fullmatch(value)) is not None:
        return _nanoseconds(duration)
    raise _wrong(line, field, f'{value!r} is no time, as "500 ms" is, or 3.5 for seconds')


def _nanoseconds(duration: re.Match[str]) -> int:
    return round(float(duration["count"]) * _UNITS[duration["unit"]])


def _line_of(lines: list[str], field: str) -> int:
    pattern = re.compile(rf"\s*\[*\s*{re.escape(field)}\b")
    return next((n for n, line in enumerate(lines, 1) if pattern.match(line)), 1)


def _wrong(line: int, field: str, problem: str) -> MalformedSchedule:
    return MalformedSchedule(f"{line}: {field}: {problem}" if field else f"{line}: {problem}")


def _with_line_first(message: str, text: str) -> str:
    where = re.search(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)", message)
    if where is None:
        return f"1: {message}"
    line = where["line"] or text.count("\n") + 1
    return f"{line}: {message[: where.start()]}"
