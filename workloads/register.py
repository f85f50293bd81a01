"""Independent registers: reads, writes and compare-and-sets of values that never come back.

Every value is written to its key once, and most compare-and-sets expect what the key was
last seen to hold, so that about half of them succeed.  A mismatch answers what was held
instead, so it says as much as a read.

Finds: stale and dirty reads, lost and repeated writes, a compare-and-set that succeeds
twice, answers that belong to another call.
Misses: whatever needs more than one key to be seen (see multi-register, append), and what
only shows when a value returns (see cas-register).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from checker.linearizability.check import LinearizabilityChecker
from checker.models.register import CasRegister
from histories.call import Call, CompareAndSet, Read, Write
from histories.op import ProcessId
from workloads.keyed import Key, KeyedWorkload, MixOptions
from workloads.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterOptions(MixOptions):
    """The rest of the calls are compare-and-sets."""

    writes_percent: int = option(50, "share of blind writes in what is not read", most=100)


def register_call(options: RegisterOptions, key: Key, process: ProcessId, number: int) -> Call:
    """As ``MakeCall``; the n-th call on a key writes n if it writes."""
    del process
    kind = number % 100
    if kind < options.reads_percent:
        return Read(key.name)
    changes_percent = 100 - options.reads_percent
    if (kind - options.reads_percent) * 100 < changes_percent * options.writes_percent:
        return Write(key.name, key.unique)
    return CompareAndSet(key.name, key.observed, key.unique)


WORKLOAD: Final = KeyedWorkload(
    name="register",
    options=RegisterOptions(),
    call=register_call,
    judges=(LinearizabilityChecker(CasRegister()),),
)
