"""Registers that are read, changed and swapped in, again until the swap succeeds.

A process reads a register and swaps in a new value if it still holds the one that was read; if
it does not, it tries again with what it holds instead.  All processes want the same few
registers, so most first attempts fail: the loop of optimistic concurrency control.

Finds: lost updates, a swap that succeeds twice or against a value that was gone; and, with
``retries=exactly-once``, swaps that the cluster executes again or whose answer is another's.
Misses: blind writes and whatever only they show, as there are none; what needs more than one
key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from checker.linearizability.check import LinearizabilityChecker
from checker.models.register import CasRegister
from histories.call import Call, CompareAndSet, Ok, Read, Scalar, Value
from histories.op import ProcessId
from workloads.generator import Completion, Context, Generator, Invoke, Step
from workloads.keyed import Key, KeyedCalls, KeyedWorkload, KeyOptions
from workloads.options import option


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopOptions(KeyOptions):
    """Keys are the registers; calls that count are the reads that begin a loop."""

    keys_active: int = option(2, "registers in use at one time", least=1)
    ops_per_key: int = option(60, "loops after which a register is replaced", least=1)


@dataclass(frozen=True, slots=True)
class Loops:
    """Reads as ``begin`` has them; whoever has seen a value swaps before it reads again.

    ``seen`` has the register and its value of every process inside its loop.  Swaps are
    numbered from 1, and what they swap in is their number.
    """

    begin: Generator
    seen: tuple[tuple[ProcessId, str, Scalar], ...] = ()
    swaps: int = 0

    def next(self, context: Context) -> tuple[Step, Generator]:
        free = {process % context.concurrency: process for process in context.free}
        for at, (reader, key, value) in enumerate(self.seen):
            # A client that was replaced meanwhile leaves its loop to its successor.
            process = free.get(reader % context.concurrency)
            if process is not None:
                rest = (*self.seen[:at], *self.seen[at + 1 :])
                swap = CompareAndSet(key, value, self.swaps + 1)
                return Invoke(process, swap), Loops(self.begin, rest, self.swaps + 1)
        step, begin = self.begin.next(context)
        return step, replace(self, begin=begin)

    def update(self, completion: Completion) -> Generator:
        call, outcome = completion.call, completion.outcome
        begin = self.begin.update(completion) if isinstance(call, Read) else self.begin
        seen = self.seen
        if isinstance(outcome, Ok) and not _is_done(call, outcome.values[0]):
            held = outcome.values[0]
            assert not isinstance(held, tuple), "registers hold single values"
            seen = (*seen, (completion.process, call.key, held))
        return Loops(begin, seen, self.swaps)


def _is_done(call: Call, held: Value) -> bool:
    return isinstance(call, CompareAndSet) and call.expected == held


def _call(options: LoopOptions, key: Key, process: ProcessId, number: int) -> Call:
    del options, process, number
    return Read(key.name)


def _around(calls: KeyedCalls) -> Generator:
    return Loops(calls)


WORKLOAD: Final = KeyedWorkload(
    name="read-modify-write",
    options=LoopOptions(),
    call=_call,
    judges=(LinearizabilityChecker(CasRegister()),),
    around=_around,
)
