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
from nemesis.toml_lines import Field, line_of, syntax_error
from system_under_test.gossip_raft.core.types import Nanos

_DURATION: Final = re.compile(r"(?P<count>[+-]?\d+(\.\d+)?) ?(?P<unit>ns|us|ms|s)")
_UNITS: Final = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
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
        line, problem = syntax_error(error, text)
        raise MalformedSchedule(f"{line}: {problem}") from error
    unknown = sorted(document.keys() - {"fault", "heal_at"})
    if unknown:
        raise _wrong(text, (unknown[0],), "there are only heal_at and [[fault]]")
    tables = document.get("fault", [])
    if not (isinstance(tables, list) and all(isinstance(table, dict) for table in tables)):
        raise _wrong(text, ("fault",), "begin each with a line [[fault]]")
    steps: list[Timed] = []
    for number, table in enumerate(tables):
        steps += _Table(table, text, number).steps()
    steps.sort(key=lambda step: step.at_ns)
    ended = max((step.at_ns + step.duration_ns for step in steps), default=0)
    healed = ended
    if "heal_at" in document:
        healed = _duration(document["heal_at"], text, ("heal_at",))
        if healed < ended:
            raise _wrong(text, ("heal_at",), f"a fault holds until {ended / 1e9:g} s")
    return Schedule(steps=(*steps, heal_at(healed)))


class _Table:
    """One fault, and where in ``text`` it stands."""

    def __init__(self, table: Mapping[str, Any], text: str, number: int) -> None:
        self._table = table
        self._text = text
        self._place: Field = ("fault", number)

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
        value = _duration(self._table[field], self._text, (*self._place, field))
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
        return self._wrong(field if field in self._table else field.removesuffix("_ns"), problem)

    def _wrong(self, field: str, problem: str) -> MalformedSchedule:
        return _wrong(self._text, (*self._place, field), problem)


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


def _duration(value: object, text: str, field: Field) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return round(value * _UNITS["s"])
    if isinstance(value, str) and (duration := _DURATION.fullmatch(value)) is not None:
        return _nanoseconds(duration)
    raise _wrong(text, field, f'{value!r} is no time, as "500 ms" is, or 3.5 for seconds')


def _nanoseconds(duration: re.Match[str]) -> int:
    return round(float(duration["count"]) * _UNITS[duration["unit"]])


def _wrong(text: str, field: Field, problem: str) -> MalformedSchedule:
    """``problem`` with the line and the name of the field, the last of ``field``; "" for none."""
    name = f"{field[-1]}: " if field[-1] else ""
    return MalformedSchedule(f"{line_of(text, field)}: {name}{problem}")
