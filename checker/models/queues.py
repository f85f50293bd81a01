"""Queues, stacks and heaps: what is taken out is there no more.

A dequeue answers the element that it took, or nothing when there was none.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Final, TypeAlias

from checker.base import Inconsistent
from checker.errors import ForeignCall
from checker.models.nondeterministic import Choice
from histories.call import Call, Dequeue, Enqueue, Ok, Scalar
from histories.notation import describe_value
from histories.values import identity

QueueState: TypeAlias = tuple[Hashable, ...]
"""The identities of the elements, the next one to come out first."""

_ANY: Final = "any"


class Queue:
    """First in, first out."""

    name = "queue"
    initial: QueueState = ()

    def step(self, state: QueueState, call: Call, outcome: Ok | None) -> QueueState | Inconsistent:
        match call:
            case Enqueue(element=element):
                return self._with(state, identity(element))
            case Dequeue():
                wrong = _wrong_answer(state[:1], outcome)
                return state[1:] if wrong is None else Inconsistent(wrong)
            case _:
                raise ForeignCall(self.name, call)

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        """Dequeues that found nothing."""
        match call:
            case Enqueue():
                return False
            case Dequeue():
                return outcome is not None and not outcome.values
            case _:
                raise ForeignCall(self.name, call)

    def offers(self, call: Call, outcome: Ok | None) -> Iterable[Hashable]:
        return _offers(call, outcome)

    def relies_on(self, call: Call, outcome: Ok | None) -> Iterable[Hashable]:
        return _relies_on(call, outcome)

    def describe(self, state: QueueState) -> str:
        return "[" + ", ".join(_name(element) for element in state) + "]"

    def _with(self, state: QueueState, element: Hashable) -> QueueState:
        return *state, element


class Stack(Queue):
    """Last in, first out."""

    name = "stack"

    def _with(self, state: QueueState, element: Hashable) -> QueueState:
        return element, *state


class PriorityQueue(Queue):
    """Smallest out first; of different types, in the order of the types' names."""

    name = "priority-queue"

    def _with(self, state: QueueState, element: Hashable) -> QueueState:
        return tuple(sorted([*state, element], key=_rank))


class UnorderedQueue:
    """Elements come out in any order: a bag."""

    name = "unordered-queue"
    initial: QueueState = ()
    """Here in no order that means anything."""

    def step(
        self, state: QueueState, call: Call, outcome: Ok | None
    ) -> QueueState | Choice[QueueState] | Inconsistent:
        match call:
            case Enqueue(element=element):
                return tuple(sorted([*state, identity(element)], key=_rank))
            case Dequeue():
                if outcome is None:
                    return Choice(frozenset([_without(state, each) for each in state] or [state]))
                if not outcome.values:
                    wrong = _wrong_answer(state[:1], outcome)
                    return state if wrong is None else Inconsistent(wrong)
                taken = identity(outcome.values[0])
                if taken in state:
                    return _without(state, taken)
                return Inconsistent(f"{describe_value(outcome.values[0])} was not in the queue")
            case _:
                raise ForeignCall(self.name, call)

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        match call:
            case Enqueue():
                return False
            case Dequeue():
                return outcome is not None and not outcome.values
            case _:
                raise ForeignCall(self.name, call)

    def offers(self, call: Call, outcome: Ok | None) -> Iterable[Hashable]:
        return _offers(call, outcome)

    def relies_on(self, call: Call, outcome: Ok | None) -> Iterable[Hashable]:
        return _relies_on(call, outcome)

    def describe(self, state: QueueState) -> str:
        return "{" + ", ".join(_name(element) for element in state) + "}"


def _wrong_answer(first: QueueState, outcome: Ok | None) -> str | None:
    """Why a dequeue cannot have had such an answer, if it cannot."""
    if outcome is None or tuple(identity(value) for value in outcome.values) == first:
        return None
    took = f"the dequeue took {describe_value(outcome.values[0])}" if outcome.values else ""
    there = f"{_name(first[0])} was next" if first else "the queue was empty"
    return f"{there}, {took or 'the dequeue found nothing'}"


def _offers(call: Call, outcome: Ok | None) -> Iterable[Hashable]:
    """Bringing and taking an element; what took nobody knows which may have taken any."""
    match call:
        case Enqueue(element=element):
            return (("in", identity(element)),)
        case Dequeue() if outcome is None:
            return (_ANY,)
        case _:
            return tuple(("out", identity(each)) for each in (outcome.values if outcome else ()))


def _relies_on(call: Call, outcome: Ok | None) -> Iterable[Hashable]:
    match call:
        case Enqueue(element=element):
            return _ANY, ("out", identity(element))
        case Dequeue() if outcome is None:
            return ()
        case _:
            values = outcome.values if outcome else ()
            return _ANY, *(("in", identity(each)) for each in values)


def _without(state: QueueState, element: Hashable) -> QueueState:
    at = state.index(element)
    return state[:at] + state[at + 1 :]


def _rank(element: Hashable) -> tuple[str, Scalar]:
    assert isinstance(element, tuple), "identities are pairs of a type and a value"
    kind, value = element
    return kind.__name__, value


def _name(element: Hashable) -> str:
    assert isinstance(element, tuple), "identities are pairs of a type and a value"
    return describe_value(element[1])
