"""Time of a live node: the only reader of clocks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from system_under_test.gossip_raft.core.types import Nanos


def seconds_since_1970() -> int:
    """The wall clock: for numbers that are to be greater than all earlier ones."""
    return int(time.time())


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
        self._asked: tuple[Nanos, Callable[[], None]] | None = None

    def now(self) -> Nanos:
        return Nanos(time.monotonic_ns())

    def wake_at(self, time: Nanos, wake: Callable[[], None]) -> None:
        if self._timer is not None and self._asked == (time, wake):
            return
        self.cancel()
        self._asked = (time, wake)
        # asyncio keeps the same clock in float seconds and rounds: a microsecond later is
        # never too early, and a wake-up that is too early would only be asked for again.
        self._timer = asyncio.get_running_loop().call_at(time / 1e9 + 1e-6, self._fire)

    def cancel(self) -> None:
        """Forget the wake-up asked for, if any."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        assert self._asked is not None
        self._asked[1]()
