"""The monotonic clock of one simulated machine, which may be wrong in every way it can."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from system_under_test.gossip_raft.core.types import Nanos
from system_under_test.gossip_raft.simulation.scheduler import Scheduler, Timer

PPM: Final = 1_000_000


class SimulatedClock:
    """1. It runs ``drift`` millionths too fast (or too slow), from an offset of its own.
    2. It may be set forward and back.  Set back it stands still until the time it has shown
       comes again: what it shows never goes back.
    """

    __slots__ = ("_drift_ppm", "_offset", "_rate_ppm", "_scheduler", "_shown", "_since")

    def __init__(self, scheduler: Scheduler, offset: int = 0, drift_ppm: int = 0) -> None:
        assert offset >= 0, offset
        assert drift_ppm > -PPM, drift_ppm
        self._scheduler = scheduler
        # Local time is offset + (world - since) * rate / PPM.
        self._offset = offset
        self._since = 0
        self._drift_ppm = drift_ppm
        self._rate_ppm = PPM + drift_ppm
        self._shown = Nanos(0)

    def now(self) -> Nanos:
        elapsed: Any = self._scheduler.now - self._since
        if self._rate_ppm != PPM:
            elapsed = elapsed * self._rate_ppm // PPM
        time: Nanos = self._offset + elapsed
        if time < self._shown:
            return self._shown
        self._shown = time
        return time

    def world_time(self, time: int) -> int:
        """The first instant of the world at which this clock shows ``time`` or more."""
        if time <= self._shown:
            return self._scheduler.now
        elapsed = time - self._offset
        if self._rate_ppm != PPM:
            elapsed = -(-elapsed * PPM // self._rate_ppm)
        return max(self._since + elapsed, self._scheduler.now)

    def bump(self, offset: int) -> None:
        """Set it forward, or back if ``offset`` is negative."""
        self._rebase()
        self._offset += offset

    def drift(self, ppm: int) -> None:
        """From now on it gains so many millionths more than it did in the beginning."""
        self._rebase()
        self._rate_ppm = PPM + self._drift_ppm + ppm
        assert self._rate_ppm > 0, ppm

    def reset(self) -> None:
        """Let it go on from what it shows at the rate it began with."""
        self._offset, self._since = self.now(), self._scheduler.now
        self._rate_ppm = PPM + self._drift_ppm

    def _rebase(self) -> None:
        now = self._scheduler.now
        self._offset += (now - self._since) * self._rate_ppm // PPM
        self._since = now


class Wake:
    """The wake-up that one life of a node has asked of its machine's clock."""

    __slots__ = ("_clock", "_local", "_timer", "_wake")

    def __init__(self, scheduler: Scheduler, clock: SimulatedClock) -> None:
        self._clock = clock
        self._timer = Timer(scheduler, self._fire)
        self._wake: Callable[[], None] | None = None
        self._local = Nanos(0)

    def at(self, time: Nanos, wake: Callable[[], None]) -> None:
        self._local, self._wake = time, wake
        self._timer.set(self._clock.world_time(time))

    def clock_changed(self) -> None:
        if self._wake is not None:
            self._timer.set(self._clock.world_time(self._local))

    def _fire(self) -> None:
        if self._clock.now() < self._local:
            # A clock set back stands still; and rounding must not wake too early.
            self._timer.set(self._clock.world_time(self._local))
            return
        wake, self._wake = self._wake, None
        if wake is not None:
            wake()
