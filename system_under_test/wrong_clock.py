"""What a monotonic clock shows that is wrong in every way it can be.  Pure: the right time is an
argument, in nanoseconds, and never goes back."""

from __future__ import annotations

from typing import Any, assert_never

from system_under_test.gossip_raft.core.types import Nanos
from system_under_test.machine import (
    PPM,
    Bumped,
    ClockCondition,
    Drifting,
    Skewed,
    Strobing,
)


class WrongClock:
    """1. It runs ``drift`` millionths too fast (or too slow) by nature, from an offset of its own.
    2. It may be set forward and back.  Set back it stands still until the time it has shown
       comes again: what it shows never goes back.
    3. Whoever imposes ``Strobing`` has it ``flip`` after every period.
    """

    __slots__ = ("_ahead", "_conditions", "_drift_ppm", "_offset", "_rate_ppm", "_shown", "_since")

    def __init__(self, offset: int = 0, drift_ppm: int = 0) -> None:
        assert offset >= 0, offset
        assert drift_ppm > -PPM, drift_ppm
        # What it shows is offset + (true - since) * rate / PPM.
        self._offset = offset
        self._since = 0
        self._drift_ppm = drift_ppm
        self._rate_ppm = PPM + drift_ppm
        self._shown = Nanos(0)
        self._conditions: list[ClockCondition] = []
        self._ahead: list[Strobing] = []

    def show(self, true: int) -> Nanos:
        """The time that it shows at ``true``."""
        elapsed: Any = true - self._since
        if self._rate_ppm != PPM:
            elapsed = elapsed * self._rate_ppm // PPM
        time: Nanos = self._offset + elapsed
        if time < self._shown:
            return self._shown
        self._shown = time
        return time

    def true_time(self, time: int, true: int) -> int:
        """The first instant, not before ``true``, which is now, at which it shows ``time``."""
        if time <= self._shown:
            return true
        elapsed = time - self._offset
        if self._rate_ppm != PPM:
            elapsed = -(-elapsed * PPM // self._rate_ppm)
        return max(self._since + elapsed, true)

    def impose(self, condition: ClockCondition, true: int) -> None:
        """From ``true`` on, besides what holds already."""
        self._rebase(true)
        self._conditions.append(condition)
        match condition:
            case Bumped(offset_ns=offset) | Skewed(offset_ns=offset):
                self._offset += offset
            case Drifting():
                self._set_rate()
            case Strobing():
                self.flip(condition, true)
            case _:
                assert_never(condition)

    def lift(self, condition: ClockCondition, true: int) -> None:
        """From ``true`` on; harmless if it does not hold."""
        if condition not in self._conditions:
            return
        self._rebase(true)
        self._conditions.remove(condition)
        match condition:
            case Bumped():
                self._offset = self.show(true)
            case Skewed(offset_ns=offset):
                self._offset -= offset
            case Drifting():
                self._set_rate()
            case Strobing(offset_ns=offset):
                if condition in self._ahead:
                    self._ahead.remove(condition)
                    self._offset -= offset
            case _:
                assert_never(condition)

    def heal(self, true: int) -> None:
        """Let it go on from what it shows at the rate it began with."""
        self._offset, self._since = self.show(true), true
        self._conditions.clear()
        self._ahead.clear()
        self._set_rate()

    def flip(self, strobing: Strobing, true: int) -> bool:
        """One turn of ``strobing`` is over; whether it goes on."""
        if strobing not in self._conditions:
            return False
        self._rebase(true)
        if strobing in self._ahead:
            self._ahead.remove(strobing)
            self._offset -= strobing.offset_ns
        else:
            self._ahead.append(strobing)
            self._offset += strobing.offset_ns
        return True

    def _set_rate(self) -> None:
        gained = sum(c.ppm for c in self._conditions if isinstance(c, Drifting))
        # Several together do not stop it.
        self._rate_ppm = max(PPM // 10, PPM + self._drift_ppm + gained)

    def _rebase(self, true: int) -> None:
        self._offset += (true - self._since) * self._rate_ppm // PPM
        self._since = true
