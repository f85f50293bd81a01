"""What can go wrong, as data: printed, stored, replayed, shrunk.

A fault says nothing of how long it lasts: a schedule does.  What each one does, how it is undone
and what a system must be capable of stands in one place, its class in ``nemesis.faults``, one
module for each area; this is their union and their door.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from nemesis.faults.clock import AnyClockFault, BumpClock, DriftClock, SkewClock, StrobeClock
from nemesis.faults.disk import (
    AnyDiskFault,
    FailSync,
    FillDisk,
    FlipBit,
    LoseDisk,
    LosePower,
    ReadOnlyDisk,
    SlowDisk,
    TearLog,
)
from nemesis.faults.membership import (
    MembershipFault,
    RemoveNode,
    ReplaceNode,
    TransferLeadership,
)
from nemesis.faults.network import (
    CUT,
    BadWeather,
    Bridge,
    FlappingPrimary,
    Halves,
    Impair,
    Isolate,
    LeaderSide,
    MajoritiesRing,
    NetworkFault,
    NonTransitive,
    OneWay,
    Partition,
    PartitionFault,
    ResetConnections,
    Shun,
    Sieve,
    SlowLinks,
)
from nemesis.faults.process import CrashAt, Kill, Pause, ProcessFault, Terminate
from system_under_test.conditions import name_of

__all__ = [
    "BadWeather",
    "Bridge",
    "BumpClock",
    "CrashAt",
    "DriftClock",
    "FailSync",
    "Fault",
    "FillDisk",
    "FlappingPrimary",
    "FlipBit",
    "Halves",
    "HealAll",
    "Impair",
    "Isolate",
    "Kill",
    "LeaderSide",
    "LoseDisk",
    "LosePower",
    "MajoritiesRing",
    "NonTransitive",
    "OneWay",
    "PartitionFault",
    "Pause",
    "ReadOnlyDisk",
    "RemoveNode",
    "ReplaceNode",
    "ResetConnections",
    "Shun",
    "Sieve",
    "SkewClock",
    "SlowDisk",
    "SlowLinks",
    "StrobeClock",
    "TearLog",
    "Terminate",
    "TransferLeadership",
    "kind_of",
]


class HealAll(Struct, frozen=True, tag_field="kind", tag="heal-all"):
    """Undo everything: heal links, resume, start and readmit nodes.  Ends every schedule."""

    def describe(self) -> str:
        return "heal all"


Fault: TypeAlias = (
    NetworkFault | ProcessFault | AnyClockFault | AnyDiskFault | MembershipFault | HealAll
)


def kind_of(fault: Fault) -> str:
    """The fault's name in journals: "isolate", "kill" ...

    A shape whose links are not cut is called by what is so there, as checkers rely on what a
    partition means.
    """
    if isinstance(fault, Impair) or (isinstance(fault, Partition) and fault.how != CUT):
        return name_of(fault.condition)
    tag = fault.__struct_config__.tag
    assert isinstance(tag, str)
    return tag
