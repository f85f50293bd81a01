"""A counter: a sum that grows and shrinks, and can be read."""

from __future__ import annotations

from checker.base import Inconsistent
from checker.errors import ForeignCall
from histories.call import Call, Increment, Ok, Read, Scalar, Value
from histories.notation import describe_value


class Counter:
    """One sum.

    1. An increment adds to it, and answers the sum afterwards or nothing.
    2. A read answers the sum, or None for a 0 that nobody has counted up.
    """

    name = "counter"

    def __init__(self, initial: Scalar = None) -> None:
        """``initial`` is the sum before the first increment; None is 0."""
        self.initial: int = _require_integer(initial)

    def step(self, state: int, call: Call, outcome: Ok | None) -> int | Inconsistent:
        after = state + self._added(call)
        told = after if outcome is None else _told(call, outcome, after)
        if type(told) is int and told == after:
            return after
        return Inconsistent(f"the sum was {after}, the answer {describe_value(told)}")

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        return self._added(call) == 0

    def describe(self, state: int) -> str:
        return str(state)

    @property
    def first_sum(self) -> int:
        return self.initial

    def adds(self, call: Call, outcome: Ok | None) -> tuple[int | None, int] | None:
        told = None if outcome is None else _told(call, outcome, None)
        if told is not None and type(told) is not int:
            return None
        return told, self._added(call)

    def _added(self, call: Call) -> int:
        match call:
            case Read():
                return 0
            case Increment(by=by):
                return by
            case _:
                raise ForeignCall(self.name, call)


def _told(call: Call, outcome: Ok, otherwise: int | None) -> Value:
    """The sum answered; ``otherwise`` if the answer does not tell."""
    if not outcome.values:
        return otherwise
    told = outcome.values[0]
    return 0 if told is None and isinstance(call, Read) else told


def _require_integer(initial: Value) -> int:
    if initial is None:
        return 0
    if type(initial) is not int:
        raise ValueError(f"a counter starts with an integer, not with {describe_value(initial)}")
    return initial
