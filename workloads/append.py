"""Transactions that append to lists and read them (Elle's list-append).

Finds: every anomaly of Adya's in its list variants, since a read shows the order of all
writes before it: the strongest test of isolation here.  Misses: what only predicates see.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from checker.base import Checker
from checker.stats import VacuityChecker
from checker.transactions.check import TransactionChecker
from histories.call import Append, Call
from system_under_test.gossip_raft.core.client_session import Request
from system_under_test.gossip_raft.core.messages import Consistency
from workloads.client import request_of
from workloads.draws import draws_from
from workloads.generator import Generator
from workloads.transactional import DEFAULT_TXNS, TxnOptions, read_written, txn_calls


@dataclass(frozen=True, slots=True)
class ListAppend:
    """The workload."""

    options: TxnOptions = DEFAULT_TXNS
    name: str = "append"

    def generator(self, rng: random.Random) -> Generator:
        return txn_calls(self.options, Append, draws_from(rng))

    def final_generator(self, calls: Iterable[Call]) -> Generator:
        return read_written(calls, self.options.final_keys_max)

    def to_request(self, call: Call) -> Request:
        return request_of(call, Consistency.LINEARIZABLE)

    def checkers(self) -> tuple[Checker, ...]:
        return (
            TransactionChecker("append"),
            VacuityChecker(acknowledged_min=50, reads_min=0, concurrency_min=2),
        )
