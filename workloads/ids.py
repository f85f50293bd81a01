"""Identifiers that must all differ, drawn from counters.

Finds: a request executed twice or forgotten after it was answered, whenever two clients are
given the same.  Misses: gaps, which are allowed.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from checker.base import Checker
from checker.stats import VacuityChecker
from checker.workloads.unique_ids import UniqueIdsChecker
from histories.call import Call, GenerateId
from system_under_test.gossip_raft.core.client_session import Request
from system_under_test.gossip_raft.core.messages import Consistency
from workloads.client import request_of
from workloads.generator import Generator, Repeat, once


@dataclass(frozen=True, slots=True)
class Ids:
    """The workload."""

    name: str = "unique-ids"

    def generator(self, rng: random.Random) -> Generator:  # noqa: ARG002  # All calls are alike.
        return Repeat(once(GenerateId("ids")))

    def final_generator(self, calls: Iterable[Call]) -> Generator:  # noqa: ARG002
        return once(GenerateId("ids"))

    def to_request(self, call: Call) -> Request:
        return request_of(call, Consistency.LINEARIZABLE)

    def checkers(self) -> tuple[Checker, ...]:
        return (
            UniqueIdsChecker(),
            VacuityChecker(acknowledged_min=50, reads_min=0, concurrency_min=2),
        )
