"""Identifiers that must all differ, drawn from one counter.

Every call is answered with what the counter holds after it, and nothing else is asked of the
answers than that none is given twice: neither their order nor that none is left out.

Finds: a request that was forgotten after it was answered, whenever the next client is given
the same; an answer that two clients get.
Misses: gaps, which are allowed: so also a request that is executed twice; stale reads; and
answers in the wrong order (see counter for all of these).
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from checker.base import Checker
from checker.stats import VacuityChecker
from checker.workloads.unique_ids import UniqueIdsChecker
from histories.call import Call, GenerateId
from system_under_test.gossip_raft.core.client_session import Request
from system_under_test.gossip_raft.core.messages import Consistency
from workloads.client import request_of
from workloads.generator import EachWorker, Generator, Repeat, once
from workloads.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class IdOptions:
    """How many are drawn when everything was healed."""

    final_ids: int = option(5, "identifiers that each worker draws at the end", least=1)


@dataclass(frozen=True, slots=True)
class Ids:
    """The workload."""

    options: IdOptions = IdOptions()
    name: str = "unique-ids"

    def generator(self, rng: random.Random) -> Generator:
        del rng  # All calls are alike.
        return Repeat(once(GenerateId("ids")))

    def final_generator(self, calls: Iterable[Call]) -> Generator:
        del calls
        return EachWorker(Repeat(once(GenerateId("ids")), self.options.final_ids))

    def to_request(self, call: Call) -> Request:
        return request_of(call, Consistency.LINEARIZABLE)

    def checkers(self) -> tuple[Checker, ...]:
        return (
            UniqueIdsChecker(),
            VacuityChecker(acknowledged_min=20, reads_min=0, concurrency_min=2),
        )


WORKLOAD: Final = Ids()
