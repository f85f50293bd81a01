"""Calls on a few independent objects at a time, for every workload that has such.

A key serves for ``ops_per_key`` calls and is then replaced by a new one, so that no
key's history, nor the number of its calls that are open for ever, grows with the
length of the run (as in ``jepsen.independent``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from histories.call import Call, CompareAndSet, Ok, Read, Scalar, Write
from histories.op import ProcessId
from workloads.draws import Draws, draw
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
class KeyOptions:
    """How calls are distributed over keys.

    Attributes:
        keys_active: Keys in use at one time.
        ops_per_key: Calls after which a key is retired.
        concurrency_per_key_max: Calls in flight on one key.
        final_keys_max: Keys read at the end, those most recently called.
    """

    keys_active: int = 5
    ops_per_key: int = 200
    concurrency_per_key_max: int = 6
    final_keys_max: int = 10

    def __post_init__(self) -> None:
        assert self.keys_active > 0, self
        assert self.ops_per_key > 0, self
        assert self.concurrency_per_key_max > 0, self


DEFAULT_KEYS: Final = KeyOptions()
SHORT_LIVED_KEYS: Final = KeyOptions(ops_per_key=100)
"""For objects that grow with every call, and are read whole."""


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
        start = number % len(self.keys)
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


def read_recent(calls: Iterable[Call], keys_max: int) -> Generator:
    """Every worker reads every key of ``calls``, at most so many, the latest first."""
    recent = dict.fromkeys(call.key for call in reversed(tuple(calls)))
    return EachWorker(Sequence(tuple(Read(key) for key in tuple(recent)[:keys_max])))


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
