"""Groups of registers, each written once and alone, and snapshots of whole groups (long-fork).

Two writes to a group are under way at a time, and between them transactions read all of its
registers.  Of two snapshots one must have all that the other has: else two observers saw the
same two writes in opposite orders (Sovran et al. 2011; Jepsen's long-fork).

Finds: what parallel snapshot isolation allows and snapshot isolation does not: forks of the
state that are joined again, as when two leaders serve at a time.
Misses: whatever happens to a register after its one write, and all that a single snapshot
shows (see bank, append).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from checker.workloads.orders import LongForkChecker
from histories.call import Call, Read, Txn, Write
from histories.op import ProcessId
from workloads.generator import EachWorker, Generator, Sequence
from workloads.keyed import Key, KeyedWorkload, KeyOptions
from workloads.options import option

_TURN: Final = 6
"""Calls on a group from one pair of writes to the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LongForkOptions(KeyOptions):
    """Keys are the groups."""

    keys_active: int = option(3, "groups in use at one time", least=1)
    ops_per_key: int = option(30, "calls after which a group is replaced by a new one", least=1)
    registers: int = option(10, "registers of a group", least=2)


def _call(options: LongForkOptions, key: Key, process: ProcessId, number: int) -> Call:
    del process, number
    turn, at = divmod(key.calls, _TURN)
    register = 2 * turn + at
    if at < 2 and register < options.registers:
        return Txn(key.name, (Write(_register(key.name, register), 1),))
    return _snapshot(key.name, options.registers)


def _register(group: str, at: int) -> str:
    return f"{group}.{at}"


def _snapshot(group: str, registers: int) -> Txn:
    return Txn(group, tuple(Read(_register(group, at)) for at in range(registers)))


def _snapshots(calls: Iterable[Call], keys_max: int) -> Generator:
    """Every worker reads the latest groups that were read as a whole."""
    whole = [c for c in calls if isinstance(c, Txn) and len(c.micro) > 1]
    latest = {call.key: call for call in reversed(whole)}
    return EachWorker(Sequence(tuple(latest.values())[:keys_max]))


WORKLOAD: Final = KeyedWorkload(
    name="long-fork",
    options=LongForkOptions(),
    call=_call,
    judges=(LongForkChecker(),),
    last=_snapshots,
    reads_min=0,
)
