"""What can be wrong with one machine, as data: with its clock and with its disk.

A condition is imposed and lifted; several may hold at once, and then all of them act.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from msgspec import Struct

from system_under_test.gossip_raft.core.types import Nanos

PPM: Final = 1_000_000


class Bumped(Struct, frozen=True, tag_field="condition", tag="bumped"):
    """The clock was set forward by so many nanoseconds, or back: a monotonic clock then stands
    still until its time comes again.  Lifted it goes on from where it is."""

    offset_ns: int


class Skewed(Struct, frozen=True, tag_field="condition", tag="skewed"):
    """The clock is off by so much.  Lifted it is set right, which is to stand still if it was
    ahead."""

    offset_ns: int


class Drifting(Struct, frozen=True, tag_field="condition", tag="drifting"):
    """The clock gains so many millionths, or loses them."""

    ppm: int

    def __post_init__(self) -> None:
        if not -500_000 <= self.ppm <= 1_000_000:
            raise ValueError(f"ppm: {self.ppm} is not in -500000..1000000")


class Strobing(Struct, frozen=True, tag_field="condition", tag="strobing"):
    """The clock jumps forward by so much and is set back again, by turns of ``period_ns``."""

    offset_ns: Nanos
    period_ns: Nanos

    def __post_init__(self) -> None:
        for name in ("offset_ns", "period_ns"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: {getattr(self, name)} is not above 0")


class Full(Struct, frozen=True, tag_field="condition", tag="full"):
    """There is no room on the disk, but what its user gives up."""


class SlowToSync(Struct, frozen=True, tag_field="condition", tag="slow-to-sync"):
    """Every sync takes so much longer."""

    latency_ns: Nanos

    def __post_init__(self) -> None:
        if self.latency_ns <= 0:
            raise ValueError(f"latency_ns: {self.latency_ns} is not above 0")


class ReadOnly(Struct, frozen=True, tag_field="condition", tag="read-only"):
    """Every write fails."""


class FailingSync(Struct, frozen=True, tag_field="condition", tag="failing-sync"):
    """The next sync fails; what it wrote may or may not be there afterwards."""


ClockCondition: TypeAlias = Bumped | Skewed | Drifting | Strobing
DiskCondition: TypeAlias = Full | SlowToSync | ReadOnly | FailingSync
CLOCK_CONDITIONS: Final = (Bumped, Skewed, Drifting, Strobing)
"""The same, for ``isinstance``."""
MachineCondition: TypeAlias = ClockCondition | DiskCondition
