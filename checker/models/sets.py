"""A set of elements, and the set of identifiers that were given out."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import TypeAlias

from checker.base import Inconsistent
from checker.errors import ForeignCall
from histories.call import Add, Call, Contains, GenerateId, Ok, Read, Remove, Scalar, Value
from histories.notation import describe_value
from histories.values import identity

SetState: TypeAlias = frozenset[Hashable]
"""The identities of the elements."""


class SetModel:
    """Elements that are added, removed and looked for, one at a time or all at once.

    1. A removal answers whether the element was there; it is not afterwards.
    2. A read answers all elements, each once, in any order.
    """

    name = "set"
    initial: SetState = frozenset()

    def step(self, state: SetState, call: Call, outcome: Ok | None) -> SetState | Inconsistent:
        match call:
            case Add(element=element):
                return state | {identity(element)}
            case Remove(element=element):
                found = identity(element) in state
                after: SetState | Inconsistent = state - {identity(element)}
                return after if _agrees(outcome, found) else _was(element, found)
            case Contains(element=element):
                found = identity(element) in state
                return state if _agrees(outcome, found) else _was(element, found)
            case Read():
                if outcome is None or _is_all(outcome.values[0], state):
                    return state
                answer = describe_value(outcome.values[0])
                return Inconsistent(f"the set was {self.describe(state)}, the read said {answer}")
            case _:
                raise ForeignCall(self.name, call)

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        match call:
            case Read() | Contains():
                return True
            case Remove():
                return outcome is not None and outcome.values[0] is False
            case Add():
                return False
            case _:
                raise ForeignCall(self.name, call)

    def offers(self, call: Call, outcome: Ok | None) -> Iterable[Hashable]:
        match call:
            case Add(element=element):
                return (("added", identity(element)),)
            case Remove(element=element) if not self.observes_only(call, outcome):
                return (("removed", identity(element)),)
            case _:
                return ()

    def relies_on(self, call: Call, outcome: Ok | None) -> Iterable[Hashable]:
        answer = None if outcome is None or not outcome.values else outcome.values[0]
        match call:
            case Add(element=element):
                return (("removed", identity(element)),)
            case Remove(element=element) if not self.observes_only(call, outcome):
                return (("added", identity(element)),)
            case Contains(element=element) if answer is True:
                return (("added", identity(element)),)
            case Read() if isinstance(answer, tuple):
                return tuple(("added", identity(element)) for element in answer)
            case _:
                return ()

    def describe(self, state: SetState) -> str:
        return "{" + ", ".join(sorted(_name(element) for element in state)) + "}"


class UniqueIds:
    """Identifiers, each given out once."""

    name = "unique-ids"
    initial: SetState = frozenset()

    def step(self, state: SetState, call: Call, outcome: Ok | None) -> SetState | Inconsistent:
        if not isinstance(call, GenerateId):
            raise ForeignCall(self.name, call)
        if outcome is None:
            return state
        given = identity(outcome.values[0])
        if given in state:
            return Inconsistent(f"{describe_value(outcome.values[0])} had been given out before")
        return state | {given}

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        if not isinstance(call, GenerateId):
            raise ForeignCall(self.name, call)
        return outcome is None

    def offers(self, call: Call, outcome: Ok | None) -> Iterable[Hashable]:
        return ()

    def relies_on(self, call: Call, outcome: Ok | None) -> Iterable[Hashable]:
        return ()

    def describe(self, state: SetState) -> str:
        return f"{len(state)} given out"


def _agrees(outcome: Ok | None, found: bool) -> bool:
    return outcome is None or outcome.values[0] is found


def _was(element: Scalar, found: bool) -> Inconsistent:
    return Inconsistent(f"{describe_value(element)} was {'' if found else 'not '}in the set")


def _is_all(answer: Value, state: SetState) -> bool:
    if not isinstance(answer, tuple) or len(answer) != len(state):
        return answer is None and not state
    return {identity(element) for element in answer} == state


def _name(element: Hashable) -> str:
    assert isinstance(element, tuple), "identities are pairs of a type and a value"
    return describe_value(element[1])
