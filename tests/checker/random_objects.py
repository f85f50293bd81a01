"""Random histories of every kind of object: of a correct one, and with answers replaced."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, TypeAlias

from checker.base import Model
from histories.call import (
    Acquire,
    Add,
    Append,
    Call,
    CompareAndSet,
    Contains,
    Dequeue,
    Enqueue,
    Failed,
    GenerateId,
    Increment,
    Ok,
    Outcome,
    Read,
    Release,
    Remove,
    Scalar,
    Write,
)
from histories.history import History
from histories.op import Op
from tests.checker.random_histories import Shape, _attempts, _history, _outcome, _with_outcome
from tests.checker.sequential import (
    COUNTER,
    FENCED_MUTEX,
    LIST,
    MUTEX,
    PRIORITY_QUEUE,
    QUEUE,
    REENTRANT_MUTEX,
    REGISTER,
    SET,
    STACK,
    UNIQUE_IDS,
    UNORDERED_QUEUE,
    Run,
    Sequential,
    State,
    run_fenced,
    run_ids,
    semaphore,
    taking_from,
)

KEY: Final = "k0"
Choose: TypeAlias = Callable[[random.Random, State, Iterator[int], int], Call]
"""A call for a process, given the state and fresh elements."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is called, what it does, and what it is held against."""

    model: Model[State]
    choose: Choose
    run: Run


def correct_history(rng: random.Random, shape: Shape, subject: Subject) -> History:
    """What clients of a correct object see (compare ``random_histories``), on one key.

    A call that would have to wait is refused.
    """
    attempts = _attempts(rng, replace(shape, keys=1))
    fresh, state = _elements(rng, shape), subject.model.initial
    finished: dict[int, tuple[Call, Outcome]] = {}
    order = [(attempt.takes_effect, number) for number, attempt in enumerate(attempts)]
    order.sort(key=lambda each: (each[0] is None, each))
    for _, number in order:
        attempt = attempts[number]
        call = subject.choose(rng, state, fresh, attempt.process)
        did = subject.run(state, call)
        answer, after = did or ((), state)
        outcome = _outcome(attempt, ())
        if isinstance(outcome, Ok):
            outcome = Ok(answer)
        if did is None and isinstance(outcome, Ok):
            outcome = Failed("would have to wait")
        if attempt.takes_effect is not None:
            state = after
        if isinstance(outcome, Ok) and isinstance(call, Increment) and rng.random() < 0.7:
            outcome = Ok()
        if isinstance(outcome, Ok) and isinstance(call, Acquire) and rng.random() < 0.2:
            outcome = Ok()
        finished[number] = call, outcome
    return _history(attempts, finished)


def spoiled_history(rng: random.Random, shape: Shape, subject: Subject) -> History:
    """A correct history with up to three answers replaced: may be linearizable or not."""
    ops = list(correct_history(rng, shape, subject).ops)
    for _ in range(rng.randrange(1, 4)):
        one, other = rng.choice(ops), rng.choice(ops)
        if not isinstance(one.outcome, Ok):
            continue
        if (
            isinstance(other.outcome, Ok)
            and type(other.call) is type(one.call)
            and rng.random() < 0.6
        ):
            ops[one.index] = _with_outcome(one, other.outcome)
            ops[other.index] = _with_outcome(other, one.outcome)
        else:
            ops[one.index] = _with_outcome(one, _other_outcome(rng, one, ops))
    return History.of(ops)


def shuffled_history(rng: random.Random, shape: Shape, subject: Subject) -> History:
    """A correct history with the answers to each sort of call dealt out anew."""
    ops = list(correct_history(rng, shape, subject).ops)
    sorts: dict[type[Call], list[Op]] = {}
    for op in ops:
        if isinstance(op.outcome, Ok):
            sorts.setdefault(type(op.call), []).append(op)
    for alike in sorts.values():
        for op, other in zip(alike, rng.sample(alike, len(alike)), strict=True):
            ops[op.index] = _with_outcome(op, other.outcome)
    return History.of(ops)


def _other_outcome(rng: random.Random, op: Op, ops: list[Op]) -> Outcome:
    assert isinstance(op.outcome, Ok)
    elements = [element for other in ops for element in _named(other.call)]
    match op.call:
        case Remove() | Contains():
            return Ok((not op.outcome.values[0],))
        case Dequeue():
            return Ok((rng.choice(elements),)) if elements and rng.random() < 0.7 else Ok()
        case GenerateId() | Acquire() if op.outcome.values:
            return Ok((rng.randrange(len(ops)),))
        case Increment() | Read() if op.outcome.values and type(op.outcome.values[0]) is int:
            return Ok((op.outcome.values[0] + rng.choice((-1, 1, 2)),))
        case Read() if isinstance(op.outcome.values[0], tuple):
            return Ok((_other_tuple(rng, op.outcome.values[0], elements),))
        case Read() | CompareAndSet():
            return Ok((rng.choice([None, *elements]),))
        case _:
            return Failed("spoiled")


def _other_tuple(
    rng: random.Random, members: tuple[Scalar, ...], elements: list[Scalar]
) -> tuple[Scalar, ...]:
    at = rng.randrange(len(members) + 1)
    match rng.randrange(3):
        case 0:
            return members[:at]
        case 1 if elements:
            return (*members[:at], rng.choice(elements), *members[at:])
        case _:
            return (*members[:at], *members[at + 1 :])


