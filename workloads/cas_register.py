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
from histories.call import Call, CompareAndSet, Write
from histories.op import ProcessId
from workloads.keyed import Distribution, Key, KeyedWorkload, pick
from workloads.options import option
from workloads.register import RegisterOptions, register_call


@dataclass(frozen=True, slots=True, kw_only=True)
class CasRegisterOptions(RegisterOptions):
    """As those of registers, but most calls are compare-and-sets."""

    reads_percent: int = option(25, "share of reads", most=100)
    writes_percent: int = option(30, "share of blind writes in what is not read", most=100)
    ops_per_key: int = option(60, "calls after which a key is replaced by a new one", least=1)
    values: int = option(5, "values that a register may hold, beside nothing", least=1, most=1000)
    value_distribution: Distribution = option(Distribution.UNIFORM, "of the values installed")


def _call(options: CasRegisterOptions, key: Key, process: ProcessId, number: int) -> Call:
    rest = number // 100
    value = 1 + pick(options.value_distribution, options.values, rest)
    match register_call(options, key, process, number):
        case Write(key=name):
            return Write(name, value)
        case CompareAndSet(key=name, expected=seen):
            # Half of them expect what was seen last, or hardly any would succeed.
            guess, wild = 1 + rest // options.values % options.values, rest // options.values**2 % 2
            return CompareAndSet(name, guess if wild else seen, value)
        case call:
            return call


WORKLOAD: Final = KeyedWorkload(
    name="cas-register",
    options=CasRegisterOptions(),
    call=_call,
    judges=(LinearizabilityChecker(CasRegister()),),
)
