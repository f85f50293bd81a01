"""The kinds of faults that one can ask for by name: what each stands for.

Of each kind the variant aimed at the leader comes first.  A kind is a package of faults, or of
series of them; every fault of a package may be asked for by its own name, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

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
    Impair,
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
    ReplaceNode,
    ResetConnections,
    Shun,
    Sieve,
    SkewClock,
    SlowDisk,
    SlowLinks,
    StrobeClock,
    TearLog,
    Terminate,
    TransferLeadership,
    kind_of,
)
from nemesis.link_kinds import LINK_SUMMARIES, link_variants
from nemesis.partition import RING_MIN
from nemesis.schedule import Timed
from nemesis.target import All, AnyNode, Follower, Leader, Minority, Named, Target, minority_size
from system_under_test.conditions import SlowClose
from system_under_test.control import Moment
from system_under_test.gossip_raft.core.types import Nanos, NodeId

MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000 * MILLISECOND

DRIFT_PPM: Final = 4_000
"""Two clocks that drift apart by this stay within what leases allow for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """``faults`` one after the other, a new one every ``period_ns``, each for ``held_ns``; again
    and again until time is over, but each of them once."""

    faults: tuple[Fault, ...]
    period_ns: int
    held_ns: int

    def describe(self) -> str:
        """In words: "every 1.2 s, for 500 ms: kill the leader"."""
        held = f"for {self.held_ns / 1e6:g} ms" if self.held_ns else "undone at once"
        what = ", ".join(dict.fromkeys(fault.describe() for fault in self.faults))
        return f"every {self.period_ns / 1e9:g} s, {held}: {what}"

    def steps(self, at_ns: int, duration_ns: int) -> tuple[Timed, ...]:
        """What it comes to from ``at_ns`` on, for ``duration_ns`` or longer."""
        count = max(len(self.faults), duration_ns // self.period_ns)
        return tuple(
            Timed(
                at_ns=Nanos(at_ns + number * self.period_ns),
                duration_ns=Nanos(self.held_ns),
                fault=self.faults[number % len(self.faults)],
            )
            for number in range(count)
        )


Variant: TypeAlias = Fault | Series


def variants_of(
    kind: str, nodes: Sequence[NodeId], *, beyond_minority: bool = False
) -> Sequence[Variant]:
    """What ``kind`` stands for in a cluster of ``nodes``; never nothing.

    ``beyond_minority``: killing and pausing all nodes at once, too.

    Raises:
        ImpossiblePlan: There is no such kind, or it has nothing to do to so few nodes.
    """
    if kind in PACKAGES:
        variants = PACKAGES[kind].variants(nodes)
        if beyond_minority and kind in BEYOND:
            return (*variants, BEYOND[kind])
        return variants
    alone = tuple(fault for fault in _faults_of_packages(nodes) if kind_of(fault) == kind)
    if not alone:
        known = ", ".join(PACKAGES)
        raise ImpossiblePlan(f"unknown kind of fault {kind!r}; there are {known}")
    return alone


def faults_of(variants: Iterable[Variant]) -> tuple[Fault, ...]:
    """All that they do, each once."""
    found: dict[Fault, None] = {}
    for variant in variants:
        found |= dict.fromkeys(variant.faults if isinstance(variant, Series) else (variant,))
    return tuple(found)


def _faults_of_packages(nodes: Sequence[NodeId]) -> Iterator[Fault]:
    variants: list[Variant] = []
    for package in PACKAGES.values():
        with suppress(ImpossiblePlan):
            variants += package.variants(nodes)
    yield from faults_of(variants)


# --- links -------------------------------------------------------------------------


def _partitions(nodes: Sequence[NodeId]) -> Sequence[Variant]:
    if len(nodes) < 2:
        raise ImpossiblePlan("partition: one node alone cannot be partitioned")
    shapes: list[Fault] = [
        Isolate(Leader()),
        OneWay(Leader(), All()),
        OneWay(All(), Leader()),
    ]
    if len(nodes) >= 3:
        shapes += [Isolate(Follower()), Bridge(), Halves(), Shun(Minority()), Sieve(0.3)]
    if len(nodes) >= RING_MIN:
        shapes += [Halves(LeaderSide.MINORITY), Halves(LeaderSide.MAJORITY), MajoritiesRing()]
    return tuple(shapes)


_SLOW: Final = (
    SlowLinks(Leader(), Nanos(100 * MILLISECOND), Nanos(50 * MILLISECOND)),
    SlowLinks(AnyNode(), Nanos(300 * MILLISECOND), Nanos(100 * MILLISECOND)),
    SlowLinks(All(), Nanos(20 * MILLISECOND), Nanos(20 * MILLISECOND)),
)
_RESET: Final = (ResetConnections(Leader()), ResetConnections(All()))
_WEATHER: Final = (
    BadWeather(All(), loss=0.1, duplication=0.1, straggling=0.1),
    BadWeather(Leader(), loss=0.3),
    BadWeather(AnyNode(), straggling=0.5),
    BadWeather(All(), duplication=0.5),
)


_LATE_ENDS: Final = tuple(
    Series(
        faults=(Impair(All(), SlowClose(Nanos(late_ms * MILLISECOND))), Kill(whom)),
        period_ns=600 * MILLISECOND,
        held_ns=1_500 * MILLISECOND,
    )
    for whom, late_ms in ((Leader(), 2_000), (Follower(), 2_000), (AnyNode(), 300))
)
"""Only where something ends can its end be heard late."""


def _of_links(kind: str, nodes: Sequence[NodeId]) -> Sequence[Variant]:
    return link_variants(kind, len(nodes))


# --- processes ---------------------------------------------------------------------


def _on_nodes(fault: Callable[[Target], Fault]) -> Callable[[Sequence[NodeId]], Sequence[Fault]]:
    def variants(nodes: Sequence[NodeId]) -> Sequence[Fault]:
        targets: list[Target] = [Leader(), Follower()]
        if minority_size(len(nodes)) > 1:
            targets.append(Minority())
        return tuple(fault(target) for target in targets)

    return variants


def _restarts(_: Sequence[NodeId]) -> Sequence[Variant]:
    return tuple(
        Series(faults=(fault,), period_ns=1_500 * MILLISECOND, held_ns=0)
        for fault in (Terminate(Leader()), Kill(Leader()), Kill(Follower()))
    )


def _crash_loops(nodes: Sequence[NodeId]) -> Sequence[Variant]:
    victims: tuple[Target, ...] = (Leader(), *(Named((node,)) for node in nodes))
    return tuple(
        Series(faults=(Kill(who),) * 3, period_ns=1_200 * MILLISECOND, held_ns=0) for who in victims
    )


def _rolling(nodes: Sequence[NodeId]) -> Sequence[Variant]:
    return tuple(
        Series(
            faults=tuple(fault(Named((node,))) for node in nodes),
            period_ns=1_500 * MILLISECOND,
            held_ns=held_ns,
        )
        for fault, held_ns in ((Terminate, 0), (Kill, 0), (Pause, 1_000 * MILLISECOND))
    )


_CRASH: Final = (
    CrashAt(Leader(), Moment.PERSISTED),
    CrashAt(Leader(), Moment.SEND, 2),
    CrashAt(AnyNode(), Moment.PERSIST, 3),
    CrashAt(Follower(), Moment.PERSISTED, 2),
    CrashAt(AnyNode(), Moment.ANY, 25),
)
_OUTAGE: Final = (Kill(All()), Terminate(All()), Pause(All()), LosePower(All()))

# --- machines ----------------------------------------------------------------------

_CLOCK: Final = (
    BumpClock(Leader(), 10 * SECOND),
    BumpClock(AnyNode(), -2 * SECOND),
    BumpClock(AnyNode(), 500 * MILLISECOND),
    DriftClock(Leader(), -400_000),
    DriftClock(AnyNode(), 1_000_000),
)
_DRIFT: Final = (DriftClock(Leader(), -DRIFT_PPM), DriftClock(Follower(), DRIFT_PPM))
_SKEW: Final = (
    SkewClock(Leader(), 3 * SECOND),
    SkewClock(AnyNode(), -1 * SECOND),
    SkewClock(Minority(), 500 * MILLISECOND),
)
_STROBE: Final = (
    StrobeClock(Leader(), Nanos(200 * MILLISECOND), Nanos(100 * MILLISECOND)),
    StrobeClock(Follower(), Nanos(2 * SECOND), Nanos(500 * MILLISECOND)),
    StrobeClock(All(), Nanos(50 * MILLISECOND), Nanos(20 * MILLISECOND)),
)
_POWER: Final = (
    LosePower(Leader()),
    LosePower(AnyNode(), torn=True),
    LosePower(All()),
    LosePower(All(), torn=True),
)
_DISK: Final = (
    FlipBit(Leader()),
    SlowDisk(Leader(), Nanos(300 * MILLISECOND)),
    FillDisk(Leader()),
    FailSync(AnyNode()),
    LoseDisk(AnyNode()),
    ReadOnlyDisk(Leader()),
    FlipBit(Follower()),
    FillDisk(All()),
    SlowDisk(AnyNode(), Nanos(2 * SECOND)),
)
_TEAR: Final = (TearLog(Leader()), TearLog(Follower()), TearLog(All()))

# --- membership --------------------------------------------------------------------


def _membership_changes(nodes: Sequence[NodeId]) -> Sequence[Variant]:
    if len(nodes) < 2:
        raise ImpossiblePlan("membership: one node alone cannot be removed")
    changes: list[Fault] = [
        RemoveNode(Leader()),
        TransferLeadership(Follower()),
        RemoveNode(Follower()),
    ]
    if minority_size(len(nodes)) > 1:
        changes.append(RemoveNode(Minority()))
    return tuple(changes)


def _replacements(nodes: Sequence[NodeId]) -> Sequence[Variant]:
    if len(nodes) < 2:
        raise ImpossiblePlan("replace: one node alone cannot be spared")
    return (ReplaceNode(Leader()), ReplaceNode(Follower()))


def _transfer_storms(nodes: Sequence[NodeId]) -> Sequence[Variant]:
    if len(nodes) < 2:
        raise ImpossiblePlan("transfer-storm: one node alone has nobody to lead in its place")
    transfers = (TransferLeadership(Follower()), TransferLeadership(AnyNode()))
    return tuple(
        Series(faults=(transfer,), period_ns=500 * MILLISECOND, held_ns=0) for transfer in transfers
    )


# --- the catalogue -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Package:
    """A kind of faults: in one line, and its variants for a cluster of such nodes."""

    summary: str
    variants: Callable[[Sequence[NodeId]], Sequence[Variant]]


def _always(*variants: Variant) -> Callable[[Sequence[NodeId]], Sequence[Variant]]:
    return lambda _: variants


PACKAGES: Final[Mapping[str, Package]] = {
    "partition": Package("links between nodes cut, in all shapes", _partitions),
    "kill": Package("processes killed (SIGKILL), started again later", _on_nodes(Kill)),
    "pause": Package("processes stopped (SIGSTOP), resumed later", _on_nodes(Pause)),
    "slow": Package("links slower, by a latency with jitter", _always(*_SLOW)),
    "reset": Package("all connections of a node broken", _always(*_RESET)),
    "membership": Package("nodes removed and added, leadership transferred", _membership_changes),
    "weather": Package("messages lost, repeated and overtaken", _always(*_WEATHER)),
    "clock": Package("clocks set forward and back, and far too fast or slow", _always(*_CLOCK)),
    "drift": Package("clocks that drift apart, within what leases allow for", _always(*_DRIFT)),
    "power": Package("machines that lose what was not synced", _always(*_POWER)),
    "crash": Package("processes that end between sync and answer, and such", _always(*_CRASH)),
    "disk": Package("disks damaged, lost, full, slow, read-only, broken", _always(*_DISK)),
    "terminate": Package("processes asked to end (SIGTERM)", _on_nodes(Terminate)),
    "restart": Package("processes ended and started again at once", _restarts),
    "crash-loop": Package("one node killed as soon as it is up, again and again", _crash_loops),
    "rolling": Package("every node restarted or paused in its turn", _rolling),
    "outage": Package("all nodes down at once", _always(*_OUTAGE)),
    "skew": Package("clocks off, and then set right", _always(*_SKEW)),
    "strobe": Package("clocks that jump forward and back all the time", _always(*_STROBE)),
    "tear": Package("logs that end in a half-written record", _always(*_TEAR)),
    "replace": Package("machines replaced by empty ones", _replacements),
    "slow-close": Package("ends of connections heard late, while nodes die", _always(*_LATE_ENDS)),
    "transfer-storm": Package("leadership handed around all the time", _transfer_storms),
    **{
        kind: Package(summary, partial(_of_links, kind)) for kind, summary in LINK_SUMMARIES.items()
    },
}
BEYOND: Final[Mapping[str, Fault]] = {"kill": Kill(All()), "pause": Pause(All())}
"""What more such a kind stands for where all nodes may be hit at once."""
UNSAFE_FOR_LEASES: Final = frozenset({"clock", "skew", "strobe"})
"""Clocks may go wrong by more than leases allow for."""
