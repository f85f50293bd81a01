"""What the windowed search costs where others explode: ``python -m benchmarks.windowed_search``.

Each case is a history of one compare-and-set register, in which every op took
effect at one random instant, most of them on values that many others write too:
what no near-linear algorithm decides.  Crashed ops took effect at some time or
never.  In bad histories some answers near the end were replaced.  What is timed
is the search alone, with kernels compiled; CPU seconds on one core.
"""

from __future__ import annotations

import argparse
import heapq
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from checker.base import Budget
from checker.linearizability.window.encode import encode
from checker.linearizability.window.engine import decide
from checker.models.register import CasRegister
from histories.call import Call, CompareAndSet, Indeterminate, Ok, Read, Scalar, Write
from histories.history import History
from histories.op import FOREVER, Nanos, Op, ProcessId

_SECONDS_MAX: Final = 20.0
_SPAN: Final = 1_000_000
"""The longest an op takes, twice over, in nanoseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``values`` None makes every value unique; ``crashed`` is a share of the ops."""

    ops: int
    clients: int
    values: int | None = 5
    crashed: float = 0.0
    spoiled: int = 0

    def __str__(self) -> str:
        values = "unique" if self.values is None else f"domain of {self.values}"
        return (
            f"{self.ops:9,} {self.clients:8} {self.crashed:8.1%} {values:>13} "
            f"{'spoiled' if self.spoiled else 'valid':>8}"
        )


CASES: Final = (
    Case(ops=10_000, clients=10),
    Case(ops=10_000, clients=10, spoiled=3),
    Case(ops=10_000, clients=10, values=None),
    Case(ops=10_000, clients=10, values=None, spoiled=3),
    Case(ops=10_000, clients=5, crashed=0.01, spoiled=3),
    Case(ops=10_000, clients=5, crashed=0.02),
    Case(ops=1_000, clients=10, crashed=0.01, spoiled=3),
    Case(ops=100_000, clients=5),
    Case(ops=100_000, clients=5, values=None),
    Case(ops=100_000, clients=5, values=None, spoiled=3),
    Case(ops=100_000, clients=10, values=None),
    Case(ops=100_000, clients=10, values=None, spoiled=3),
    Case(ops=100_000, clients=25),
)


def simulated(case: Case, rng: random.Random) -> History:
    """What the clients of a correct register saw; some reads near the end replaced."""
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
    return History(tuple(_ops(case, intervals, calls, rng)))


def _ops(
    case: Case,
    intervals: list[tuple[int, int, int, int, bool]],
    calls: dict[int, tuple[Call, Ok]],
    rng: random.Random,
) -> list[Op]:
    left = case.spoiled
    ops: list[Op] = []
    for _, number, began, ended, crashed in intervals:
        call, answer = calls[number]
        if left and number > 0.95 * case.ops and isinstance(call, Read):
            left -= 1
            answer = Ok((number // 2 if case.values is None else rng.randrange(case.values),))
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


def _after(end: float) -> Callable[[], bool]:
    return lambda: time.process_time() > end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    model = CasRegister()
    small = encode(simulated(Case(ops=100, clients=5, crashed=0.1), random.Random(0)).ops, model)
    decide(small.operations, Budget())
    print(
        "      ops  clients  crashed        values           verdict      s      ops/s         made"
    )
    for case in CASES:
        history = simulated(case, random.Random(chosen.seed))
        operations = encode(history.ops, model).operations
        began = time.process_time()
        answer = decide(operations, Budget(deadline=_after(began + _SECONDS_MAX)))
        took = time.process_time() - began
        print(
            f"{case} {type(answer).__name__:>10} {took:6.2f} {case.ops / took:10,.0f} "
            f"{answer.configurations:12,}",
            flush=True,
        )


if __name__ == "__main__":
    main()
