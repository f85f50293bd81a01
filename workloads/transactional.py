"""Transactions over a few keys at a time (after ``jepsen.tests.cycle``).

Every write is the only one of its value to its key, so that a read names the write it
saw; a key is replaced by a new one after some writes, so that lists stay short.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from histories.call import Append, Call, Micro, Read, Txn, Write
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

STORE = ""
"""The name of the one store that all transactions are on."""

MakeWrite: TypeAlias = Callable[[str, int], Micro]
"""A write to a key, given a number that no other write to it is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TxnOptions:
    """What transactions are made of.

    Attributes:
        keys_active: Keys in use at one time.
        writes_per_key: Writes after which a key is retired.
        micro_max: Steps of a transaction: 1 to so many, each number as likely.
        reads_percent: Share of reads among the steps.
        final_keys_max: Keys read at the end, those most recently written.
    """

    keys_active: int = 5
    writes_per_key: int = 40
    micro_max: int = 4
    reads_percent: int = 50
    final_keys_max: int = 20

    def __post_init__(self) -> None:
        assert self.keys_active > 0, self
        assert self.writes_per_key > 0, self
        assert self.micro_max > 0, self
        assert 0 <= self.reads_percent <= 100, self


DEFAULT_TXNS: Final = TxnOptions()


@dataclass(frozen=True, slots=True)
class TxnCalls:
    """The endless mixture; ``keys`` are the active ones with the writes made to them."""

    options: TxnOptions
    write: MakeWrite
    keys: tuple[tuple[str, int], ...]
    next_number: int
    draws: Draws

    def next(self, context: Context) -> tuple[Step, Generator]:
        if not context.free:
            return PENDING, self
        keys, next_number = list(self.keys), self.next_number
        length, draws = draw(self.draws)
        steps: list[Micro] = []
        for _ in range(1 + length % self.options.micro_max):
            number, draws = draw(draws)
            at = number % len(keys)
            key, writes = keys[at]
            if (number >> 32) % 100 < self.options.reads_percent:
                steps.append(Read(key))
                continue
            steps.append(self.write(key, writes + 1))
            keys[at] = key, writes + 1
            if writes + 1 == self.options.writes_per_key:
                keys[at] = _fresh(next_number)
                next_number += 1
        after = TxnCalls(self.options, self.write, tuple(keys), next_number, draws)
        return Invoke(context.free[0], Txn(STORE, tuple(steps))), after

    def update(self, completion: Completion) -> Generator:  # noqa: ARG002  # Part of the protocol.
        return self


def txn_calls(options: TxnOptions, write: MakeWrite, draws: Draws) -> TxnCalls:
    """A generator that begins with fresh keys k0, k1 ..."""
    keys = tuple(map(_fresh, range(options.keys_active)))
    return TxnCalls(options, write, keys, options.keys_active, draws)


def read_written(calls: Iterable[Call], keys_max: int) -> Generator:
    """Every worker reads every key that ``calls`` wrote, at most so many, the latest first."""
    written = dict.fromkeys(
        step.key
        for call in reversed(tuple(calls))
        if isinstance(call, Txn)
        for step in call.micro
        if isinstance(step, Write | Append)
    )
    keys = tuple(written)[:keys_max]
    return EachWorker(Sequence(tuple(Txn(STORE, (Read(key),)) for key in keys)))


def _fresh(number: int) -> tuple[str, int]:
    return f"k{number}", 0
