"""Histories of one compare-and-set register as ops, some with a bad answer near their end.

Every op took effect at one random instant, most of them on values that many others
write too.  Crashed ops took effect at some time or never.
"""

from __future__ import annotations

import heapq
import random
from dataclasses import dataclass
from enum import Enum
from typing import Final

from msgspec.structs import replace

from histories.call import Call, CompareAndSet, Indeterminate, Ok, Read, Scalar, Write
from histories.history import History
from histories.op import FOREVER, Nanos, Op, ProcessId

_SPAN: Final = 1_000_000
"""The longest an op takes, twice over, in nanoseconds."""


class Fault(Enum):
    """What is wrong near the end."""

    NOTHING = "valid"
    MADE_UP = "made up"
    """A read of what nobody wrote."""
    STALE = "stale"
    """A read of what was written once, in the middle, and overwritten since."""
    MIXED_UP = "mixed up"
    """Some reads of any of the values, so that only a search can tell."""
    WORN_OUT = "worn out"
    """Reads at the very end that find the value changed more often than there are crashed
    ops that may have done it: certainly wrong, and only counting them tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``values`` None makes every value unique; ``crashed`` is a share of the ops."""

    ops: int
    clients: int
    values: int | None = 5
    crashed: float = 0.0
    fault: Fault = Fault.NOTHING


def register_history(case: Case, seed: int) -> History:
    """What the clients of such a register saw."""
    ops = list(simulated(case, random.Random(seed)).ops)
    late = [
        op.index
        for op in ops[int(0.95 * case.ops) :]
        if isinstance(op.call, Read) and isinstance(op.outcome, Ok)
    ]
    match case.fault:
        case Fault.MADE_UP:
            _answer(ops, late[0], -1)
        case Fault.STALE:
            written = next(
                op
                for op in ops[case.ops // 2 :]
                if isinstance(op.call, Write) and isinstance(op.outcome, Ok)
            )
            ops[written.index] = replace(written, call=Write("x", -1))
            _answer(ops, late[0], -1)
        case Fault.MIXED_UP:
            rng = random.Random(seed)
            for at in late[:3]:
                old = at // 2 if case.values is None else rng.randrange(case.values)
                _answer(ops, at, old)
        case Fault.WORN_OUT:
            ops += _more_changes(ops)
        case Fault.NOTHING:
            pass
    return History(tuple(ops))


def _more_changes(ops: list[Op]) -> list[Op]:
    """One client's reads, each of another value than the one before."""
    crashed = sum(isinstance(op.outcome, Indeterminate) for op in ops)
    end = max(op.completed for op in ops if op.completed != FOREVER)
    process = ProcessId(1 + max(op.process for op in ops))
    return [
        Op(
            index=len(ops) + number,
            process=process,
            call=Read("x"),
            outcome=Ok((number % 2,)),
            invoked=Nanos(end + 10 * number + 1),
            completed=Nanos(end + 10 * number + 5),
        )
        for number in range(crashed + 2)
    ]


def _answer(ops: list[Op], at: int, value: Scalar) -> None:
    ops[at] = replace(ops[at], outcome=Ok((value,)))


def simulated(case: Case, rng: random.Random) -> History:
    """What the clients of a correct register saw."""
    waiting = [(rng.randrange(_SPAN), client) for client in range(case.clients)]
    heapq.heapify(waiting)
    fresh = case.clients
    intervals: list[tuple[int, int, int, int, bool]] = []
    for number in range(case.ops):
        began, client = heapq.heappop(waiting)
        effect = began + 1 + rng.randrange(_SPAN)
        ended = effect + 1 + rng.randrange(_SPAN)
        crashed = rng.random() < case.crashed
        if crashed and rng.random() < 0.5:
            effect = FOREVER
        intervals.append((effect, number, began, ended, crashed))
        heapq.heappush(
            waiting, (ended + 1 + rng.randrange(_SPAN // 100), fresh if crashed else client)
        )
        fresh += crashed
    held: Scalar = None
    calls: dict[int, tuple[Call, Ok]] = {}
    for effect, number, *_ in sorted(intervals):
        written = number if case.values is None else rng.randrange(case.values)
        chance, call = rng.random(), Read("x")
        found = held
        happens = effect != FOREVER
        if chance < 0.4:
            calls[number] = call, Ok((found,))
        elif chance < 0.7:
            calls[number] = Write("x", written), Ok()
            held = written if happens else held
        else:
            any_value = number // 2 if case.values is None else rng.randrange(case.values)
            expected = held if rng.random() < 0.5 else any_value
            calls[number] = CompareAndSet("x", expected, written), Ok((found,))
            held = written if happens and expected == found else held
    return History(tuple(_ops(intervals, calls)))


def _ops(
    intervals: list[tuple[int, int, int, int, bool]], calls: dict[int, tuple[Call, Ok]]
) -> list[Op]:
    ops: list[Op] = []
    for _, number, began, ended, crashed in intervals:
        call, answer = calls[number]
        ops.append(
            Op(
                index=number,
                process=ProcessId(number),
                call=call,
                outcome=Indeterminate("crashed") if crashed else answer,
                invoked=Nanos(began),
                completed=FOREVER if crashed else Nanos(ended),
            )
        )
    return ops