def _named(call: Call) -> tuple[Scalar, ...]:
    match call:
        case Enqueue() | Append() | Add():
            return (call.element,)
        case Write(value=value):
            return (value,)
        case CompareAndSet(replacement=replacement):
            return (replacement,)
        case _:
            return ()


def _elements(rng: random.Random, shape: Shape) -> Iterator[int]:
    if shape.values is None:
        unique = list(range(1, 4 * shape.ops + 10))
        rng.shuffle(unique)
        return iter(unique)
    domain = shape.values
    return (rng.randrange(domain) for _ in itertools.count())


def _choose_register(rng: random.Random, state: State, fresh: Iterator[int], process: int) -> Call:
    match rng.random():
        case chance if chance < 0.4:
            return Read(KEY)
        case chance if chance < 0.65:
            return Write(KEY, next(fresh))
        case _:
            expected = state[0] if rng.random() < 0.6 else rng.choice((None, next(fresh)))
            assert not isinstance(expected, tuple)
            return CompareAndSet(KEY, expected, next(fresh))


def _choose_list(rng: random.Random, state: State, fresh: Iterator[int], process: int) -> Call:
    return Read(KEY) if rng.random() < 0.5 else Append(KEY, next(fresh))


def _choose_growing_set(
    rng: random.Random, state: State, fresh: Iterator[int], process: int
) -> Call:
    match rng.random():
        case chance if chance < 0.35:
            return Read(KEY)
        case chance if chance < 0.55:
            return Contains(KEY, rng.choice([*_scalars(state), 1, 2, 3]))
        case _:
            return Add(KEY, next(fresh))


def _choose_set(rng: random.Random, state: State, fresh: Iterator[int], process: int) -> Call:
    element = rng.choice([*_scalars(state), 1, 2, 3])
    match rng.random():
        case chance if chance < 0.4:
            return Contains(KEY, element)
        case chance if chance < 0.65:
            return Remove(KEY, element)
        case _:
            return Add(KEY, next(fresh))


def _choose_queue(rng: random.Random, state: State, fresh: Iterator[int], process: int) -> Call:
    return Dequeue(KEY) if rng.random() < 0.5 else Enqueue(KEY, next(fresh))


def _choose_counter(rng: random.Random, state: State, fresh: Iterator[int], process: int) -> Call:
    return Read(KEY) if rng.random() < 0.4 else Increment(KEY, 1)


def _choose_sums(rng: random.Random, state: State, fresh: Iterator[int], process: int) -> Call:
    return Read(KEY) if rng.random() < 0.4 else Increment(KEY, rng.choice((1, 1, 1, 2, 2, 0)))


def _choose_lock(rng: random.Random, state: State, fresh: Iterator[int], process: int) -> Call:
    if process in state and rng.random() < 0.95:
        return Release(KEY, process, state.count(process))
    return Acquire(KEY, process)


def _choose_nested(rng: random.Random, state: State, fresh: Iterator[int], process: int) -> Call:
    if process in state and rng.random() < 0.6:
        return Release(KEY, process)
    return Acquire(KEY, process)


def _choose_fenced(rng: random.Random, state: State, fresh: Iterator[int], process: int) -> Call:
    if process in state[1:] and rng.random() < 0.95:
        return Release(KEY, process)
    return Acquire(KEY, process)


def _choose_ids(rng: random.Random, state: State, fresh: Iterator[int], process: int) -> Call:
    return GenerateId(KEY)


def _choose_permits(rng: random.Random, state: State, fresh: Iterator[int], process: int) -> Call:
    if process in state and rng.random() < 0.95:
        return Release(KEY, process, state.count(process))
    return Acquire(KEY, process, rng.choice((1, 1, 2)))


def _scalars(state: State) -> tuple[Scalar, ...]:
    return tuple(value for value in state if not isinstance(value, tuple))


def _of(model: Sequential, choose: Choose) -> Subject:
    return Subject(model, choose, model.run)


SUBJECTS: Final[Mapping[str, Subject]] = MappingProxyType(
    {
        "register": _of(REGISTER, _choose_register),
        "list-append": _of(LIST, _choose_list),
        "growing set": _of(SET, _choose_growing_set),
        "set": _of(SET, _choose_set),
        "queue": _of(QUEUE, _choose_queue),
        "stack": _of(STACK, _choose_queue),
        "priority-queue": _of(PRIORITY_QUEUE, _choose_queue),
        "unordered-queue": Subject(
            UNORDERED_QUEUE, _choose_queue, taking_from(lambda state: len(state) // 2)
        ),
        "counter": _of(COUNTER, _choose_counter),
        "sums": _of(COUNTER, _choose_sums),
        "owned-mutex": _of(MUTEX, _choose_lock),
        "reentrant-mutex": _of(REENTRANT_MUTEX, _choose_nested),
        "fenced-mutex": Subject(FENCED_MUTEX, _choose_fenced, run_fenced),
        "semaphore": _of(semaphore(2), _choose_permits),
        "unique-ids": Subject(UNIQUE_IDS, _choose_ids, run_ids),
    }
)
