"""Independent locks with fencing tokens, built on compare-and-set.

A process acquires a lock and, if it got it, releases it next.  Whoever gets a lock is given
the place of its entry in the log, which only grows, as a token (Kleppmann 2016).  If nobody
knows whether a process got it, or gave it back, its successor releases it in its name.

Finds: a lock held by two at a time, a release by whoever does not hold it, a token that does
not grow: whatever makes a compare-and-set succeed that must not.
Misses: stale reads, as nothing is read.  A lock that is held for long shows little, and one
whose holder's fate stays unknown nothing more: so keys are many and live short.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from checker.linearizability.check import LinearizabilityChecker
from checker.models.locks import FencedMutex
from histories.call import Acquire, Call, Indeterminate, Ok, Release
from histories.op import ProcessId
from workloads.generator import Completion, Context, Generator, Invoke, Sequence, Step
from workloads.keyed import Key, KeyedWorkload, KeyOptions


@dataclass(frozen=True, slots=True)
class LockCalls:
    """Acquisitions as ``acquire`` has them; whoever is to release something does so first.

    ``due`` are the releases to be made, each by the worker of its owner.
    """

    acquire: Generator
    due: tuple[Release, ...] = ()

    def next(self, context: Context) -> tuple[Step, Generator]:
        free = {process % context.concurrency: process for process in context.free}
        for at, release in enumerate(self.due):
            process = free.get(_owner(release) % context.concurrency)
            if process is not None:
                rest = (*self.due[:at], *self.due[at + 1 :])
                return Invoke(process, release), replace(self, due=rest)
        step, acquire = self.acquire.next(context)
        return step, replace(self, acquire=acquire)

    def update(self, completion: Completion) -> Generator:
        match completion.call, completion.outcome:
            case Acquire(key=key, owner=owner), Ok() | Indeterminate():
                return LockCalls(self.acquire.update(completion), (*self.due, Release(key, owner)))
            case Acquire(), _:
                return replace(self, acquire=self.acquire.update(completion))
            case Release() as release, Indeterminate():
                return replace(self, due=(*self.due, release))
            case _:
                return self


def _owner(release: Release) -> int:
    assert isinstance(release.owner, int), "owners are processes"
    return release.owner


def _call(options: KeyOptions, key: Key, process: ProcessId, number: int) -> Call:
    del options, number
    return Acquire(key.name, process)


def _one_more(calls: Iterable[Call], keys_max: int) -> Generator:
    """A lock that nobody holds."""
    del calls, keys_max
    return Sequence((Acquire("final", "final"),))


WORKLOAD: Final = KeyedWorkload(
    name="lock",
    options=KeyOptions(keys_active=10, ops_per_key=30, concurrency_per_key_max=3),
    call=_call,
    judges=(LinearizabilityChecker(FencedMutex()),),
    around=LockCalls,
    last=_one_more,
    reads_min=0,
    acknowledged_min=20,
)
