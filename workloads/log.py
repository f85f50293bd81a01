"""The replicated log itself: batches of raw entries (``put_all``), read back by any node.

Nothing interprets what is appended, and a read shows what the node asked has applied, which
may be behind, but must be a beginning of the one log there is.  Batches are atomic: their
entries stand in one piece.  An entry without content is a batch of its own.  At the end one
more batch is acknowledged and then the log read, so that whatever is missing before it is lost.

Finds: acknowledged entries lost, entries doubled, torn batches, an order against real time, and
nodes whose logs differ.
Misses: stale reads, which are allowed here (of what is applied, not of keys); which of the
entries without content is which; everything about the state machine.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from checker.base import Checker
from checker.stats import VacuityChecker
from checker.workloads.log import LogChecker
from histories.call import Append, Call, Read, Txn
from histories.op import Nanos
from system_under_test.gossip_raft.core.client_session import Execute, Request
from system_under_test.gossip_raft.core.messages import ReadLog
from system_under_test.gossip_raft.core.types import LogIndex, Raw
from workloads.client import json_of_entry
from workloads.combinators import Delay, UntilOk
from workloads.draws import Draws, draw, draws_from
from workloads.errors import UnsupportedCall
from workloads.generator import (
    PENDING,
    Completion,
    Context,
    EachWorker,
    Generator,
    Invoke,
    Phases,
    Repeat,
    Step,
    once,
)
from workloads.options import option

LOG: Final = "log"
ENTRIES_MAX: Final = 1_000_000
"""Of one answer; what a node gives at once has limits of its own."""

EMPTY: Final = Txn(LOG, (Append(LOG, None),))

LAST_READS: Final = 3
LAST_READS_APART: Final = Nanos(300_000_000)
"""So that nodes which are behind have caught up with the last batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """What is appended, and how often all of it is read."""

    batch_max: int = option(3, "entries of a batch; each number from 1 is as likely", least=1)
    reads_percent: int = option(5, "share of reads, each of the whole log", most=100)
    empty_percent: int = option(5, "share of batches that are one entry without content", most=100)


@dataclass(frozen=True, slots=True)
class RawLog:
    """The workload.  Entries are numbered from 1, in the order in which they are sent."""

    options: LogOptions = LogOptions()
    name: str = "log"

    def generator(self, rng: random.Random) -> Generator:
        return LogCalls(self.options, draws_from(rng))

    def final_generator(self, calls: Iterable[Call]) -> Generator:
        sent = max((_last(call) for call in calls if isinstance(call, Txn)), default=0)
        # Recovery is tested with the first call again and again: it must be one that may be.
        only_appends = LogOptions(batch_max=1, reads_percent=0, empty_percent=0)
        last = UntilOk(LogCalls(only_appends, Draws(0), sent))
        reads = Delay(LAST_READS_APART, Repeat(once(Read(LOG)), LAST_READS))
        return Phases((once(Read(LOG)), last, EachWorker(reads)))

    def to_request(self, call: Call) -> Request:
        match call:
            case Read():
                return ReadLog(LogIndex(1), ENTRIES_MAX)
            case Txn(micro=micro):
                elements = [step.element for step in micro if isinstance(step, Append)]
                return Execute(tuple(Raw(json_of_entry(element)) for element in elements))
            case _:
                raise UnsupportedCall(call)

    def checkers(self) -> tuple[Checker, ...]:
        return (LogChecker(), VacuityChecker(acknowledged_min=50, reads_min=5, concurrency_min=2))


@dataclass(frozen=True, slots=True)
class LogCalls:
    """The endless mixture; ``sent`` is the number of the latest entry."""

    options: LogOptions
    draws: Draws
    sent: int = 0

    def next(self, context: Context) -> tuple[Step, Generator]:
        if not context.free:
            return PENDING, self
        number, draws = draw(self.draws)
        if number % 100 < self.options.reads_percent:
            return Invoke(context.free[0], Read(LOG)), LogCalls(self.options, draws, self.sent)
        if (number >> 16) % 100 < self.options.empty_percent:
            return Invoke(context.free[0], EMPTY), LogCalls(self.options, draws, self.sent)
        last = self.sent + 1 + (number >> 32) % self.options.batch_max
        batch = tuple(Append(LOG, entry) for entry in range(self.sent + 1, last + 1))
        return Invoke(context.free[0], Txn(LOG, batch)), LogCalls(self.options, draws, last)

    def update(self, completion: Completion) -> Generator:  # noqa: ARG002  # Part of the protocol.
        return self


def _last(batch: Txn) -> int:
    """The latest number in ``batch``; 0 of one without."""
    step = batch.micro[-1]
    assert isinstance(step, Append), "a batch only appends"
    return step.element if isinstance(step.element, int) else 0


WORKLOAD: Final = RawLog()
