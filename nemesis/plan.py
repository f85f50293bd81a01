"""Drawing a schedule: which faults, in what order, from one seeded stream."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nemesis.errors import ImpossiblePlan
from nemesis.fault import (
    BadWeather,
    Bridge,
    BumpClock,
    CrashAt,
    DriftClock,
    FailSync,
    Fault,
    FillDisk,
    FlipBit,
    Halves,
    HealAll,
    Isolate,
    Kill,
    LeaderSide,
    LoseDisk,
    LosePower,
    MajoritiesRing,
    OneWay,
    Pause,
    ReadOnlyDisk,
    RemoveNode,
    ResetConnections,
    SlowDisk,
    SlowLinks,
    TransferLeadership,
)
from nemesis.link_kinds import LINK_KINDS, link_variants
from nemesis.partition import RING_MIN
from nemesis.schedule import Schedule, Timed
from nemesis.target import All, AnyNode, Follower, Leader, Minority, Target, minority_size
from system_under_test.control import Moment
from system_under_test.gossip_raft.core.types import Nanos, NodeId

SECOND: Final = 1_000_000_000
_MILLISECOND: Final = 1_000_000

DEFAULT_KINDS: Final = ("partition", "kill", "pause")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How faults are spread over a run, in nanoseconds.

    Attributes:
        first_ns: Before the first fault, for the cluster to settle.
        duration_min_ns, duration_max_ns: How long one fault holds.
        recovery_ns: At least so long between two faults.
        interval_ns: From the start of one fault to that of the next, on average at most.
        tail_ns: Quiet at the end, after ``HealAll``.
    """

    first_ns: int = 3 * SECOND
    duration_min_ns: int = 2 * SECOND
    duration_max_ns: int = 5 * SECOND
    recovery_ns: int = 1_500 * _MILLISECOND
    interval_ns: int = 4_200 * _MILLISECOND
    tail_ns: int = 1_500 * _MILLISECOND

    def __post_init__(self) -> None:
        if not 0 < self.duration_min_ns <= self.duration_max_ns:
            raise ImpossiblePlan(
                f"duration: {self.duration_min_ns}..{self.duration_max_ns} ns is no range above 0"
            )
        if min(self.first_ns, self.recovery_ns, self.tail_ns) < 0:
            raise ImpossiblePlan("first, recovery and tail must not be below 0")
        if self.interval_ns < self.duration_min_ns + self.recovery_ns:
            raise ImpossiblePlan(
                f"interval: {self.interval_ns} ns has no room for a fault of"
                f" {self.duration_min_ns} ns and a recovery of {self.recovery_ns} ns"
            )


def plan(
    rng: random.Random,
    kinds: Collection[str],
    nodes: Sequence[NodeId],
    until_ns: Nanos,
    *,
    pace: Pace | None = None,
    beyond_minority: bool = False,
    leader_first: bool = True,
) -> Schedule:
    """A schedule for a run of ``until_ns``, wholly determined by the arguments.

    The kinds take turns; each goes through its variants before it repeats one.
    Windows never overlap.  A run too short for the pace has one fault, over its middle
    half.

    Args:
        rng: The only source of chance.
        kinds: Some of ``KINDS``; none at all gives ``HealAll`` only.
        nodes: All nodes; only how many matters.
        until_ns: When the run ends.
        pace: How faults are spread; the default has six in 30 s.
        beyond_minority: Also kill or pause all nodes at once.  Otherwise never more
            than a minority (of one or two nodes: one).
        leader_first: Each kind begins with the variant aimed at the leader.

    Raises:
        ImpossiblePlan: A kind is unknown, or has nothing to do to so few nodes, or
            there is no time.
    """
    if until_ns <= 0:
        raise ImpossiblePlan(f"until_ns: {until_ns} is not above 0")
    decks = [
        _dealt(
            rng,
            _variants(kind, len(nodes), beyond_minority=beyond_minority),
            leader_first=leader_first,
        )
        for kind in sorted(frozenset(kinds))
    ]
    pace = pace or Pace()
    steps = []
    if decks:
        windows = _windows(rng, until_ns, pace)
        faults = _in_turn(rng, decks)
        steps = [
            Timed(at_ns=Nanos(at), duration_ns=Nanos(duration), fault=next(faults))
            for at, duration in windows
        ]
    ended_ns = steps[-1].at_ns + steps[-1].duration_ns if steps else 0
    healed_ns = Nanos(max(ended_ns, until_ns - pace.tail_ns))
    last = Timed(at_ns=healed_ns, duration_ns=Nanos(0), fault=HealAll())
    return Schedule(steps=(*steps, last))


