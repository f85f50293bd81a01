"""A schedule: which fault when, for how long.  A value that prints and stores."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nemesis.errors import MalformedSchedule
from nemesis.fault import Fault, HealAll
from system_under_test.gossip_raft.core.types import Nanos

SCHEMA_VERSION: Final = 1


class Timed(Struct, frozen=True, kw_only=True):
    """``fault`` begins at ``at_ns`` after the run's start and is undone after ``duration_ns``."""

    at_ns: Nanos
    duration_ns: Nanos
    fault: Fault


class Schedule(Struct, frozen=True, kw_only=True):
    """Faults in the order in which they begin; they may overlap.

    1. None begins before the one that stands before it, nor before the start.
    2. The last step is ``HealAll``, for no time; no other is.  It comes when all have ended.

    Raises:
        MalformedSchedule: A law is broken; the message names step (from 0) and field.
    """

    schema_version: int = SCHEMA_VERSION
    steps: tuple[Timed, ...]

    def __post_init__(self) -> None:
        if not self.steps:
            raise MalformedSchedule("steps: empty; the last step must be heal-all")
        began_ns = ended_ns = 0
        for number, step in enumerate(self.steps):
            if step.at_ns < began_ns:
                raise MalformedSchedule(
                    f"step {number}: at_ns: {step.at_ns} is before {began_ns},"
                    + (" when the step before it begins" if number else " the start")
                )
            if step.duration_ns < 0:
                raise MalformedSchedule(
                    f"step {number}: duration_ns: {step.duration_ns} is below 0"
                )
            self._check_healing(number, step, ended_ns)
            began_ns = step.at_ns
            ended_ns = max(ended_ns, step.at_ns + step.duration_ns)

    def _check_healing(self, number: int, step: Timed, ended_ns: int) -> None:
        last = number == len(self.steps) - 1
        if last != isinstance(step.fault, HealAll):
            rule = "the last step must be heal-all" if last else "heal-all may only be the last"
            raise MalformedSchedule(f"step {number}: fault: {step.fault.describe()}; {rule}")
        if last and step.duration_ns:
            raise MalformedSchedule(
                f"step {number}: duration_ns: {step.duration_ns}; heal-all takes 0"
            )
        if last and step.at_ns < ended_ns:
            raise MalformedSchedule(
                f"step {number}: at_ns: {step.at_ns} is before {ended_ns}, when all have ended"
            )

    def describe(self) -> str:
        """One line a step: when, for how long, what."""
        return "\n".join(_line(step) for step in self.steps)


def arranged(steps: Iterable[Timed], healed_ns: int) -> Schedule:
    """The schedule that ``steps`` come to, whatever their order, healed at ``healed_ns``.

    What would last beyond the end is cut short, and what would only begin then is left out.
    """
    kept = [
        replace(step, duration_ns=Nanos(min(step.duration_ns, healed_ns - step.at_ns)))
        for step in sorted(steps, key=lambda step: step.at_ns)
        if step.at_ns < healed_ns
    ]
    return Schedule(steps=(*kept, heal_at(healed_ns)))


def heal_at(at_ns: int) -> Timed:
    """The step that ends a schedule."""
    return Timed(at_ns=Nanos(at_ns), duration_ns=Nanos(0), fault=HealAll())


def encode(schedule: Schedule) -> bytes:
    """As JSON, indented for people.  ``decode`` gives back an equal value."""
    return msgspec.json.format(msgspec.json.encode(schedule), indent=2) + b"\n"


def decode(text: bytes) -> Schedule:
    """Read what ``encode`` wrote, or a person did.

    Raises:
        MalformedSchedule: It is not JSON, of another version, or breaks a rule; the
            message names the step and the field.
    """
    try:
        version = msgspec.json.decode(text, type=_Version).schema_version
        if version != SCHEMA_VERSION:
            raise MalformedSchedule(
                f"schema_version: {version} is not the one known, {SCHEMA_VERSION}"
            )
        return msgspec.json.decode(text, type=Schedule)
    except msgspec.ValidationError as error:
        # What our own check raised is more to the point than msgspec's wrapping of it.
        if isinstance(error.__cause__, MalformedSchedule):
            raise error.__cause__ from None
        raise MalformedSchedule(_located(str(error))) from error
    except msgspec.DecodeError as error:
        raise MalformedSchedule(f"not JSON: {error}") from error


class _Version(Struct):
    schema_version: int


_WHERE: Final = re.compile(r"(?P<problem>.*) - at `\$\.?(?P<path>.*)`", re.DOTALL)
_STEP: Final = re.compile(r"steps\[(?P<number>\d+)\]\.?(?P<field>.*)", re.DOTALL)


def _located(message: str) -> str:
    """``msgspec``'s message with the step and field first."""
    where = _WHERE.fullmatch(message)
    if where is None:
        return message
    problem, path = where["problem"], where["path"]
    step = _STEP.fullmatch(path)
    if step is None:
        return f"{path}: {problem}"
    place = f"step {step['number']}"
    return f"{place}: {step['field']}: {problem}" if step["field"] else f"{place}: {problem}"


def _line(step: Timed) -> str:
    lasting = f"for {step.duration_ns / 1e9:4.1f} s" if step.duration_ns else " " * 10
    return f"{step.at_ns / 1e9:6.1f} s  {lasting}  {step.fault.describe()}"
