"""Objects as plainly as they can be written down: one caller at a time.

The twins of the near-linear algorithms are judged by these and by nothing that
the checkers themselves are made of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from checker.base import Inconsistent
from histories.call import (
    Acquire,
    Add,
    Append,
    Call,
    CompareAndSet,
    Contains,
    Dequeue,
    Enqueue,
    Increment,
    Ok,
    Read,
    Release,
    Remove,
    Value,
    Write,
)
from histories.values import identity

Answer: TypeAlias = tuple[Value, ...]
State: TypeAlias = tuple[Value, ...]
Run: TypeAlias = Callable[[State, Call], tuple[Answer, State] | None]
"""(state, call) to (answer, state afterwards), None if the call must wait."""


@dataclass(frozen=True, slots=True)
class Sequential:
    """A model made of what the object does; its states are tuples."""

    name: str
    initial: State
    run: Run
    agree: Callable[[Call, Answer, Answer], bool] = lambda _, given, right: (
        list(map(identity, given)) == list(map(identity, right))
    )

    def step(self, state: State, call: Call, outcome: Ok | None) -> State | Inconsistent:
        did = self.run(state, call)
        if did is None:
            return Inconsistent("it would have to wait")
        answer, after = did
        if outcome is None or self.agree(call, outcome.values, answer):
            return after
        return Inconsistent(f"the answer would have been {answer}")

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        return False

    def describe(self, state: State) -> str:
        return str(state)


def _run_register(state: State, call: Call) -> tuple[Answer, State] | None:
    match call:
        case Read():
            return state, state
        case Write(value=value):
            return (), (value,)
        case CompareAndSet(expected=expected, replacement=replacement):
            held = identity(state[0]) == identity(expected)
            return state, (replacement,) if held else state
        case _:
            raise AssertionError(call)


def _run_list(state: State, call: Call) -> tuple[Answer, State] | None:
    match call:
        case Read():
            return (state,), state  # type: ignore[return-value]
        case Append(element=element):
            return (), (*state, element)
        case _:
            raise AssertionError(call)


def _run_set(state: State, call: Call) -> tuple[Answer, State] | None:
    match call:
        case Read():
            return (state,), state  # type: ignore[return-value]
        case Add(element=element):
            return (), tuple(sorted({*state, element}))  # type: ignore[type-var]
        case Remove(element=element):
            return (element in state,), tuple(each for each in state if each != element)
        case Contains(element=element):
            return (element in state,), state
        case _:
            raise AssertionError(call)


def _same_members(call: Call, given: Answer, right: Answer) -> bool:
    if isinstance(call, Read) and isinstance(given[0], tuple) and isinstance(right[0], tuple):
        return sorted(given[0], key=str) == sorted(right[0], key=str)
    return given == right


def taking_from(
    choose: Callable[[State], int],
) -> Run:
    def run(state: State, call: Call) -> tuple[Answer, State] | None:
        match call:
            case Enqueue(element=element):
                return (), (*state, element)
            case Dequeue() if not state:
                return (), state
            case Dequeue():
                at = choose(state)
                return (state[at],), (*state[:at], *state[at + 1 :])
            case _:
                raise AssertionError(call)

    return run


def _run_counter(state: State, call: Call) -> tuple[Answer, State] | None:
    (total,) = state
    assert isinstance(total, int)
    match call:
        case Read():
            return state, state
        case Increment(by=by):
            return (total + by,), (total + by,)
        case _:
            raise AssertionError(call)


def _told_or_same(call: Call, given: Answer, right: Answer) -> bool:
    return (isinstance(call, Increment) and not given) or list(map(identity, given)) == list(
        map(identity, right)
    )


def semaphore(permits: int) -> Sequential:
    """Owners hold what they acquired; nobody gives back what is not held."""

    def run(state: State, call: Call) -> tuple[Answer, State] | None:
        match call:
            case Acquire(owner=owner, permits=wanted):
                if len(state) + wanted > permits:
                    return None
                return (), tuple(sorted((*state, *[owner] * wanted)))  # type: ignore[type-var]
            case Release(owner=owner, permits=given):
                if state.count(owner) < given:
                    return None
                held = list(state)
                for _ in range(given):
                    held.remove(owner)
                return (), tuple(held)
            case _:
                raise AssertionError(call)

    return Sequential(f"semaphore of {permits}", (), run)


def _run_reentrant(state: State, call: Call) -> tuple[Answer, State] | None:
    assert isinstance(call, Acquire | Release)
    if isinstance(call, Acquire):
        return ((), (*state, call.owner)) if set(state) <= {call.owner} else None
    return ((), state[1:]) if call.owner in state else None


def run_fenced(state: State, call: Call) -> tuple[Answer, State] | None:
    """The state is the last token, and the owner if there is one."""
    assert isinstance(call, Acquire | Release)
    token, *owner = state
    assert isinstance(token, int)
    if isinstance(call, Acquire):
        return ((token + 1,), (token + 1, call.owner)) if not owner else None
    return ((), (token,)) if owner == [call.owner] else None


@dataclass(frozen=True, slots=True)
class FencedMutex:
    """Tokens may skip numbers, so what was answered decides the next state."""

    name: str = "fenced-mutex"
    initial: State = (-1,)

    def step(self, state: State, call: Call, outcome: Ok | None) -> State | Inconsistent:
        did = run_fenced(state, call)
        if did is None:
            return Inconsistent("it would have to wait")
        if outcome is None or not outcome.values or not isinstance(call, Acquire):
            return did[1]
        (token,), (last, *_) = outcome.values, state
        assert isinstance(token, int)
        assert isinstance(last, int)
        return (token, call.owner) if token > last else Inconsistent("the token is too small")

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        return False

    def describe(self, state: State) -> str:
        return str(state)


def run_ids(state: State, call: Call) -> tuple[Answer, State] | None:
    return (len(state),), (*state, len(state))


@dataclass(frozen=True, slots=True)
class UniqueIds:
    """Whatever was not given out before will do."""

    name: str = "unique-ids"
    initial: State = ()

    def step(self, state: State, call: Call, outcome: Ok | None) -> State | Inconsistent:
        if outcome is None:
            return state
        if outcome.values[0] in state:
            return Inconsistent("it was given out before")
        return (*state, *outcome.values)

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        return False

    def describe(self, state: State) -> str:
        return str(state)


FENCED_MUTEX = FencedMutex()
REENTRANT_MUTEX = Sequential("reentrant-mutex", (), _run_reentrant)
UNIQUE_IDS = UniqueIds()
REGISTER = Sequential("register", (None,), _run_register)
LIST = Sequential("list-append", (), _run_list)
SET = Sequential("set", (), _run_set, _same_members)
QUEUE = Sequential("queue", (), taking_from(lambda _: 0))
STACK = Sequential("stack", (), taking_from(lambda state: len(state) - 1))
PRIORITY_QUEUE = Sequential(
    "priority-queue",
    (),
    taking_from(lambda state: state.index(min(state))),  # type: ignore[type-var]
)
COUNTER = Sequential("counter", (0,), _run_counter, _told_or_same)
MUTEX = semaphore(1)


@dataclass(frozen=True, slots=True)
class UnorderedQueue:
    """Hands out whichever item it likes, so what was answered decides the next state."""

    name: str = "unordered-queue"
    initial: State = ()

    def step(self, state: State, call: Call, outcome: Ok | None) -> State | Inconsistent:
        match call:
            case Enqueue(element=element):
                return tuple(sorted((*state, element)))  # type: ignore[type-var]
            case Dequeue() if outcome is None:
                return state  # What nobody sees need not be taken.
            case Dequeue():
                assert outcome is not None
                if not outcome.values:
                    return Inconsistent("there is something") if state else state
                if outcome.values[0] not in state:
                    return Inconsistent("it is not there")
                left = list(state)
                left.remove(outcome.values[0])
                return tuple(left)
            case _:
                raise AssertionError(call)

    def observes_only(self, call: Call, outcome: Ok | None) -> bool:
        return False

    def describe(self, state: State) -> str:
        return str(state)


UNORDERED_QUEUE = UnorderedQueue()
