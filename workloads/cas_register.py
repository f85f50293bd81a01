"""Independent registers that hold few values: mostly compare-and-sets (Jepsen's cas-register).

Values are drawn from a handful and come back all the time, so a read does not name the
write that it saw, and a compare-and-set may succeed by chance.

Finds: what register finds, and what shows only when a value returns: a compare-and-set that
is executed again after somebody restored what it expects.
Misses: more than register does of the rest, as a stale value may be the present one as well;
and the search for an order costs more, so keys are replaced sooner.
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
class CasRegisterOptions(MixOptions):
    """The rest of the calls are compare-and-sets."""

    reads_percent: int = option(25, "share of reads", most=50)
    writes_percent: int = option(25, "share of blind writes; the rest is cas", most=50)
    ops_per_key: int = option(60, "calls after which a key is replaced by a new one", least=1)
    values: int = option(5, "values that a register may hold, beside nothing", least=1)


def _call(options: CasRegisterOptions, key: Key, process: ProcessId, number: int) -> Call:
    del process
    kind, rest = number % 100, number // 100
    if kind < options.reads_percent:
        return Read(key.name)
    value = 1 + rest % options.values
    if kind < options.reads_percent + options.writes_percent:
        return Write(key.name, value)
    # Half of them expect what was seen last, or hardly any would succeed.
    guess: int = 1 + rest // options.values % options.values
    seen = key.observed if rest // options.values // options.values % 2 else guess
    return CompareAndSet(key.name, seen, value)


WORKLOAD: Final = KeyedWorkload(
    name="cas-register",
    options=CasRegisterOptions(),
    call=_call,
    judges=(LinearizabilityChecker(CasRegister()),),
)
