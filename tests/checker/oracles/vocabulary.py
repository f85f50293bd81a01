"""For every model: calls that histories of it may hold, and answers to them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import Any, Final

from checker.base import Model
from checker.models.catalogue import MODELS
from histories.call import (
    Acquire,
    Add,
    Append,
    Call,
    CompareAndSet,
    Contains,
    Dequeue,
    Enqueue,
    GenerateId,
    Increment,
    Read,
    Release,
    Remove,
    Scalar,
    Txn,
    Value,
    Write,
)

KEY: Final = "k"
Draw = Callable[[random.Random], Call]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What random histories of one model are made of.

    Attributes:
        initial: What its factory is given.
        draw: A call.
        answers: All that one may try to answer a call with.
    """

    initial: Scalar
    draw: Draw
    answers: Callable[[Call], Sequence[tuple[Value, ...]]]

    def model(self, name: str) -> Model[Any]:
        return MODELS[name](self.initial)


def _one_of(*draws: Draw) -> Draw:
    return lambda rng: rng.choice(draws)(rng)


def _register_answers(call: Call) -> Sequence[tuple[Value, ...]]:
    return [()] if isinstance(call, Write) else [(None,), (0,), (1,), (2,)]


_REGISTER: Final = Vocabulary(
    None,
    _one_of(
        lambda _: Read(KEY),
        lambda rng: Write(KEY, rng.randrange(3)),
        lambda rng: CompareAndSet(KEY, rng.choice((None, 0, 1, 2)), rng.randrange(3)),
    ),
    _register_answers,
)

_SUBSETS: Final = [tuple(each) for size in range(4) for each in permutations(range(3), size)]


def _collection_answers(call: Call) -> Sequence[tuple[Value, ...]]:
    match call:
        case Add() | Append() | Enqueue() | Write():
            return [()]
        case Contains() | Remove():
            return [(True,), (False,)]
        case Dequeue():
            return [(), (0,), (1,), (2,)]
        case _:
            return [(subset,) for subset in _SUBSETS]


def _list_answers(call: Call) -> Sequence[tuple[Value, ...]]:
    if isinstance(call, Append):
        return [()]
    return [(tuple(each),) for size in range(5) for each in product(range(2), repeat=size)]


def _queue(most: int) -> Vocabulary:
    return Vocabulary(
        None,
        _one_of(
            lambda rng: Enqueue(KEY, rng.randrange(most)),
            lambda _: Dequeue(KEY),
        ),
        _collection_answers,
    )


def _lock_answers(_: Call) -> Sequence[tuple[Value, ...]]:
    return [()]


def _fence_answers(call: Call) -> Sequence[tuple[Value, ...]]:
    return [(token,) for token in range(6)] if isinstance(call, Acquire) else [()]


def _lock(answers: Callable[[Call], Sequence[tuple[Value, ...]]], permits: int = 1) -> Vocabulary:
    def many(rng: random.Random) -> int:
        return rng.randrange(permits) + 1

    return Vocabulary(
        permits + 1 if permits > 1 else None,
        _one_of(
            lambda rng: Acquire(KEY, rng.randrange(3), many(rng)),
            lambda rng: Release(KEY, rng.randrange(3), many(rng)),
        ),
        answers,
    )


def _counter_answers(call: Call) -> Sequence[tuple[Value, ...]]:
    sums: list[tuple[Value, ...]] = [(number,) for number in range(-4, 9)]
    return [(), *sums] if isinstance(call, Increment) else sums


def _draw_txn(rng: random.Random) -> Call:
    def micro() -> Read | Write:
        key = rng.choice("xy")
        return Read(key) if rng.random() < 0.5 else Write(key, rng.randrange(2))

    return Txn(KEY, tuple(micro() for _ in range(rng.randrange(1, 3))))


def _draw_append_txn(rng: random.Random) -> Call:
    def micro() -> Read | Append:
        key = rng.choice("xy")
        return Read(key) if rng.random() < 0.5 else Append(key, rng.randrange(2))

    return Txn(KEY, tuple(micro() for _ in range(rng.randrange(1, 3))))


def _txn_answers(call: Call) -> Sequence[tuple[Value, ...]]:
    assert isinstance(call, Txn)
    reads = sum(isinstance(micro, Read) for micro in call.micro)
    lists = any(isinstance(micro, Append) for micro in call.micro)
    some: list[Value] = [None, 0, 1]
    if lists or reads == len(call.micro):
        some += [tuple(each) for size in (1, 2, 3) for each in product(range(2), repeat=size)]
    return list(product(some, repeat=reads))


VOCABULARIES: Final[Mapping[str, Vocabulary]] = {
    "register": _REGISTER,
    "cas-register": _REGISTER,
    "multi-register": Vocabulary(None, _draw_txn, _txn_answers),
    "mutex": _lock(_lock_answers),
    "owned-mutex": _lock(_lock_answers),
    "reentrant-mutex": _lock(_lock_answers),
    "fenced-mutex": _lock(_fence_answers),
    "semaphore": _lock(_lock_answers, permits=2),
    "counter": Vocabulary(
        None,
        _one_of(
            lambda _: Read(KEY),
            lambda rng: Increment(KEY, rng.choice((1, 1, 2, -1))),
        ),
        _counter_answers,
    ),
    "set": Vocabulary(
        None,
        _one_of(
            lambda _: Read(KEY),
            lambda rng: Add(KEY, rng.randrange(3)),
            lambda rng: Remove(KEY, rng.randrange(3)),
            lambda rng: Contains(KEY, rng.randrange(3)),
        ),
        _collection_answers,
    ),
    "queue": _queue(3),
    "stack": _queue(3),
    "priority-queue": _queue(3),
    "unordered-queue": _queue(3),
    "list-append": Vocabulary(
        None, _one_of(lambda _: Read(KEY), lambda rng: Append(KEY, rng.randrange(2))), _list_answers
    ),
    "key-value-store": Vocabulary(None, _draw_append_txn, _txn_answers),
    "unique-ids": Vocabulary(
        None, lambda _: GenerateId(KEY), lambda _: [(number,) for number in range(10)]
    ),
}
