"""What can go wrong, as data: printed, stored, replayed, shrunk.

A fault says nothing of how long it lasts (a schedule does) nor of how it is done
(``nemesis.inject`` does).  Partitions cut links between nodes only; slowness and
resets act on all links of a node, those of clients too.  Clocks, disks and single effects
of a process can be got at in simulated systems only.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias, assert_never

from msgspec import Struct

from nemesis.target import Target, describe_target
from system_under_test.control import Moment
from system_under_test.gossip_raft.core.types import Nanos


class LeaderSide(Enum):
    """Where the leader is when a cluster is split; of an even split: the first half."""

    ANY = "any"
    MINORITY = "minority"
    MAJORITY = "majority"


class Isolate(Struct, frozen=True, tag_field="kind", tag="isolate"):
    """The target's nodes hear no other node and are heard by none.  Undone by healing."""

    target: Target


class Halves(Struct, frozen=True, tag_field="kind", tag="halves"):
    """Two random halves that do not hear each other.  Undone by healing."""

    leader_side: LeaderSide = LeaderSide.ANY


class MajoritiesRing(Struct, frozen=True, tag_field="kind", tag="majorities-ring"):
    """Each node hears a majority, each another one.  Undone by healing.

    Needs four nodes.
    """


class Bridge(Struct, frozen=True, tag_field="kind", tag="bridge"):
    """Two halves joined by one random node that hears all.  Undone by healing."""


class OneWay(Struct, frozen=True, tag_field="kind", tag="one-way"):
    """What ``source`` says does not reach ``dest``; what it hears does.  Undone by healing.

    A ``dest`` to be drawn at random is drawn from the nodes that are not ``source``.
    """

    source: Target
    dest: Target


class Kill(Struct, frozen=True, tag_field="kind", tag="kill"):
    """End the target's processes at once (SIGKILL).  Undone by starting them again."""

    target: Target


class Pause(Struct, frozen=True, tag_field="kind", tag="pause"):
    """Stop the target's processes from running (SIGSTOP).  Undone by resuming them."""

    target: Target


class SlowLinks(Struct, frozen=True, tag_field="kind", tag="slow"):
    """All that the target's nodes send and hear takes longer.  Undone by healing."""

    target: Target
    latency_ns: Nanos
    jitter_ns: Nanos = Nanos(0)

    def __post_init__(self) -> None:
        if self.latency_ns <= 0:
            raise ValueError(f"latency_ns: {self.latency_ns} is not above 0")
        if not 0 <= self.jitter_ns <= self.latency_ns:
            raise ValueError(f"jitter_ns: {self.jitter_ns} is not in 0..{self.latency_ns}")


class ResetConnections(Struct, frozen=True, tag_field="kind", tag="reset"):
    """Break all connections from and to the target's nodes once.  Nothing to undo."""

    target: Target


