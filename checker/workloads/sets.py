"""Sets to which elements are only added (Jepsen's set and set-full)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from checker.base import Budget
from checker.verdict import Anomaly, Unknown, UnknownCause, Verdict
from checker.workloads.answers import anomaly, verdict
from histories.call import Add, Failed, Ok, Read, Value
from histories.history import History
from histories.notation import clock_for, describe_key, describe_value
from histories.op import FOREVER, Nanos, Op
from histories.values import identity


@dataclass(slots=True)
class _Element:
    """``known_at``: the earliest completion that proves that it is in."""

    value: Value
    adds: list[Op] = field(default_factory=list)
    certain: bool = False
    known_at: Nanos = FOREVER
    known_by: Op | None = None
    missed: list[Op] = field(default_factory=list)
    last_seen: Op | None = None


@dataclass(frozen=True, slots=True)
class SetChecker:
    """The last read of each set holds all that was certainly added, and nothing else.

    Only that read is looked at.  A set that was never read is unknown.
    """

    name: str = "set"

    def check(self, history: History, budget: Budget) -> Verdict:  # noqa: ARG002  It is linear.
        found: list[Anomaly] = []
        counted = recovered = 0
        for key, part in history.by_key().items():
            reads = [op for op in part.ops if _members(op) is not None]
            if not reads:
                return Unknown(
                    UnknownCause.INCOMPLETE_EVIDENCE, f"{describe_key(key)} was never read"
                )
            last = reads[-1]
            elements = _added(part)
            members = {identity(value): value for value in _members(last) or ()}
            for name, value in members.items():
                if name not in elements:
                    text = f"{describe_value(value)} is in {describe_key(key)}, and nobody added it"
                    found.append(anomaly("unexpected-element", "Jepsen, set", (last,), text))
            for name, element in elements.items():
                counted += element.certain
                recovered += not element.certain and name in members
                if element.certain and name not in members:
                    text = (
                        f"{describe_value(element.value)} was added to {describe_key(key)}, and "
                        f"the last read has it not"
                    )
                    found.append(
                        anomaly("lost-element", "Jepsen, set", (*element.adds, last), text)
                    )
        note = f"{counted:,} elements added, {recovered:,} more of unknown outcome"
        return verdict(history, found, note)


@dataclass(frozen=True, slots=True)
class SetFullChecker:
    """Once an element is known to be in, every read that begins later has it.

    An element that is missing from the last such read on is lost; one that comes back is
    stale, which is wrong only where reads promise to be linearizable.  An element added
    after the last read began is never read, which the note counts.
    """

    linearizable: bool = True
    name: str = "set-full"

    def check(self, history: History, budget: Budget) -> Verdict:  # noqa: ARG002  O(n * reads)
        found: list[Anomaly] = []
        stable = never_read = 0
        stale: list[Anomaly] = []
        for key, part in history.by_key().items():
            elements = _added(part)
            reads = sorted(
                (op for op in part.ops if _members(op) is not None), key=lambda op: op.completed
            )
            found += _look(key, reads, elements)
            for element in elements.values():
                state = _state(element)
                stable += state == "stable"
                never_read += state == "never read"
                if state == "lost":
                    found.append(_lost(key, element))
                elif state == "stale":
                    stale.append(_stale(key, element))
        note = f"{stable:,} elements stable, {len(stale):,} stale, {never_read:,} never read"
        return verdict(history, [*found, *(stale if self.linearizable else ())], note)


def _members(op: Op) -> tuple[Value, ...] | None:
    if not isinstance(op.call, Read) or not isinstance(op.outcome, Ok):
        return None
    value = op.outcome.values[0]
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _added(part: History) -> dict[Hashable, _Element]:
    elements: dict[Hashable, _Element] = {}
    for op in part.ops:
        if not isinstance(op.call, Add) or isinstance(op.outcome, Failed):
            continue
        element = elements.setdefault(identity(op.call.element), _Element(op.call.element))
        element.adds.append(op)
        if isinstance(op.outcome, Ok):
            element.certain = True
            if op.completed < element.known_at:
                element.known_at, element.known_by = op.completed, op
    return elements


def _look(key: str, reads: list[Op], elements: dict[Hashable, _Element]) -> Iterator[Anomaly]:
    """Note who saw and who missed each element; what nobody added, or is twice, is wrong."""
    for op in reads:
        members = _members(op) or ()
        names = [identity(value) for value in members]
        for name, value in zip(names, members, strict=True):
            element = elements.get(name)
            if element is None:
                text = f"{describe_value(value)} is in {describe_key(key)}, and nobody added it"
                yield anomaly("unexpected-element", "Jepsen, set-full", (op,), text)
                continue
            if op.completed < element.known_at:
                element.known_at, element.known_by = op.completed, op
            if element.last_seen is None or element.last_seen.invoked < op.invoked:
                element.last_seen = op
        if len(set(names)) < len(names):
            twice = next(value for at, value in enumerate(members) if names[at] in names[:at])
            text = f"{describe_value(twice)} is in {describe_key(key)} more than once"
            yield anomaly("duplicated-element", "Jepsen, set-full", (op,), text)
    for op in reads:
        present = {identity(value) for value in _members(op) or ()}
        for name, element in elements.items():
            if op.invoked > element.known_at and name not in present:
                element.missed.append(op)


def _state(element: _Element) -> Literal["stable", "stale", "lost", "never read", "unknown"]:
    if element.last_seen is None and not element.missed:
        return "never read" if element.certain else "unknown"
    if not element.missed:
        return "stable"
    latest = max(op.invoked for op in element.missed)
    seen_later = element.last_seen is not None and element.last_seen.invoked > latest
    return "stale" if seen_later else "lost"


def _lost(key: str, element: _Element) -> Anomaly:
    return _missing("lost-element", key, element, "and no read has it since")


def _stale(key: str, element: _Element) -> Anomaly:
    latest = max(element.missed, key=lambda op: op.invoked)
    assert element.last_seen is not None, "a stale element came back"
    clock = clock_for((latest, element.last_seen))
    return _missing(
        "stale-read",
        key,
        element,
        f"although it is there again at {clock(element.last_seen.completed)}",
    )


def _missing(kind: str, key: str, element: _Element, end: str) -> Anomaly:
    latest = max(element.missed, key=lambda op: op.invoked)
    assert element.known_by is not None, "it is missed only once it is known"
    clock = clock_for((element.known_by, latest))
    how = "added" if isinstance(element.known_by.call, Add) else "read"
    return anomaly(
        kind,
        "Jepsen, set-full",
        (*element.adds, element.known_by, latest),
        f"{describe_value(element.value)} had been {how} by process {element.known_by.process} at "
        f"{clock(element.known_at)}, but the read of {describe_key(key)} by process "
        f"{latest.process}, begun at {clock(latest.invoked)}, has it not, {end}",
    )
