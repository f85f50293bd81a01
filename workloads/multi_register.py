"""Registers in small groups, of which several are read and written as one operation.

An operation is a transaction on one group: it reads some of its registers and writes others,
each value once.  Groups are independent objects, judged for linearizability by search (Jepsen's
multi-register: a map of registers).

Finds: stale, torn and skewed reads, writes of a transaction that come or go by themselves: all
that strict serializability forbids, in the order of real time, too.
Misses: what only shows between groups, and in groups with many calls of unknown outcome the
search may be given up, which is said to be unknown (wr and append judge any number).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from checker.linearizability.check import LinearizabilityChecker
from checker.models.store import MultiRegister
from histories.call import Call, Micro, Read, Txn, Write
from histories.op import ProcessId
from workloads.generator import EachWorker, Generator, Sequence
from workloads.keyed import Key, KeyedWorkload, KeyOptions
from workloads.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiRegisterOptions(KeyOptions):
    """Keys are the groups."""

    ops_per_key: int = option(60, "calls after which a group is replaced by a new one", least=1)
    concurrency_per_key_max: int = option(4, "calls in flight on one group", least=1)
    registers: int = option(3, "registers of a group", least=1, most=10)
    reads_percent: int = option(50, "share of transactions that only read", most=100)


def _call(options: MultiRegisterOptions, key: Key, process: ProcessId, number: int) -> Call:
    """Reads all, or at random reads or writes each of the group or leaves it alone."""
    del process
    names = [_register(key.name, at) for at in range(options.registers)]
    kind, rest = number % 100, number // 100
    if kind < options.reads_percent:
        return Txn(key.name, tuple(map(Read, names)))
    steps: list[Micro] = []
    for at, name in enumerate(names):
        what = rest >> 2 * at & 3
        if what == 1 or (what == 0 and at == key.unique % len(names)):
            steps.append(Read(name))
        elif what != 0:
            steps.append(Write(name, key.unique))
    return Txn(key.name, tuple(steps))


def _register(group: str, at: int) -> str:
    return f"{group}.{at}"


def _read_recent(calls: Iterable[Call], keys_max: int) -> Generator:
    """Every worker reads all registers that the latest calls on each group were on."""
    used: dict[str, dict[str, None]] = {}
    for call in reversed(tuple(calls)):
        if isinstance(call, Txn):
            used.setdefault(call.key, {}).update(dict.fromkeys(step.key for step in call.micro))
    reads = [Txn(group, tuple(map(Read, sorted(keys)))) for group, keys in used.items()]
    return EachWorker(Sequence(tuple(reads[:keys_max])))


WORKLOAD: Final = KeyedWorkload(
    name="multi-register",
    options=MultiRegisterOptions(),
    call=_call,
    judges=(LinearizabilityChecker(MultiRegister()),),
    last=_read_recent,
    reads_min=0,
)
