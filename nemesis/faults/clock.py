"""What can go wrong with clocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from nemesis.faults.base import NodeFault
from nemesis.target import describe_target
from system_under_test.control import Skewable
from system_under_test.gossip_raft.core.types import NodeId


class ClockFault(NodeFault, frozen=True):
    """Undone by letting the clocks go on from where they are, at their own rate."""

    needs = (Skewable,)

    async def undo(self, nodes: Sequence[NodeId], system: Skewable) -> str:
        for node in nodes:
            await system.reset_clock(node)
        return f"let the clocks of {', '.join(nodes)} go on"


class BumpClock(ClockFault, frozen=True, tag="bump-clock"):
    """Set the target's clocks forward, or back: then they stand still for so long."""

    offset_ns: int

    def describe(self) -> str:
        return f"set the clock of {describe_target(self.target)} by {self._span()}"

    async def do(self, node: NodeId, system: Skewable) -> str:
        await system.bump_clock(node, self.offset_ns)
        return self._span()

    def _span(self) -> str:
        return f"{self.offset_ns / 1e6:+g} ms"


class DriftClock(ClockFault, frozen=True, tag="drift-clock"):
    """The target's clocks gain so many millionths, or lose them."""

    ppm: int

    def __post_init__(self) -> None:
        if not -500_000 <= self.ppm <= 1_000_000:
            raise ValueError(f"ppm: {self.ppm} is not in -500000..1000000")

    def describe(self) -> str:
        return f"let the clock of {describe_target(self.target)} gain {self.ppm:+,} ppm"

    async def do(self, node: NodeId, system: Skewable) -> str:
        await system.drift_clock(node, self.ppm)
        return f"{self.ppm:+,} ppm"


AnyClockFault: TypeAlias = BumpClock | DriftClock
