"""Obeys a driver in virtual time, against clients and a nemesis of the test's choice."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from harness.driver import Driver, DriverOptions, FaultTime
from harness.effects import (
    AwaitSettled,
    CloseClient,
    Dispatch,
    Effect,
    Finished,
    HealAll,
    Inject,
    Journal,
    OpenClient,
    ProbeConnectivity,
    Undo,
    WaitUntil,
)
from histories.call import Call, Ok, Outcome, Read, Write
from histories.event import Completed, Event, Invoked
from histories.op import Nanos, ProcessId
from workloads.generator import EachWorker, Generator, once

MS = 1_000_000
SECOND = 1_000 * MS


def answer(call: Call) -> Ok:
    """An answer of the right shape."""
    return Ok() if isinstance(call, Write) else Ok((None,))


Client = Callable[[ProcessId, Call, Nanos], Iterable[tuple[int, Outcome]]]
"""What comes back from a call: after how many nanoseconds each; perhaps nothing, or twice."""


def instant(process: ProcessId, call: Call, now: Nanos) -> Iterable[tuple[int, Outcome]]:  # noqa: ARG001
    yield 0, answer(call)


def silent(process: ProcessId, call: Call, now: Nanos) -> Iterable[tuple[int, Outcome]]:  # noqa: ARG001
    return ()


def after(delay: int) -> Client:
    """Every call succeeds after ``delay``."""
    return lambda process, call, now: [(delay, answer(call))]  # noqa: ARG005


def final_reads(calls: Iterable[Call]) -> Generator:
    """Every worker reads the key of the last call."""
    keys = [call.key for call in calls]
    return EachWorker(once(Read(keys[-1] if keys else "none")))


@dataclass
class Run:
    """What a driver did, and when."""

    driver: Driver
    client: Client
    connected: Callable[[Nanos], bool] = lambda now: True  # noqa: ARG005
    confirm_after: int = MS
    confirms_heal: bool = True
    now: Nanos = Nanos(0)  # noqa: RUF009
    effects: list[tuple[Nanos, Effect]] = field(default_factory=list)
    open: dict[ProcessId, int] = field(default_factory=dict)
    opened: int = 0
    closed: int = 0
    polls: int = 0
    queue: list[tuple[Nanos, int, Callable[[], tuple[Effect, ...]]]] = field(default_factory=list)
    planned: int = 0
    wake_at: Nanos = Nanos(0)  # noqa: RUF009
    nemesis_free: Nanos = Nanos(0)  # noqa: RUF009

    def at(self, time: int, action: Callable[[], tuple[Effect, ...]]) -> None:
        self.planned += 1
        heapq.heappush(self.queue, (Nanos(time), self.planned, action))

    def run(self, polls_max: int = 2_000_000) -> Run:
        self.obey(self.driver.start(self.now))
        while not self.driver.finished:
            self.polls += 1
            assert self.polls < polls_max, "the driver does not finish"
            while self.queue and self.queue[0][0] <= self.now:
                self.obey(heapq.heappop(self.queue)[2]())
            self.obey(self.driver.poll(self.now))
            if not self.driver.finished:
                times = [self.wake_at] + [entry[0] for entry in self.queue[:1]]
                assert self.wake_at > self.now
                self.now = max(self.now, min(times))
        return self

    def obey(self, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            assert not (self.effects and isinstance(self.effects[-1][1], Finished))
            self.effects.append((self.now, effect))
            match effect:
                case Dispatch(process=process, call=call):
                    assert process in self.open
                    for delay, outcome in self.client(process, call, self.now):
                        self.at(self.now + delay, self._completion(process, outcome))
                case OpenClient(process=process, contact=contact):
                    self.open[process] = contact
                    self.opened += 1
                case CloseClient(process=process):
                    del self.open[process]
                    self.closed += 1
                case WaitUntil(time=time):
                    self.wake_at = time
                case Inject() | Undo() | HealAll() | ProbeConnectivity() | AwaitSettled():
                    if self.confirms_heal or not isinstance(effect, HealAll):
                        self.nemesis_free = Nanos(
                            max(self.nemesis_free, self.now) + self.confirm_after
                        )
                        self.at(self.nemesis_free, self._confirmation(effect))
                case Journal() | Finished():
                    pass
                case _:
                    assert_never(effect)

    def _completion(self, process: ProcessId, outcome: Outcome) -> Callable[[], tuple[Effect, ...]]:
        return lambda: self.driver.completed(process, outcome, self.now)

    def _confirmation(self, effect: Effect) -> Callable[[], tuple[Effect, ...]]:
        def confirm() -> tuple[Effect, ...]:
            match effect:
                case Inject(fault=fault):
                    return self.driver.injected(fault, "kill", ("n0",), "", self.now)
                case Undo(fault=fault):
                    return self.driver.undone(fault, "restarted", self.now)
                case HealAll():
                    return self.driver.healed("healed", self.now)
                case ProbeConnectivity():
                    problem = None if self.connected(self.now) else "n1 does not answer"
                    return self.driver.probed(problem, self.now)
                case AwaitSettled():
                    return self.driver.settled(True, "one leader", self.now)
                case _:
                    raise AssertionError(effect)

        return confirm

    # --- what happened -----------------------------------------------------------

    @property
    def events(self) -> list[Event]:
        return [effect.event for _, effect in self.effects if isinstance(effect, Journal)]

    @property
    def invoked(self) -> list[Invoked]:
        return [event for event in self.events if isinstance(event, Invoked)]

    @property
    def completed(self) -> list[Completed]:
        return [event for event in self.events if isinstance(event, Completed)]

    def times(self, kind: type[Effect]) -> list[Nanos]:
        return [time for time, effect in self.effects if isinstance(effect, kind)]

    def finished(self) -> Finished:
        last = self.effects[-1][1]
        assert isinstance(last, Finished)
        return last


def virtual_run(
    generator: Generator,
    client: Client = instant,
    *,
    options: DriverOptions | None = None,
    faults: Sequence[FaultTime] = (),
    final_generator: Callable[[Iterable[Call]], Generator] = final_reads,
) -> Run:
    """A run that has not begun; ``concurrency`` 3 and 10 s unless told otherwise."""
    return Run(Driver(options or some_options(), generator, final_generator, faults), client)


def some_options(
    *, concurrency: int = 3, time_limit: int = 10 * SECOND, operation_timeout: int = SECOND
) -> DriverOptions:
    """Three nodes; patience of 5 seconds everywhere."""
    return DriverOptions(
        concurrency=concurrency,
        nodes_count=3,
        time_limit=Nanos(time_limit),
        operation_timeout=Nanos(operation_timeout),
        recovery_max=Nanos(5 * SECOND),
        final_max=Nanos(5 * SECOND),
        settle_max=Nanos(5 * SECOND),
    )
