"""Independent queues: elements are put in and taken out, and the queues drained at the end.

Every element is put in once, and both kinds of call go through the log, as both change the
queue.  At the end the latest queues are emptied, so that what is still in them is seen.

Finds: elements lost, doubled, out of order or out of nowhere.
Misses: stale reads, since nothing is read without being taken; and a dequeue of unknown
outcome, which may have taken an element, excuses the loss of one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from checker.linearizability.check import LinearizabilityChecker
from checker.models.queues import Queue
from histories.call import Call, Dequeue, Enqueue, Ok
from histories.op import ProcessId
from workloads.generator import EXHAUSTED, PENDING, Completion, Context, Generator, Invoke, Step
from workloads.keyed import Key, KeyedWorkload, KeyOptions
from workloads.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOptions(KeyOptions):
    """The rest of the calls put elements in."""

    ops_per_key: int = option(100, "calls after which a key is replaced by a new one", least=1)
    dequeues_percent: int = option(40, "share of dequeues", most=100)


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


def _call(options: QueueOptions, key: Key, process: ProcessId, number: int) -> Call:
    del process
    if number % 100 < options.dequeues_percent:
        return Dequeue(key.name)
    return Enqueue(key.name, key.unique)


def _drained(calls: Iterable[Call], keys_max: int) -> Generator:
    recent = dict.fromkeys(call.key for call in reversed(tuple(calls)))
    return Drain(tuple(recent)[:keys_max])


WORKLOAD: Final = KeyedWorkload(
    name="queue",
    options=QueueOptions(),
    call=_call,
    judges=(LinearizabilityChecker(Queue()),),
    last=_drained,
    reads_min=0,
)
