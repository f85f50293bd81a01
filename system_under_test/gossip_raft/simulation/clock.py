"""The monotonic clock of one simulated machine, which may be wrong in every way it can."""

from __future__ import annotations

from collections.abc import Callable

from system_under_test.gossip_raft.core.types import Nanos
from system_under_test.gossip_raft.simulation.scheduler import Scheduler, Timer
from system_under_test.machine import ClockCondition, Strobing
from system_under_test.wrong_clock import WrongClock


class SimulatedClock:
    """A ``WrongClock`` whose right time is the world's."""

    __slots__ = ("_scheduler", "_wrong", "on_change")

    def __init__(self, scheduler: Scheduler, offset: int = 0, drift_ppm: int = 0) -> None:
        self._scheduler = scheduler
        self._wrong = WrongClock(offset, drift_ppm)
        self.on_change: Callable[[], None] = lambda: None
        """Who waits for a time that it shows must look again."""

    def now(self) -> Nanos:
        return self._wrong.show(self._scheduler.now)

    def world_time(self, time: int) -> int:
        """The first instant of the world at which this clock shows ``time`` or more."""
        return self._wrong.true_time(time, self._scheduler.now)

    def impose(self, condition: ClockCondition) -> None:
        self._wrong.impose(condition, self._scheduler.now)
        if isinstance(condition, Strobing):
            self._flip_later(condition)
        self.on_change()

    def lift(self, condition: ClockCondition) -> None:
        self._wrong.lift(condition, self._scheduler.now)
        self.on_change()

    def heal(self) -> None:
        """Let it go on from what it shows at the rate it began with."""
        self._wrong.heal(self._scheduler.now)
        self.on_change()

    def _flip_later(self, strobing: Strobing) -> None:
        self._scheduler.at(self._scheduler.now + strobing.period_ns, self._flip, strobing)

    def _flip(self, strobing: Strobing) -> None:
        if self._wrong.flip(strobing, self._scheduler.now):
            self._flip_later(strobing)
            self.on_change()


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
