"""Independent registers: reads, writes and compare-and-sets on a few keys at a time.

Finds: stale and dirty reads, lost and repeated writes, a compare-and-set that succeeds
twice.  Misses: whatever needs more than one key to be seen.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from checker.base import Checker
from checker.linearizability.check import LinearizabilityChecker
from checker.models.register import CasRegister
from checker.stats import VacuityChecker
from histories.call import Call, CompareAndSet, Read, Write
from histories.op import ProcessId
from system_under_test.gossip_raft.core.client_session import Request
from system_under_test.gossip_raft.core.messages import Consistency
from workloads.client import request_of
from workloads.draws import draws_from
from workloads.generator import Generator
from workloads.keyed import DEFAULT_KEYS, Key, KeyOptions, keyed_calls, read_recent


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterOptions:
    """How calls are distributed.

    Attributes:
        keys: Over keys.
        reads_percent: Share of reads.
        writes_percent: Share of blind writes; the rest are compare-and-sets.
        consistency: Of the reads.
    """

    keys: KeyOptions = DEFAULT_KEYS
    reads_percent: int = 40
    writes_percent: int = 30
    consistency: Consistency = Consistency.LINEARIZABLE

    def __post_init__(self) -> None:
        assert self.reads_percent + self.writes_percent <= 100, self


@dataclass(frozen=True, slots=True)
class Register:
    """The workload.  The n-th call on a key writes n if it writes."""

    options: RegisterOptions = RegisterOptions()
    name: str = "register"

    def generator(self, rng: random.Random) -> Generator:
        return keyed_calls(self.options.keys, self._call, draws_from(rng))

    def final_generator(self, calls: Iterable[Call]) -> Generator:
        return read_recent(calls, self.options.keys.final_keys_max)

    def to_request(self, call: Call) -> Request:
        return request_of(call, self.options.consistency)

    def checkers(self) -> tuple[Checker, ...]:
        return (
            LinearizabilityChecker(CasRegister()),
            VacuityChecker(acknowledged_min=50, reads_min=10, concurrency_min=2),
        )

    def _call(self, key: Key, _: ProcessId, number: int) -> Call:
        kind = number % 100
        if kind < self.options.reads_percent:
            return Read(key.name)
        if kind < self.options.reads_percent + self.options.writes_percent:
            return Write(key.name, key.unique)
        return CompareAndSet(key.name, key.observed, key.unique)
