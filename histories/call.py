"""What a client asked for, and what became of it.

The vocabulary shared by workloads (which choose calls), models (which judge
them) and reports (which print them).  It is closed on purpose: a new call is a
new class here, and ``assert_never`` then points at every place that must learn
about it.
"""

from __future__ import annotations

from typing import TypeAlias, assert_never

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


class Append(Struct, frozen=True, gc=False, tag_field="f", tag="append"):
    """Add ``element`` to the end of the list at ``key``, which ``Read`` answers whole."""

    key: str
    element: Scalar


class Add(Struct, frozen=True, gc=False, tag_field="f", tag="add"):
    """Add ``element`` to the set at ``key``, which ``Read`` answers whole, in any order."""

    key: str
    element: Scalar


class Remove(Struct, frozen=True, gc=False, tag_field="f", tag="remove"):
    """Take ``element`` out of the set at ``key``.  Answers whether it was there."""

    key: str
    element: Scalar


class Contains(Struct, frozen=True, gc=False, tag_field="f", tag="contains"):
    """Answers whether ``element`` is in the set at ``key``."""

    key: str
    element: Scalar


class Enqueue(Struct, frozen=True, gc=False, tag_field="f", tag="enqueue"):
    """Put ``element`` into the queue, stack or heap at ``key``."""

    key: str
    element: Scalar


class Dequeue(Struct, frozen=True, gc=False, tag_field="f", tag="dequeue"):
    """Take one element out; which one, its model says.  Answers it, or nothing if empty."""

    key: str


class Increment(Struct, frozen=True, gc=False, tag_field="f", tag="increment"):
    """Add ``by`` to the counter at ``key``.  Answers the sum, or nothing if not told."""

    key: str
    by: int


class Acquire(Struct, frozen=True, gc=False, tag_field="f", tag="acquire"):
    """Take ``permits`` of the lock or semaphore at ``key`` for ``owner``.

    Answers nothing, or one fencing token.
    """

    key: str
    owner: Scalar
    permits: int = 1


class Release(Struct, frozen=True, gc=False, tag_field="f", tag="release"):
    """Give back what ``owner`` acquired."""

    key: str
    owner: Scalar
    permits: int = 1


class GenerateId(Struct, frozen=True, gc=False, tag_field="f", tag="generate-id"):
    """Answers an identifier that nobody else was or will be given."""

    key: str


class Transfer(Struct, frozen=True, gc=False, tag_field="f", tag="transfer"):
    """Move ``amount`` between two accounts of the bank ``key``; refused if it cannot be."""

    key: str
    source: str
    target: str
    amount: int


Micro: TypeAlias = Read | Write | Append
"""One step of a transaction, on a key of its own."""


class Txn(Struct, frozen=True, gc=False, tag_field="f", tag="txn"):
    """All of ``micro``, atomically and in order, on the store ``key``.

    Answers one value for each ``Read``, in order.
    """

    key: str
    micro: tuple[Micro, ...]


Call: TypeAlias = (
    Read
    | Write
    | CompareAndSet
    | Append
    | Add
    | Remove
    | Contains
    | Enqueue
    | Dequeue
    | Increment
    | Acquire
    | Release
    | GenerateId
    | Transfer
    | Txn
)


def answers_with(call: Call, count: int) -> bool:
    """Whether an ``Ok`` with so many values can answer ``call``."""
    match call:
        case Txn(micro=micro):
            return count == [type(step) for step in micro].count(Read)
        case Read() | CompareAndSet() | Remove() | Contains() | GenerateId():
            return count == 1
        case Write() | Append() | Add() | Enqueue() | Release() | Transfer():
            return count == 0
        case Dequeue() | Increment() | Acquire():
            return count <= 1
        case _:
            assert_never(call)


def has_read(call: Call, outcome: Outcome) -> bool:
    """Whether this was answered with what a ``Read`` saw, alone or within a transaction."""
    match call:
        case Read():
            return isinstance(outcome, Ok)
        case Txn():
            return isinstance(outcome, Ok) and bool(outcome.values)
        case _:
            return False


def function_of(call: Call) -> str:
    """Its tag, as in a journal: "read", "write" ..."""
    return str(call.__struct_config__.tag)


def functions_of(call: Call) -> tuple[str, ...]:
    """Its tag, and after that of a transaction those of its steps, sorted, each once."""
    steps = {function_of(step) for step in call.micro} if isinstance(call, Txn) else set[str]()
    return function_of(call), *sorted(steps)


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
