"""Transactions that write registers and read them (Elle's rw-register).

Finds: lost updates, write skew, aborted and intermediate reads.  Misses: much of what
``append`` finds, since a read shows one write and not their order.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from checker.base import Checker
from checker.stats import VacuityChecker
from checker.transactions.check import TransactionChecker
from histories.call import Call, Write
from system_under_test.gossip_raft.core.client_session import Request
from system_under_test.gossip_raft.core.messages import Consistency
from workloads.client import request_of
from workloads.draws import draws_from
from workloads.generator import Generator
from workloads.transactional import DEFAULT_TXNS, TxnOptions, read_written, txn_calls


@dataclass(frozen=True, slots=True)
class ReadWriteRegister:
    """The workload."""

    options: TxnOptions = DEFAULT_TXNS
    name: str = "wr"

    def generator(self, rng: random.Random) -> Generator:
        return txn_calls(self.options, Write, draws_from(rng))

    def final_generator(self, calls: Iterable[Call]) -> Generator:
        return read_written(calls, self.options.final_keys_max)

    def to_request(self, call: Call) -> Request:
        return request_of(call, Consistency.LINEARIZABLE)

    def checkers(self) -> tuple[Checker, ...]:
        return (
            TransactionChecker("wr"),
            VacuityChecker(acknowledged_min=50, reads_min=0, concurrency_min=2),
        )
