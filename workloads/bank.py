"""Accounts with money moved between them, and snapshots of them all.

Finds: whatever makes or loses money in some snapshot: read skew, transfers made by half or
twice.  Misses: stale snapshots, which are as good as fresh ones to their sum.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from checker.base import Checker
from checker.stats import VacuityChecker
from checker.workloads.bank import BankChecker
from histories.call import Call, Read, Transfer, Txn
from system_under_test.gossip_raft.core.client_session import Request
from system_under_test.gossip_raft.core.messages import Consistency
from workloads.client import request_of
from workloads.combinators import UntilOk
from workloads.draws import Draws, draw, draws_from
from workloads.generator import (
    PENDING,
    Completion,
    Context,
    EachWorker,
    Generator,
    Invoke,
    Phases,
    Repeat,
    Step,
    once,
)

STORE = "bank"


@dataclass(frozen=True, slots=True)
class Bank:
    """The workload.  All accounts begin with nothing, and may owe."""

    accounts: tuple[str, ...] = tuple(f"a{number}" for number in range(8))
    name: str = "bank"

    def generator(self, rng: random.Random) -> Generator:
        return Phases((*self._opening(), Transfers(self.accounts, draws_from(rng))))

    def final_generator(self, calls: Iterable[Call]) -> Generator:  # noqa: ARG002
        return Phases((*self._opening(), EachWorker(once(_snapshot(self.accounts)))))

    def _opening(self) -> Iterable[Generator]:
        """An account exists once something was moved, if only nothing at all."""
        for source, target in zip(self.accounts[::2], self.accounts[1::2], strict=True):
            yield UntilOk(Repeat(once(Transfer(STORE, source, target, 0))))

    def to_request(self, call: Call) -> Request:
        return request_of(call, Consistency.LINEARIZABLE)

    def checkers(self) -> tuple[Checker, ...]:
        return (
            BankChecker(total=0, may_owe=True),
            VacuityChecker(acknowledged_min=50, reads_min=0, concurrency_min=2),
        )


@dataclass(frozen=True, slots=True)
class Transfers:
    """The endless mixture: as many transfers as snapshots."""

    accounts: tuple[str, ...]
    draws: Draws

    def next(self, context: Context) -> tuple[Step, Generator]:
        if not context.free:
            return PENDING, self
        number, draws = draw(self.draws)
        count = len(self.accounts)
        source = number % count
        target = (source + 1 + (number >> 16) % (count - 1)) % count
        call: Call = _snapshot(self.accounts)
        if (number >> 32) % 2:
            amount = 1 + (number >> 48) % 10
            call = Transfer(STORE, self.accounts[source], self.accounts[target], amount)
        return Invoke(context.free[0], call), Transfers(self.accounts, draws)

    def update(self, completion: Completion) -> Generator:  # noqa: ARG002  # Part of the protocol.
        return self


def _snapshot(accounts: tuple[str, ...]) -> Txn:
    return Txn(STORE, tuple(map(Read, accounts)))