class BadWeather(Struct, frozen=True, tag_field="kind", tag="weather"):
    """On the target's links with other nodes messages are lost, repeated and overtaken, each
    with its probability.  Undone by healing."""

    target: Target
    loss: float = 0.0
    duplication: float = 0.0
    straggling: float = 0.0

    def __post_init__(self) -> None:
        for name in ("loss", "duplication", "straggling"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: {getattr(self, name)} is not in 0..1")


class BumpClock(Struct, frozen=True, tag_field="kind", tag="bump-clock"):
    """Set the target's clocks forward, or back: then they stand still for so long.  Undone by
    letting them go on from where they are."""

    target: Target
    offset_ns: int


class DriftClock(Struct, frozen=True, tag_field="kind", tag="drift-clock"):
    """The target's clocks gain so many millionths, or lose them.  Undone likewise."""

    target: Target
    ppm: int

    def __post_init__(self) -> None:
        if not -500_000 <= self.ppm <= 1_000_000:
            raise ValueError(f"ppm: {self.ppm} is not in -500000..1000000")


class LosePower(Struct, frozen=True, tag_field="kind", tag="lose-power"):
    """The target's machines go down at once: what was not synced is lost, or torn.  Undone by
    starting them again."""

    target: Target
    torn: bool = False


class FlipBit(Struct, frozen=True, tag_field="kind", tag="flip-bit"):
    """Kill the target and damage something that it had durable.  Undone by starting it: it
    finds the damage and is rebuilt from the others."""

    target: Target


class LoseDisk(Struct, frozen=True, tag_field="kind", tag="lose-disk"):
    """Kill the target and delete all that it had on disk.  Undone likewise."""

    target: Target


class FillDisk(Struct, frozen=True, tag_field="kind", tag="fill-disk"):
    """No room is left on the target's disks.  Undone by making some."""

    target: Target


class SlowDisk(Struct, frozen=True, tag_field="kind", tag="slow-disk"):
    """Every sync of the target takes so much longer.  Undone."""

    target: Target
    latency_ns: Nanos

    def __post_init__(self) -> None:
        if self.latency_ns <= 0:
            raise ValueError(f"latency_ns: {self.latency_ns} is not above 0")


class ReadOnlyDisk(Struct, frozen=True, tag_field="kind", tag="read-only-disk"):
    """The target's next write fails, and it stops.  Undone by repair and a new start."""

    target: Target


class FailSync(Struct, frozen=True, tag_field="kind", tag="fail-sync"):
    """The target's next sync fails, and it stops.  Undone by a new start."""

    target: Target


class CrashAt(Struct, frozen=True, tag_field="kind", tag="crash-at"):
    """The target ends right before the ``count``-th such effect.  Undone by a new start."""

    target: Target
    moment: Moment = Moment.ANY
    count: int = 1

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ValueError(f"count: {self.count} is not at least 1")


class RemoveNode(Struct, frozen=True, tag_field="kind", tag="remove-node"):
    """The target's nodes belong to the cluster no more, one after the other; their processes
    go on.  Undone by readmitting all nodes."""

    target: Target


class TransferLeadership(Struct, frozen=True, tag_field="kind", tag="transfer-leadership"):
    """Leadership is handed to the target.  Nothing to undo."""

    target: Target


class HealAll(Struct, frozen=True, tag_field="kind", tag="heal-all"):
    """Undo everything: heal links, resume, start and readmit nodes.  Ends every schedule."""


Partition: TypeAlias = Isolate | Halves | MajoritiesRing | Bridge | OneWay
DiskFault: TypeAlias = (
    LosePower | FlipBit | LoseDisk | FillDisk | SlowDisk | ReadOnlyDisk | FailSync
)
MembershipFault: TypeAlias = RemoveNode | TransferLeadership
TargetedFault: TypeAlias = (
    Kill
    | Pause
    | SlowLinks
    | ResetConnections
    | BadWeather
    | BumpClock
    | DriftClock
    | DiskFault
    | CrashAt
    | MembershipFault
)
"""Those that hit just the nodes of their target."""

Fault: TypeAlias = Partition | TargetedFault | HealAll


def kind_of(fault: Fault) -> str:
    """The fault's name in journals and schedule files: "isolate", "kill" ..."""
    tag = fault.__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def describe(fault: Fault) -> str:
    """In words, as planned: "isolate the leader"."""
    match fault:
        case Isolate(target=target):
            return f"isolate {describe_target(target)}"
        case Halves(leader_side=LeaderSide.ANY):
            return "split into halves"
        case Halves(leader_side=side):
            return f"split into halves, the leader in the {side.value}"
        case MajoritiesRing():
            return "a ring of overlapping majorities"
        case Bridge():
            return "two halves and a bridge"
        case OneWay(source=source, dest=dest):
            return f"cut the way from {describe_target(source)} to {describe_target(dest)}"
        case Kill(target=target):
            return f"kill {describe_target(target)}"
        case Pause(target=target):
            return f"pause {describe_target(target)}"
        case SlowLinks(target=target, latency_ns=latency_ns, jitter_ns=jitter_ns):
            span = f"{latency_ns / 1e6:g} ± {jitter_ns / 1e6:g} ms"
            return f"slow the links of {describe_target(target)} by {span}"
        case ResetConnections(target=target):
            return f"reset the connections of {describe_target(target)}"
        case BadWeather(target=target):
            return f"bad weather around {describe_target(target)}: {describe_weather(fault)}"
        case BumpClock(target=target, offset_ns=offset_ns):
            return f"set the clock of {describe_target(target)} by {offset_ns / 1e6:+g} ms"
        case DriftClock(target=target, ppm=ppm):
            return f"let the clock of {describe_target(target)} gain {ppm:+,} ppm"
        case (
            LosePower()
            | FlipBit()
            | LoseDisk()
            | FillDisk()
            | SlowDisk()
            | ReadOnlyDisk()
            | FailSync()
        ):
            return _describe_disk_fault(fault)
        case CrashAt(target=target, moment=moment, count=count):
            return f"crash {describe_target(target)} before effect {count} ({moment.value})"
        case RemoveNode(target=target):
            return f"remove {describe_target(target)} from the cluster"
        case TransferLeadership(target=target):
            return f"hand leadership to {describe_target(target)}"
        case HealAll():
            return "heal all"
        case _:
            assert_never(fault)


def describe_weather(fault: BadWeather) -> str:
    return f"{fault.loss:.0%} lost, {fault.duplication:.0%} twice, {fault.straggling:.0%} late"


def _describe_disk_fault(fault: DiskFault) -> str:
    whom = describe_target(fault.target)
    match fault:
        case LosePower(torn=torn):
            return f"cut the power of {whom}{', tearing its last write' * torn}"
        case FlipBit():
            return f"flip a bit on the disk of {whom}"
        case LoseDisk():
            return f"lose the disk of {whom}"
        case FillDisk():
            return f"fill the disk of {whom}"
        case SlowDisk(latency_ns=latency_ns):
            return f"slow the disk of {whom} by {latency_ns / 1e6:g} ms"
        case ReadOnlyDisk():
            return f"make the disk of {whom} read-only"
        case FailSync():
            return f"fail the next sync of {whom}"
        case _:
            assert_never(fault)
