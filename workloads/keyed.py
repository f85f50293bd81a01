"""Calls on a few independent objects at a time, for every workload that has such.

A key serves for ``ops_per_key`` calls and is then replaced by a new one, so that no
key's history, nor the number of its calls that are open for ever, grows with the
length of the run (as in ``jepsen.independent``).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Final, Generic, TypeAlias, TypeVar, assert_never

from checker.base import Checker
from checker.stats import VacuityChecker
from histories.call import Call, CompareAndSet, Ok, Read, Scalar, Write
from histories.op import ProcessId
from system_under_test.gossip_raft.core.client_session import Request
from system_under_test.gossip_raft.core.messages import Consistency
from workloads.client import request_of
from workloads.draws import Draws, draw, draws_from
from workloads.generator import (
    PENDING,
    Completion,
    Context,
    EachWorker,
    Generator,
    Invoke,
    Sequence,
    Step,
)
from workloads.options import option


class Distribution(Enum):
    """How calls are spread over the keys in use."""

    UNIFORM = "uniform"
    ZIPF = "zipf"
    """The n-th key is called 1/n times as often as the first."""
    HOT = "hot"
    """Four calls of five go to the first key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOptions:
    """How calls are distributed over keys."""

    keys_active: int = option(5, "keys in use at one time", least=1, most=1000)
    ops_per_key: int = option(200, "calls after which a key is replaced by a new one", least=1)
    concurrency_per_key_max: int = option(6, "calls in flight on one key", least=1)
    key_distribution: Distribution = option(Distribution.UNIFORM, "of calls over the keys in use")
    final_keys_max: int = option(10, "keys read at the end, the latest", least=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class MixOptions(KeyOptions):
    """Those of reads and one other kind of call."""

    reads_percent: int = option(40, "share of reads", most=100)


@dataclass(frozen=True, slots=True)
class Key:
    """``calls`` were made so far, ``in_flight`` of them have not completed.

    ``observed`` is the single value the key was last known to hold, if it holds such.
    """

    name: str
    calls: int = 0
    in_flight: int = 0
    observed: Scalar = None

    @property
    def unique(self) -> int:
        """A number that no other call on this key is given."""
        return self.calls + 1


MakeCall: TypeAlias = Callable[[Key, ProcessId, int], Call]
"""The next call on a key, by a process, given a number uniform in 0 .. 2**32 - 1."""


@dataclass(frozen=True, slots=True)
class KeyedCalls:
    """The endless mixture of calls that ``make`` makes; ``keys`` are the active ones."""

    options: KeyOptions
    make: MakeCall
    keys: tuple[Key, ...]
    next_number: int
    draws: Draws

    def next(self, context: Context) -> tuple[Step, Generator]:
        if not context.free:
            return PENDING, self
        number, draws = draw(self.draws)
        start = pick(self.options.key_distribution, len(self.keys), number & _LOW)
        for step in range(len(self.keys)):
            at = (start + step) % len(self.keys)
            if self.keys[at].in_flight < self.options.concurrency_per_key_max:
                break
        else:
            return PENDING, self
        key = self.keys[at]
        call = self.make(key, context.free[0], number >> 32)
        after = Key(key.name, key.calls + 1, key.in_flight + 1, key.observed)
        return Invoke(context.free[0], call), self._with(at, after, draws)

    def update(self, completion: Completion) -> Generator:
        for at, key in enumerate(self.keys):
            if key.name == completion.call.key:
                after = Key(key.name, key.calls, key.in_flight - 1, _observed(completion, key))
                return self._with(at, after, self.draws)
        return self  # The key was retired while the call was in flight.

    def _with(self, at: int, key: Key, draws: Draws) -> KeyedCalls:
        next_number = self.next_number
        if key.calls == self.options.ops_per_key:
            key = _fresh(next_number)
            next_number += 1
        keys = (*self.keys[:at], key, *self.keys[at + 1 :])
        return KeyedCalls(self.options, self.make, keys, next_number, draws)


def keyed_calls(options: KeyOptions, make: MakeCall, draws: Draws) -> KeyedCalls:
    """A generator that begins with fresh keys k0, k1 ..."""
    keys = tuple(map(_fresh, range(options.keys_active)))
    return KeyedCalls(options, make, keys, options.keys_active, draws)


def pick(distribution: Distribution, count: int, number: int) -> int:
    """One of ``count`` keys in use, given a number uniform in 0 .. 2**32 - 1."""
    match distribution:
        case Distribution.UNIFORM:
            return number % count
        case Distribution.HOT:
            return 0 if count == 1 or number % 5 else 1 + number // 5 % (count - 1)
        case Distribution.ZIPF:
            weights = [_WEIGHT // (at + 1) for at in range(count)]
            left = number % sum(weights)
            for at, weight in enumerate(weights):
                if left < weight:
                    return at
                left -= weight
            raise AssertionError("unreachable: left is less than all weights together")
        case _:
            assert_never(distribution)


def read_recent(calls: Iterable[Call], keys_max: int) -> Generator:
    """Every worker reads every key of ``calls``, at most so many, the latest first."""
    recent = dict.fromkeys(call.key for call in reversed(tuple(calls)))
    return EachWorker(Sequence(tuple(Read(key) for key in tuple(recent)[:keys_max])))


_LOW: Final = 2**32 - 1
_WEIGHT: Final = 2**20
"""Of the first key, in whole numbers: seeds must mean the same on every machine."""

Chosen = TypeVar("Chosen", bound=KeyOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedWorkload(Generic[Chosen]):
    """A workload of single calls on independent objects (see ``workloads.base.Workload``).

    Attributes:
        call: The next call on a key, as ``MakeCall`` under the options.
        judges: Beside the checker that too little was answered.
        around: What becomes of the calls that ``call`` makes.
        last: The final generator, given the latest calls and how many keys to look at.
        reads_min: So many reads must have been answered.
    """

    name: str
    options: Chosen
    call: Callable[[Chosen, Key, ProcessId, int], Call]
    judges: tuple[Checker, ...]
    around: Callable[[KeyedCalls], Generator] = lambda calls: calls
    last: Callable[[Iterable[Call], int], Generator] = read_recent
    reads_min: int = 10
    acknowledged_min: int = 50

    def generator(self, rng: random.Random) -> Generator:
        make = partial(self.call, self.options)
        return self.around(keyed_calls(self.options, make, draws_from(rng)))

    def final_generator(self, calls: Iterable[Call]) -> Generator:
        return self.last(calls, self.options.final_keys_max)

    def to_request(self, call: Call) -> Request:
        return request_of(call, Consistency.LINEARIZABLE)

    def checkers(self) -> tuple[Checker, ...]:
        enough = VacuityChecker(
            acknowledged_min=self.acknowledged_min, reads_min=self.reads_min, concurrency_min=2
        )
        return (*self.judges, enough)


def reads_and(
    change: Callable[[Key, int], Call],
) -> Callable[[MixOptions, Key, ProcessId, int], Call]:
    """Reads, and calls that ``change`` makes of a key and a number as ``MakeCall``'s."""

    def call(options: MixOptions, key: Key, process: ProcessId, number: int) -> Call:
        del process
        return Read(key.name) if number % 100 < options.reads_percent else change(key, number)

    return call


def _fresh(number: int) -> Key:
    return Key(f"k{number}")


def _observed(completion: Completion, key: Key) -> Scalar:
    """What the key is known to have held; as before if the completion does not tell."""
    outcome = completion.outcome
    if not isinstance(outcome, Ok):
        return key.observed
    match completion.call:
        case Read():
            seen = outcome.values[0]
        case Write(value=value):
            seen = value
        case CompareAndSet(expected=expected, replacement=replacement):
            held = outcome.values[0]
            seen = replacement if held == expected else held
        case _:
            return key.observed
    return key.observed if isinstance(seen, tuple) else seen
