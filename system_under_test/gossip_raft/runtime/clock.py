"""Time of a live node: the only reader of clocks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from system_under_test.gossip_raft.core.types import Nanos
from system_under_test.machine import ClockCondition, Strobing
from system_under_test.wrong_clock import WrongClock


def seconds_since_1970() -> int:
    """The wall clock: for numbers that are to be greater than all earlier ones."""
    return int(time.time())


def monotonic_now() -> Nanos:
    """This machine's monotonic clock, whatever a node believes."""
    return Nanos(time.monotonic_ns())


async def pause(duration: Nanos) -> None:
    """Let so much time pass."""
    clock, over = MonotonicClock(), asyncio.Event()
    clock.wake_at(Nanos(clock.now() + duration), over.set)
    try:
        await over.wait()
    finally:
        clock.cancel()


class MonotonicClock:
    """The port ``Clock`` on the running event loop."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = Nanos(0)
        self._asked: tuple[Nanos, Callable[[], None]] | None = None

    def now(self) -> Nanos:
        return Nanos(time.monotonic_ns())

    def wake_at(self, time: Nanos, wake: Callable[[], None]) -> None:
        self._asked = (time, wake)
        # A busy node puts its wake-up off with every message: the timer is left to fire
        # early, and is then set again.
        if self._timer is None or time < self._timer_at:
            self._set_timer(time)

    def cancel(self) -> None:
        """Forget the wake-up asked for, if any."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, time: Nanos) -> None:
        self.cancel()
        self._timer_at = time
        # asyncio keeps the same clock in float seconds and rounds: a microsecond later is
        # never too early.
        due = self._true_time(time) / 1e9 + 1e-6
        self._timer = asyncio.get_running_loop().call_at(due, self._fire)

    def _true_time(self, time: Nanos) -> int:
        """When this clock shows ``time``, in asyncio's time."""
        return time

    def _fire(self) -> None:
        self._timer = None
        assert self._asked is not None
        time, wake = self._asked
        if self.now() < time:
            self._set_timer(time)
        else:
            wake()


class FaultyClock(MonotonicClock):
    """One that can be told to be wrong."""

    def __init__(self) -> None:
        super().__init__()
        self._wrong = WrongClock()

    def now(self) -> Nanos:
        return self._wrong.show(super().now())

    @property
    def off_ns(self) -> int:
        """By how much it is ahead."""
        true = super().now()
        return self._wrong.show(true) - true

    def impose(self, condition: ClockCondition) -> None:
        self._wrong.impose(condition, super().now())
        self._changed()
        if isinstance(condition, Strobing):
            self._flip_later(condition)

    def lift(self, condition: ClockCondition) -> None:
        """Of several that are equal, one; harmless if it does not hold."""
        self._wrong.lift(condition, super().now())
        self._changed()

    def heal(self) -> None:
        """Let it go on from what it shows at the right rate."""
        self._wrong.heal(super().now())
        self._changed()

    def _true_time(self, time: Nanos) -> int:
        return self._wrong.true_time(time, super().now())

    def _changed(self) -> None:
        if self._timer is not None:
            self._set_timer(self._timer_at)

    def _flip_later(self, strobing: Strobing) -> None:
        asyncio.get_running_loop().call_later(strobing.period_ns / 1e9, self._flip, strobing)

    def _flip(self, strobing: Strobing) -> None:
        if self._wrong.flip(strobing, super().now()):
            self._changed()
            self._flip_later(strobing)
