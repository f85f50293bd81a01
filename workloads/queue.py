"""Independent queues, drained at the end.

Finds: elements lost, doubled, out of order or out of nowhere.  Misses: stale reads, since
dequeues go through the log.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from checker.base import Checker
from checker.linearizability.check import LinearizabilityChecker
from checker.models.queues import Queue
from checker.stats import VacuityChecker
from histories.call import Call, Dequeue, Enqueue, Ok
from histories.op import ProcessId
from system_under_test.gossip_raft.core.client_session import Request
from system_under_test.gossip_raft.core.messages import Consistency
from workloads.client import request_of
from workloads.draws import draws_from
from workloads.generator import EXHAUSTED, PENDING, Completion, Context, Generator, Invoke, Step
from workloads.keyed import SHORT_LIVED_KEYS, Key, KeyOptions, keyed_calls


@dataclass(frozen=True, slots=True)
class Queues:
    """The workload.  The n-th call on a key enqueues n if it enqueues."""

    options: KeyOptions = SHORT_LIVED_KEYS
    name: str = "queue"

    def generator(self, rng: random.Random) -> Generator:
        return keyed_calls(self.options, _call, draws_from(rng))

    def final_generator(self, calls: Iterable[Call]) -> Generator:
        recent = dict.fromkeys(call.key for call in reversed(tuple(calls)))
        return Drain(tuple(recent)[: self.options.final_keys_max])

    def to_request(self, call: Call) -> Request:
        return request_of(call, Consistency.LINEARIZABLE)

    def checkers(self) -> tuple[Checker, ...]:
        return (
            LinearizabilityChecker(Queue()),
            VacuityChecker(acknowledged_min=50, reads_min=0, concurrency_min=2),
        )


@dataclass(frozen=True, slots=True)
class Drain:
    """Dequeues from the first of ``keys`` until it is seen empty, then from the next."""

    keys: tuple[str, ...]

    def next(self, context: Context) -> tuple[Step, Generator]:
        if not self.keys:
            return EXHAUSTED, self
        if not context.free:
            return PENDING, self
        return Invoke(context.free[0], Dequeue(self.keys[0])), self

    def update(self, completion: Completion) -> Generator:
        if completion.outcome != Ok():
            return self
        return Drain(tuple(key for key in self.keys if key != completion.call.key))


def _call(key: Key, _: ProcessId, number: int) -> Call:
    return Dequeue(key.name) if number % 100 < 40 else Enqueue(key.name, key.unique)
