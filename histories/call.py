"""What a client asked for, and what became of it.

The vocabulary shared by workloads (which choose calls), models (which judge
them) and reports (which print them).  It is closed on purpose: a new call is a
new class here, and ``assert_never`` then points at every place that must learn
about it.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

Scalar: TypeAlias = bool | int | float | str | None
Value: TypeAlias = Scalar | tuple[Scalar, ...]


class Read(Struct, frozen=True, gc=False, tag_field="f", tag="read"):
    """Observe the value of ``key``.  Answers one value; ``None`` means absent."""

    key: str


class Write(Struct, frozen=True, gc=False, tag_field="f", tag="write"):
    """Set ``key`` to ``value``, whatever it was.  Answers nothing."""

    key: str
    value: Scalar


class CompareAndSet(Struct, frozen=True, gc=False, tag_field="f", tag="cas"):
    """Set ``key`` to ``replacement`` if it holds ``expected``.

    Answers one value: what ``key`` held at that instant.  It succeeded exactly
    when that equals ``expected``; a mismatch is therefore ``Ok`` too, and says
    as much as a read does (which keeps checking polynomial).
    """

    key: str
    expected: Scalar
    replacement: Scalar


Call: TypeAlias = Read | Write | CompareAndSet


class Ok(Struct, frozen=True, gc=False, tag_field="type", tag="ok"):
    """Took effect exactly once.  ``values``: one per observation, in call order."""

    values: tuple[Value, ...] = ()


class Failed(Struct, frozen=True, gc=False, tag_field="type", tag="fail"):
    """Certainly took no effect, and never will."""

    reason: str


class Indeterminate(Struct, frozen=True, gc=False, tag_field="type", tag="info"):
    """May have taken effect, or may yet, at most once.

    A time-out is always this and never ``Failed``: calling a lost reply a
    failure makes a checker report anomalies that did not happen.
    """

    reason: str


Outcome: TypeAlias = Ok | Failed | Indeterminate
