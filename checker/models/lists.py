"""A list that elements are appended to, and that is read whole."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeAlias

from checker.base import Inconsistent
from checker.errors import ForeignCall
from histories.call import Append, Call, Ok, Read
from histories.notation import describe_value
from histories.values import identity

ListState: TypeAlias = tuple[Hashable, ...]
"""The identities of the elements, oldest first."""


class AppendList:
    """One list.  A read answers its elements, oldest first, or None while it is empty."""

    name = "list-append"
    initial: ListState = ()

    def step(self, state: ListState, call: Call, outcome: Ok | None) -> ListState | Inconsistent:
        match call:
            case Append(element=element):
                return *state, identity(element)
            case Read():
                if outcome is None or _elements(outcome) == state:
                    return state
                answer = describe_value(outcome.values[0])
                return Inconsistent(f"the list was {self.describe(state)}, the read said {answer}")
            case _:
                raise ForeignCall(self.name, call)

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        match call:
            case Read():
                return True
            case Append():
                return False
            case _:
                raise ForeignCall(self.name, call)

    def offers(self, call: Call, outcome: Ok | None) -> Iterable[Hashable]:
        return (identity(call.element),) if isinstance(call, Append) else ()

    def relies_on(self, call: Call, outcome: Ok | None) -> Iterable[Hashable]:
        if outcome is None or not outcome.values or not isinstance(outcome.values[0], tuple):
            return ()
        return tuple(identity(element) for element in outcome.values[0])

    def describe(self, state: ListState) -> str:
        return "[" + ", ".join(_name(element) for element in state) + "]"


def _elements(outcome: Ok) -> Hashable:
    value = outcome.values[0]
    return () if value is None else identity(value)


def _name(element: Hashable) -> str:
    assert isinstance(element, tuple), "identities are pairs of a type and a value"
    return describe_value(element[1])
