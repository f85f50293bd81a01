"""Independent locks with fencing tokens, built on compare-and-set.

A process acquires a lock and, if it got one, releases it next.  Finds: a lock held by two
at a time, a token that does not grow.  Misses: whatever no lock shows; and a lock whose
holder's fate is unknown is of no more use until its key is replaced.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace

from checker.base import Checker
from checker.linearizability.check import LinearizabilityChecker
from checker.models.locks import FencedMutex
from checker.stats import VacuityChecker
from histories.call import Acquire, Call, Ok, Release
from histories.op import ProcessId
from system_under_test.gossip_raft.core.client_session import Request
from system_under_test.gossip_raft.core.messages import Consistency
from workloads.client import request_of
from workloads.draws import draws_from
from workloads.generator import Completion, Context, Generator, Invoke, Sequence, Step
from workloads.keyed import SHORT_LIVED_KEYS, Key, KeyOptions, keyed_calls


@dataclass(frozen=True, slots=True)
class Locks:
    """The workload."""

    options: KeyOptions = SHORT_LIVED_KEYS
    name: str = "lock"

    def generator(self, rng: random.Random) -> Generator:
        return LockCalls(keyed_calls(self.options, _call, draws_from(rng)), ())

    def final_generator(self, calls: Iterable[Call]) -> Generator:  # noqa: ARG002
        """One more lock, which nobody holds."""
        return Sequence((Acquire("final", "final"),))

    def to_request(self, call: Call) -> Request:
        return request_of(call, Consistency.LINEARIZABLE)

    def checkers(self) -> tuple[Checker, ...]:
        return (
            LinearizabilityChecker(FencedMutex()),
            VacuityChecker(acknowledged_min=10, reads_min=0, concurrency_min=2),
        )


@dataclass(frozen=True, slots=True)
class LockCalls:
    """Acquisitions as ``acquire`` has them; whoever of ``holding`` is free releases first."""

    acquire: Generator
    holding: tuple[tuple[ProcessId, str], ...]

    def next(self, context: Context) -> tuple[Step, Generator]:
        for process, key in self.holding:
            if process in context.free:
                rest = tuple(held for held in self.holding if held != (process, key))
                return Invoke(process, Release(key, process)), replace(self, holding=rest)
        step, acquire = self.acquire.next(context)
        return step, replace(self, acquire=acquire)

    def update(self, completion: Completion) -> Generator:
        call = completion.call
        if not isinstance(call, Acquire):
            return self
        holding = self.holding
        if isinstance(completion.outcome, Ok):
            holding = (*holding, (completion.process, call.key))
        return LockCalls(self.acquire.update(completion), holding)


def _call(key: Key, process: ProcessId, _: int) -> Call:
    return Acquire(key.name, process)