def _windows(rng: random.Random, until_ns: int, pace: Pace) -> list[tuple[int, int]]:
    """When faults hold: (start, duration), in milliseconds' precision.

    What the shortest faults and recoveries leave of the time is shared out at
    random, so that all faults fit however long some turn out.
    """
    available_ns = until_ns - pace.first_ns - pace.tail_ns
    least_ns = pace.duration_min_ns + pace.recovery_ns
    if available_ns < least_ns:
        return [(until_ns // 4, until_ns // 2)]
    count = max(1, available_ns // pace.interval_ns)
    shares = [(rng.expovariate(1.0), rng.expovariate(2.0)) for _ in range(count)]
    unit_ns = (available_ns - count * least_ns) / sum(map(sum, shares))
    stretch_max_ns = pace.duration_max_ns - pace.duration_min_ns
    windows = []
    at_ns = pace.first_ns
    for stretch, rest in shares:
        duration_ns = pace.duration_min_ns + min(stretch_max_ns, int(stretch * unit_ns))
        windows.append((_whole(at_ns), _whole(duration_ns)))
        at_ns += duration_ns + pace.recovery_ns + int(rest * unit_ns)
    return windows


def _whole(time_ns: int) -> int:
    return time_ns // _MILLISECOND * _MILLISECOND


def _in_turn(rng: random.Random, decks: Sequence[Iterator[Fault]]) -> Iterator[Fault]:
    while True:
        for deck in rng.sample(decks, len(decks)):
            yield next(deck)


def _dealt(rng: random.Random, variants: Sequence[Fault], *, leader_first: bool) -> Iterator[Fault]:
    """The variants again and again in random order, but perhaps the first one first."""
    first, *others = variants
    if leader_first:
        yield first
        yield from rng.sample(others, len(others))
    while True:
        yield from rng.sample(variants, len(variants))


def variants_of(kind: str) -> Sequence[Fault]:
    """The faults that ``kind`` stands for at most, as in a cluster of five nodes."""
    return _variants(kind, 5, beyond_minority=True)


def _variants(kind: str, node_count: int, *, beyond_minority: bool) -> Sequence[Fault]:
    """The faults that ``kind`` stands for, the one aimed at the leader first."""
    match kind:
        case "partition":
            return _partitions(node_count)
        case "kill":
            return _on_nodes(Kill, node_count, beyond_minority=beyond_minority)
        case "pause":
            return _on_nodes(Pause, node_count, beyond_minority=beyond_minority)
        case "slow":
            return (
                SlowLinks(Leader(), Nanos(100 * _MILLISECOND), Nanos(50 * _MILLISECOND)),
                SlowLinks(AnyNode(), Nanos(300 * _MILLISECOND), Nanos(100 * _MILLISECOND)),
                SlowLinks(All(), Nanos(20 * _MILLISECOND), Nanos(20 * _MILLISECOND)),
            )
        case "reset":
            return (ResetConnections(Leader()), ResetConnections(All()))
        case "membership":
            return _membership_changes(node_count)
        case "weather":
            return (
                BadWeather(All(), loss=0.1, duplication=0.1, straggling=0.1),
                BadWeather(Leader(), loss=0.3),
                BadWeather(AnyNode(), straggling=0.5),
                BadWeather(All(), duplication=0.5),
            )
        case "clock":
            return (
                BumpClock(Leader(), 10 * SECOND),
                BumpClock(AnyNode(), -2 * SECOND),
                BumpClock(AnyNode(), 500 * _MILLISECOND),
                DriftClock(Leader(), -400_000),
                DriftClock(AnyNode(), 1_000_000),
            )
        case "drift":
            return (DriftClock(Leader(), -DRIFT_PPM), DriftClock(Follower(), DRIFT_PPM))
        case _ if kind in LINK_KINDS:
            return link_variants(kind, node_count)
        case _:
            return _machine_faults(kind)


def _machine_faults(kind: str) -> Sequence[Fault]:
    match kind:
        case "power":
            return (
                LosePower(Leader()),
                LosePower(AnyNode(), torn=True),
                LosePower(All()),
                LosePower(All(), torn=True),
            )
        case "crash":
            return (
                CrashAt(Leader(), Moment.PERSISTED),
                CrashAt(Leader(), Moment.SEND, 2),
                CrashAt(AnyNode(), Moment.PERSIST, 3),
                CrashAt(Follower(), Moment.PERSISTED, 2),
                CrashAt(AnyNode(), Moment.ANY, 25),
            )
        case "disk":
            return (
                FlipBit(Leader()),
                SlowDisk(Leader(), Nanos(300 * _MILLISECOND)),
                FillDisk(Leader()),
                FailSync(AnyNode()),
                LoseDisk(AnyNode()),
                ReadOnlyDisk(Leader()),
                FlipBit(Follower()),
                FillDisk(All()),
                SlowDisk(AnyNode(), Nanos(2 * SECOND)),
            )
        case _:
            raise ImpossiblePlan(f"unknown kind of fault {kind!r}; there are {', '.join(KINDS)}")


SIMULATED_KINDS: Final = ("clock", "drift", "power", "crash", "disk")
"""What only a simulated system can suffer."""
SWARM_KINDS: Final = (
    *("partition", "kill", "pause", "slow", "reset", "membership", "weather"),
    *SIMULATED_KINDS,
)
"""Those that seeds draw from: one more would change what every seed stands for."""
KINDS: Final = SWARM_KINDS + LINK_KINDS
LIVE_KINDS: Final = tuple(kind for kind in KINDS if kind not in SIMULATED_KINDS)

DRIFT_PPM: Final = 4_000
"""Two clocks that drift apart by this stay within what leases allow for."""


def _partitions(node_count: int) -> tuple[Fault, ...]:
    if node_count < 2:
        raise ImpossiblePlan("partition: one node alone cannot be partitioned")
    shapes: list[Fault] = [
        Isolate(Leader()),
        OneWay(Leader(), All()),
        OneWay(All(), Leader()),
    ]
    if node_count >= 3:
        shapes += [Isolate(Follower()), Bridge(), Halves()]
    if node_count >= RING_MIN:
        shapes += [Halves(LeaderSide.MINORITY), Halves(LeaderSide.MAJORITY), MajoritiesRing()]
    return tuple(shapes)


def _membership_changes(node_count: int) -> tuple[Fault, ...]:
    if node_count < 2:
        raise ImpossiblePlan("membership: one node alone cannot be removed")
    changes: list[Fault] = [
        RemoveNode(Leader()),
        TransferLeadership(Follower()),
        RemoveNode(Follower()),
    ]
    if minority_size(node_count) > 1:
        changes.append(RemoveNode(Minority()))
    return tuple(changes)


def _on_nodes(
    fault: Callable[[Target], Fault], node_count: int, *, beyond_minority: bool
) -> tuple[Fault, ...]:
    targets: list[Target] = [Leader(), Follower()]
    if minority_size(node_count) > 1:
        targets.append(Minority())
    if beyond_minority:
        targets.append(All())
    return tuple(fault(target) for target in targets)
