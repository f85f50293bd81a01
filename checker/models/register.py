"""A register: it holds one value, which can be read, written, and compared and set."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeAlias

from checker.base import Inconsistent
from checker.errors import ForeignCall
from histories.call import Call, CompareAndSet, Ok, Read, Scalar, Value, Write
from histories.notation import describe_value
from histories.values import identity, same

RegisterState: TypeAlias = tuple[type, Scalar]
"""The value held, told apart by type: a register of 1 does not hold True."""


class CasRegister:
    """One key of a key-value store, with read, write and compare-and-set.

    1. A read answers the value held.
    2. A write replaces it.
    3. A compare-and-set answers the value it found, and replaces it exactly when
       that is the expected one.
    """

    name = "cas-register"

    def __init__(self, initial: Scalar = None) -> None:
        """``initial`` is what the register holds before the first write."""
        self.initial: RegisterState = (type(initial), initial)

    def step(
        self, state: RegisterState, call: Call, outcome: Ok | None
    ) -> RegisterState | Inconsistent:
        """The state afterwards, or why the answer cannot be given in ``state``."""
        match call:
            case Read():
                if outcome is None or identity(outcome.values[0]) == state:
                    return state
                return _held(state, "the read answered", outcome.values[0])
            case Write(value=value):
                return type(value), value
            case CompareAndSet(expected=expected, replacement=replacement):
                if outcome is not None and identity(outcome.values[0]) != state:
                    return _held(state, "the cas found", outcome.values[0])
                swapped = state == (type(expected), expected)
                return (type(replacement), replacement) if swapped else state
            case _:
                raise ForeignCall(self.name, call)

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        """Reads, and compare-and-sets that are known to have found another value."""
        match call:
            case Read():
                return True
            case Write():
                return False
            case CompareAndSet(expected=expected, replacement=replacement):
                if same(expected, replacement):
                    return True
                return outcome is not None and not same(outcome.values[0], expected)
            case _:
                raise ForeignCall(self.name, call)

    def installs(self, call: Call, outcome: Ok | None) -> Hashable | None:
        """What a write or a compare-and-set that may have succeeded leaves there."""
        match call:
            case Read():
                return None
            case Write(value=value):
                return identity(value)
            case CompareAndSet(replacement=replacement):
                return None if self.observes_only(call, outcome) else identity(replacement)
            case _:
                raise ForeignCall(self.name, call)

    def needs(self, call: Call, outcome: Ok | None) -> Hashable | None:
        """The value answered; for a compare-and-set without answer the one expected."""
        match call:
            case Read():
                return None if outcome is None else identity(outcome.values[0])
            case Write():
                return None
            case CompareAndSet(expected=expected):
                return identity(expected if outcome is None else outcome.values[0])
            case _:
                raise ForeignCall(self.name, call)

    def describe(self, state: RegisterState) -> str:
        return describe_value(state[1])


def _held(state: RegisterState, verb: str, value: Value) -> Inconsistent:
    return Inconsistent(
        f"the register held {describe_value(state[1])}, {verb} {describe_value(value)}"
    )
