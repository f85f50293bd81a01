"""Independent registers: reads, writes and compare-and-sets on a few keys at a time.

A key serves for ``ops_per_key`` calls and is then replaced by a new one, so that no
key's history, nor the number of its calls that are open for ever, grows with the
length of the run (as in ``jepsen.independent``).
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from checker.base import Checker
from checker.linearizability.check import LinearizabilityChecker
from checker.models.register import CasRegister
from checker.stats import VacuityChecker
from histories.call import Call, CompareAndSet, Ok, Read, Scalar, Write
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterOptions:
    """How calls are distributed.

    Attributes:
        keys_active: Keys in use at one time.
        ops_per_key: Calls after which a key is retired.
        concurrency_per_key_max: Calls in flight on one key.
        reads_percent: Share of reads.
        writes_percent: Share of blind writes; the rest are compare-and-sets.
        final_keys_max: Keys read at the end, those most recently called.
        consistency: Of the reads.
    """

    keys_active: int = 5
    ops_per_key: int = 200
    concurrency_per_key_max: int = 6
    reads_percent: int = 40
    writes_percent: int = 30
    final_keys_max: int = 10
    consistency: Consistency = Consistency.LINEARIZABLE

    def __post_init__(self) -> None:
        assert self.keys_active > 0, self
        assert self.ops_per_key > 0, self
        assert self.concurrency_per_key_max > 0, self
        assert self.reads_percent + self.writes_percent <= 100, self


@dataclass(frozen=True, slots=True)
class Register:
    """The workload."""

    options: RegisterOptions = RegisterOptions()
    name: str = "register"

    def generator(self, rng: random.Random) -> Generator:
        options = self.options
        keys = tuple(_fresh(number) for number in range(options.keys_active))
        return RegisterCalls(options, keys, options.keys_active, draws_from(rng))

    def final_generator(self, calls: Iterable[Call]) -> Generator:
        recent = dict.fromkeys(call.key for call in reversed(tuple(calls)))
        keys = tuple(recent)[: self.options.final_keys_max]
        return EachWorker(Sequence(tuple(Read(key) for key in keys)))

    def to_request(self, call: Call) -> Request:
        return request_of(call, self.options.consistency)

    def checkers(self) -> tuple[Checker, ...]:
        return (
            LinearizabilityChecker(CasRegister()),
            VacuityChecker(acknowledged_min=50, reads_min=10, concurrency_min=2),
        )


@dataclass(frozen=True, slots=True)
class _Key:
    """``calls`` were made so far, ``in_flight`` of them have not completed.

    ``observed`` is the value the key was last known to hold.
    """

    name: str
    calls: int
    in_flight: int
    observed: Scalar


def _fresh(number: int) -> _Key:
    return _Key(f"k{number}", 0, 0, None)


@dataclass(frozen=True, slots=True)
class RegisterCalls:
    """The endless mixture of calls; ``keys`` are the active ones.

    The n-th call on a key writes n if it writes: values are unique per key.
    """

    options: RegisterOptions
    keys: tuple[_Key, ...]
    next_number: int
    draws: Draws

    def next(self, context: Context) -> tuple[Step, Generator]:
        if not context.free:
            return PENDING, self
        number, draws = draw(self.draws)
        start, kind = number % len(self.keys), (number >> 32) % 100
        for step in range(len(self.keys)):
            at = (start + step) % len(self.keys)
            if self.keys[at].in_flight < self.options.concurrency_per_key_max:
                break
        else:
            return PENDING, self
        key = self.keys[at]
        call = self._call(key, kind)
        after = _Key(key.name, key.calls + 1, key.in_flight + 1, key.observed)
        return Invoke(context.free[0], call), self._with(at, after, draws)

    def update(self, completion: Completion) -> Generator:
        for at, key in enumerate(self.keys):
            if key.name == completion.call.key:
                observed = _observed(completion, key.observed)
                after = _Key(key.name, key.calls, key.in_flight - 1, observed)
                return self._with(at, after, self.draws)
        return self  # The key was retired while the call was in flight.

    def _call(self, key: _Key, kind: int) -> Call:
        unique = key.calls + 1
        if kind < self.options.reads_percent:
            return Read(key.name)
        if kind < self.options.reads_percent + self.options.writes_percent:
            return Write(key.name, unique)
        return CompareAndSet(key.name, key.observed, unique)

    def _with(self, at: int, key: _Key, draws: Draws) -> RegisterCalls:
        next_number = self.next_number
        if key.calls == self.options.ops_per_key:
            key = _fresh(next_number)
            next_number += 1
        keys = (*self.keys[:at], key, *self.keys[at + 1 :])
        return RegisterCalls(self.options, keys, next_number, draws)


def _observed(completion: Completion, before: Scalar) -> Scalar:
    """What the key is known to have held; ``before`` if the completion does not tell."""
    outcome = completion.outcome
    if not isinstance(outcome, Ok):
        return before
    match completion.call:
        case Read():
            seen = outcome.values[0]
        case Write(value=value):
            seen = value
        case CompareAndSet(expected=expected, replacement=replacement):
            held = outcome.values[0]
            seen = replacement if held == expected else held
        case _:
            raise AssertionError(f"not of this workload: {completion.call}")
    return before if isinstance(seen, tuple) else seen
