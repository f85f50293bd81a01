"""Independent counters: increments that answer the sum, and reads.

Finds: increments lost or repeated (each sum is answered once), and stale reads.
Misses: which of several increments was lost.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from checker.base import Checker
from checker.linearizability.check import LinearizabilityChecker
from checker.models.counter import Counter
from checker.stats import VacuityChecker
from histories.call import Call, Increment, Read
from histories.op import ProcessId
from system_under_test.gossip_raft.core.client_session import Request
from system_under_test.gossip_raft.core.messages import Consistency
from workloads.client import request_of
from workloads.draws import draws_from
from workloads.generator import Generator
from workloads.keyed import SHORT_LIVED_KEYS, Key, KeyOptions, keyed_calls, read_recent


@dataclass(frozen=True, slots=True)
class Counters:
    """The workload: increments by 1 to 5."""

    options: KeyOptions = SHORT_LIVED_KEYS
    name: str = "counter"

    def generator(self, rng: random.Random) -> Generator:
        return keyed_calls(self.options, _call, draws_from(rng))

    def final_generator(self, calls: Iterable[Call]) -> Generator:
        return read_recent(calls, self.options.final_keys_max)

    def to_request(self, call: Call) -> Request:
        return request_of(call, Consistency.LINEARIZABLE)

    def checkers(self) -> tuple[Checker, ...]:
        return (
            LinearizabilityChecker(Counter()),
            VacuityChecker(acknowledged_min=50, reads_min=10, concurrency_min=2),
        )


def _call(key: Key, _: ProcessId, number: int) -> Call:
    return Read(key.name) if number % 100 < 40 else Increment(key.name, 1 + number % 5)
