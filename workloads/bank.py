"""Accounts with money moved between them, and snapshots of them all (Jepsen's bank).

A transfer is two increments in one request, a snapshot one transaction that reads every
account: whatever the order of the transfers, their sum is that of the beginning, nothing.

Finds: whatever makes or loses money in some snapshot: transfers made by half, snapshots of two
moments, state that lost the half of a request.
Misses: stale snapshots, which are as good as fresh ones to their sum; whole transfers that are
lost or made twice.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

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
from workloads.options import option

STORE = "bank"


@dataclass(frozen=True, slots=True, kw_only=True)
class BankOptions:
    """How much is moved between how many."""

    accounts: int = option(8, "accounts", least=2)
    amount_max: int = option(10, "the largest amount moved at once; 1 is the smallest", least=1)
    snapshots_percent: int = option(50, "share of snapshots; the rest are transfers", most=100)


@dataclass(frozen=True, slots=True)
class Bank:
    """The workload.  All accounts begin with nothing, and may owe."""

    options: BankOptions = BankOptions()
    name: str = "bank"

    def generator(self, rng: random.Random) -> Generator:
        return Phases((*self._opening(), Transfers(self.options, draws_from(rng))))

    def final_generator(self, calls: Iterable[Call]) -> Generator:
        del calls
        return Phases((*self._opening(), EachWorker(once(_snapshot(self.options)))))

    def _opening(self) -> Iterable[Generator]:
        """An account exists once something was moved, if only nothing at all."""
        first, *others = _accounts(self.options)
        for account in others:
            yield UntilOk(Repeat(once(Transfer(STORE, first, account, 0))))

    def to_request(self, call: Call) -> Request:
        return request_of(call, Consistency.LINEARIZABLE)

    def checkers(self) -> tuple[Checker, ...]:
        return (
            BankChecker(total=0, may_owe=True),
            VacuityChecker(acknowledged_min=50, reads_min=0, concurrency_min=2),
        )


@dataclass(frozen=True, slots=True)
class Transfers:
    """The endless mixture of transfers and snapshots."""

    options: BankOptions
    draws: Draws

    def next(self, context: Context) -> tuple[Step, Generator]:
        if not context.free:
            return PENDING, self
        number, draws = draw(self.draws)
        call: Call = _snapshot(self.options)
        if (number >> 32) % 100 >= self.options.snapshots_percent:
            accounts = _accounts(self.options)
            source = number % len(accounts)
            target = (source + 1 + (number >> 16) % (len(accounts) - 1)) % len(accounts)
            amount = 1 + (number >> 48) % self.options.amount_max
            call = Transfer(STORE, accounts[source], accounts[target], amount)
        return Invoke(context.free[0], call), Transfers(self.options, draws)

    def update(self, completion: Completion) -> Generator:  # noqa: ARG002  # Part of the protocol.
        return self


def _accounts(options: BankOptions) -> tuple[str, ...]:
    return tuple(f"a{number}" for number in range(options.accounts))


def _snapshot(options: BankOptions) -> Txn:
    return Txn(STORE, tuple(map(Read, _accounts(options))))


WORKLOAD: Final = Bank()
