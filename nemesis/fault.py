"""What can go wrong, as data: printed, stored, replayed, shrunk.

A fault says nothing of how long it lasts (a schedule does) nor of how it is done
(``nemesis.inject`` does).  Partitions cut links between nodes only; slowness and
resets act on all links of a node, those of clients too.
"""

from __future__ import annotations

from enum import Enum
from typing import TypeAlias, assert_never

from msgspec import Struct

from nemesis.target import Target, describe_target
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


class HealAll(Struct, frozen=True, tag_field="kind", tag="heal-all"):
    """Undo everything: heal links, resume and start nodes.  Ends every schedule."""


Partition: TypeAlias = Isolate | Halves | MajoritiesRing | Bridge | OneWay
Fault: TypeAlias = Partition | Kill | Pause | SlowLinks | ResetConnections | HealAll


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
        case HealAll():
            return "heal all"
        case _:
            assert_never(fault)
