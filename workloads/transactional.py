"""Transactions over a few keys at a time (after ``jepsen.tests.cycle``).

Every write is the only one of its value to its key, so that a read names the write it
saw; a key is replaced by a new one after some writes, so that lists stay short.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from checker.base import Checker
from checker.stats import VacuityChecker
from checker.transactions.check import TransactionChecker
from histories.call import Append, Call, Micro, Read, Txn, Write
from system_under_test.gossip_raft.core import types as core
from system_under_test.gossip_raft.core.client_session import Execute, Request
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
from workloads.keyed import Distribution, pick
from workloads.options import option

STORE = ""
"""The name of the one store that all transactions are on."""

SPOILT: Final = "spoilt"
"""A key that never comes to hold anything: whoever appends to it is refused."""

_LOW: Final = 2**32 - 1

MakeWrite: TypeAlias = Callable[[str, int], Micro]
"""A write to a key, given a number that no other write to it is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TxnOptions:
    """What transactions are made of."""

    keys_active: int = option(5, "keys in use at one time", least=1, most=1000)
    writes_per_key: int = option(40, "writes after which a key is replaced by a new one", least=1)
    key_distribution: Distribution = option(Distribution.UNIFORM, "of steps over the keys in use")
    micro_max: int = option(4, "steps of a transaction at most; each number is as likely", least=1)
    reads_percent: int = option(50, "share of reads among the steps", most=100)
    refused_percent: int = option(
        0, "share of transactions that are refused, of append, and must leave nothing", most=100
    )
    final_keys_max: int = option(20, "keys read at the end, the latest", least=1)


@dataclass(frozen=True, slots=True)
class TxnWorkload:
    """A workload of transactions (see ``workloads.base.Workload``).

    ``name`` is also that of its kind for ``TransactionChecker``; ``write`` makes its writes.
    """

    name: str
    write: MakeWrite
    options: TxnOptions = TxnOptions()

    def generator(self, rng: random.Random) -> Generator:
        return txn_calls(self.options, self.write, draws_from(rng))

    def final_generator(self, calls: Iterable[Call]) -> Generator:
        return read_written(calls, self.options.final_keys_max)

    def to_request(self, call: Call) -> Request:
        request = request_of(call, Consistency.LINEARIZABLE)
        match request:
            case Execute(commands=(core.Txn(micro=(*steps, core.Append(key=key) as last)),)) if (
                key == SPOILT
            ):
                # Nothing can be appended to what the step before has made a number.
                return Execute((core.Txn((*steps, core.Put(SPOILT, 0), last)),))
            case _:
                return request

    def checkers(self) -> tuple[Checker, ...]:
        return (
            TransactionChecker(self.name),
            VacuityChecker(acknowledged_min=50, reads_min=0, concurrency_min=2),
        )


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
            at = pick(self.options.key_distribution, len(keys), number & _LOW)
            key, writes = keys[at]
            if (number >> 32) % 100 < self.options.reads_percent:
                steps.append(Read(key))
                continue
            steps.append(self.write(key, writes + 1))
            keys[at] = key, writes + 1
            if writes + 1 == self.options.writes_per_key:
                keys[at] = _fresh(next_number)
                next_number += 1
        if self.write is Append and (length >> 32) % 100 < self.options.refused_percent:
            steps.append(Append(SPOILT, length))
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
        if isinstance(step, Write | Append) and step.key != SPOILT
    )
    keys = tuple(written)[:keys_max]
    return EachWorker(Sequence(tuple(Txn(STORE, (Read(key),)) for key in keys)))


def _fresh(number: int) -> tuple[str, int]:
    return f"k{number}", 0
