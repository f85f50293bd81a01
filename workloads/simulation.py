"""Runs a generator in virtual time, against a system of the caller's imagination."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import NamedTuple, TypeAlias, assert_never

from histories.call import Call, Indeterminate, Outcome
from histories.op import FOREVER, Nanos, ProcessId
from workloads.generator import Completion, Context, Exhausted, Generator, Invoke, Pending

Answer: TypeAlias = Callable[[Call, Nanos], tuple[Nanos, Outcome]]
"""What the system does with a call invoked at a time: how long it takes, and the outcome."""


class SimulatedCall(NamedTuple):
    process: ProcessId
    call: Call
    outcome: Outcome
    invoked: Nanos
    completed: Nanos


def simulate(
    generator: Generator, *, concurrency: int, answer: Answer, calls_max: int = 1_000_000
) -> list[SimulatedCall]:
    """What would be called until ``generator`` is exhausted, in order of completion.

    Completions are drained before calls are made, and an indeterminate outcome
    retires its process, as the driver does.  Calls still in flight after
    ``calls_max`` calls complete before this returns.
    """
    now = Nanos(0)
    free = deque(ProcessId(worker) for worker in range(concurrency))
    flights: list[tuple[Nanos, int, SimulatedCall]] = []
    done: list[SimulatedCall] = []
    invoked = 0
    while True:
        while flights and flights[0][0] <= now:
            ended = heapq.heappop(flights)[2]
            done.append(ended)
            retired = isinstance(ended.outcome, Indeterminate)
            free.append(ProcessId(ended.process + concurrency) if retired else ended.process)
            generator = generator.update(Completion(now, ended.process, ended.call, ended.outcome))
        wake = FOREVER
        if invoked < calls_max:
            step, generator = generator.next(Context(now, tuple(free), concurrency))
            match step:
                case Invoke(process=process, call=call):
                    latency, outcome = answer(call, now)
                    completed = Nanos(now + latency)
                    flight = SimulatedCall(
                        process=process,
                        call=call,
                        outcome=outcome,
                        invoked=now,
                        completed=completed,
                    )
                    heapq.heappush(flights, (completed, invoked, flight))
                    free.remove(process)
                    invoked += 1
                    continue
                case Pending(until=until):
                    wake = until
                case Exhausted():
                    pass
                case _:
                    assert_never(step)
        now = min(wake, flights[0][0]) if flights else wake
        if now == FOREVER:
            return done
