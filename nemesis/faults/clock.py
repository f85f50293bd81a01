"""What can go wrong with clocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from nemesis.faults.base import NodeFault
from nemesis.target import describe_target
from system_under_test.control import Skewable
from system_under_test.gossip_raft.core.types import Nanos, NodeId
from system_under_test.machine import Bumped, ClockCondition, Drifting, Skewed, Strobing


class ClockFault(NodeFault, frozen=True):
    """A condition of the target's clocks; undone by lifting it."""

    needs = (Skewable,)

    def __post_init__(self) -> None:
        self.condition()

    def describe(self) -> str:
        return f"clock of {describe_target(self.target)}: {self._words()}"

    def condition(self) -> ClockCondition:
        """What it comes to.

        Raises:
            ValueError: It cannot be.
        """
        raise NotImplementedError

    def _words(self) -> str:
        raise NotImplementedError

    async def do(self, node: NodeId, system: Skewable) -> str:
        await system.impose_on_clock(node, self.condition())
        return self._words()

    async def undo(self, nodes: Sequence[NodeId], system: Skewable) -> str:
        for node in nodes:
            await system.lift_from_clock(node, self.condition())
        return f"let the clocks of {', '.join(nodes)} go on"


class BumpClock(ClockFault, frozen=True, tag="bump-clock"):
    """Set the target's clocks forward, or back: then they stand still for so long.  Undone by
    letting them go on from where they are."""

    offset_ns: int

    def condition(self) -> Bumped:
        return Bumped(self.offset_ns)

    def _words(self) -> str:
        return f"{self.offset_ns / 1e6:+g} ms"


class SkewClock(ClockFault, frozen=True, tag="skew-clock"):
    """The target's clocks are off by so much.  Undone by setting them right."""

    offset_ns: int

    def condition(self) -> Skewed:
        return Skewed(self.offset_ns)

    def _words(self) -> str:
        return f"off by {self.offset_ns / 1e6:+g} ms"


class DriftClock(ClockFault, frozen=True, tag="drift-clock"):
    """The target's clocks gain so many millionths, or lose them."""

    ppm: int

    def condition(self) -> Drifting:
        return Drifting(self.ppm)

    def _words(self) -> str:
        return f"{self.ppm:+,} ppm"


class StrobeClock(ClockFault, frozen=True, tag="strobe-clock"):
    """The target's clocks jump forward and are set back again, all the time."""

    offset_ns: Nanos
    period_ns: Nanos

    def condition(self) -> Strobing:
        return Strobing(self.offset_ns, self.period_ns)

    def _words(self) -> str:
        return f"+{self.offset_ns / 1e6:g} ms and back, every {self.period_ns / 1e6:g} ms"


AnyClockFault: TypeAlias = BumpClock | SkewClock | DriftClock | StrobeClock
