"""Hypothesis strategies for targets, faults and schedules.

Every value that these draw is one that a system can be told to suffer; none is promised to harm.
Needs Hypothesis, a development dependency.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st

from nemesis.fault import (
    BadWeather,
    Bridge,
    BumpClock,
    CrashAt,
    DriftClock,
    FailSync,
    Fault,
    FillDisk,
    FlappingPrimary,
    FlipBit,
    Halves,
    Impair,
    Isolate,
    Kill,
    LeaderSide,
    LoseDisk,
    LosePower,
    MajoritiesRing,
    NonTransitive,
    OneWay,
    PartitionFault,
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
)
from nemesis.partition import RING_MIN
from nemesis.schedule import Schedule, Timed, arranged
from nemesis.target import (
    All,
    AnyNode,
    ChainEnd,
    Follower,
    Leader,
    Minority,
    Named,
    Puller,
    Relay,
    Target,
)
from system_under_test.conditions import (
    Condition,
    Crowded,
    Cut,
    Distribution,
    Flapping,
    HalfOpen,
    Meddled,
    Meddling,
    Refused,
    Slow,
    SlowClose,
    Throttled,
    Weather,
)
from system_under_test.control import Moment
from system_under_test.gossip_raft.core.types import Nanos, NodeId

MS: Final = 1_000_000
LATENCIES: Final = st.integers(1, 1_000).map(lambda milliseconds: Nanos(milliseconds * MS))
PROBABILITIES: Final = st.sampled_from((0.0, 0.1, 0.5, 1.0))


def targets(nodes: Sequence[NodeId]) -> st.SearchStrategy[Target]:
    """By role or by name."""
    named = st.lists(st.sampled_from(nodes), min_size=1, unique=True)
    return st.one_of(
        st.sampled_from(
            (Leader(), Follower(), AnyNode(), Minority(), All(), Puller(), Relay(), ChainEnd())
        ),
        named.map(lambda names: Named(tuple(names))),
    )


def conditions() -> st.SearchStrategy[Condition]:
    """Everything that can be wrong with a link."""
    names = st.sampled_from(("HeartbeatRPC", "PullEntriesRPC", "PutEntriesRPC", "ReadRPC"))
    meddled = st.builds(
        Meddled,
        st.sampled_from(Meddling),
        st.lists(names, unique=True, max_size=2).map(tuple),
        PROBABILITIES,
        LATENCIES,
        st.integers(1, 16),
    )
    slow = LATENCIES.flatmap(
        lambda latency: st.builds(
            Slow, st.just(latency), st.just(latency), st.sampled_from(Distribution)
        )
    )
    return st.one_of(
        st.sampled_from((Cut(), Refused(), HalfOpen())),
        slow,
        st.builds(Throttled, st.integers(1_000, 1_000_000)),
        st.builds(SlowClose, LATENCIES),
        st.builds(Crowded, st.integers(1, 10)),
        st.builds(Flapping, LATENCIES),
        st.builds(Weather, PROBABILITIES, PROBABILITIES, PROBABILITIES),
        meddled,
    )


def partitions(nodes: Sequence[NodeId]) -> st.SearchStrategy[PartitionFault]:
    """Of every shape that so many nodes, at least two, can be put into."""
    target = targets(nodes)
    how = st.one_of(st.just(Cut()), conditions())
    shapes: list[st.SearchStrategy[PartitionFault]] = [
        st.builds(Isolate, target, how=how),
        st.builds(Halves, st.sampled_from(LeaderSide), how=how),
        st.builds(OneWay, target, target, how=how),
        st.builds(Bridge, how=how),
        st.builds(NonTransitive, how=how),
        st.builds(Shun, target, how=how),
        st.builds(Sieve, PROBABILITIES, how=how),
    ]
    if len(nodes) >= RING_MIN:
        shapes.append(st.builds(MajoritiesRing, how=how))
    return st.one_of(shapes)


def live_faults(nodes: Sequence[NodeId]) -> st.SearchStrategy[Fault]:
    """Those that live systems can suffer as well."""
    target = targets(nodes)
    return st.one_of(
        st.builds(Kill, target),
        st.builds(Terminate, target),
        partitions(nodes),
        st.builds(Pause, target),
        st.builds(SlowLinks, target, LATENCIES),
        st.builds(Impair, target, conditions()),
        st.builds(FlappingPrimary, LATENCIES),
        st.builds(ResetConnections, target),
    )


def faults(nodes: Sequence[NodeId]) -> st.SearchStrategy[Fault]:
    """Every one that a simulated system can suffer, besides being healed."""
    target = targets(nodes)
    return st.one_of(
        live_faults(nodes),
        st.builds(LosePower, target, st.booleans()),
        st.builds(CrashAt, target, st.sampled_from(Moment), st.integers(1, 30)),
        st.builds(
            BadWeather,
            target,
            loss=PROBABILITIES,
            duplication=PROBABILITIES,
            straggling=PROBABILITIES,
        ),
        st.builds(BumpClock, target, st.integers(-2_000, 10_000).map(lambda ms: ms * MS)),
        st.builds(SkewClock, target, st.integers(-2_000, 10_000).map(lambda ms: ms * MS)),
        st.builds(DriftClock, target, st.integers(-500_000, 1_000_000)),
        st.builds(StrobeClock, target, LATENCIES, LATENCIES),
        st.sampled_from((FlipBit, LoseDisk, TearLog, FillDisk, ReadOnlyDisk, FailSync)).flatmap(
            lambda kind: st.builds(kind, target)
        ),
        st.sampled_from((RemoveNode, ReplaceNode, TransferLeadership)).flatmap(
            lambda kind: st.builds(kind, target)
        ),
        st.builds(SlowDisk, target, LATENCIES),
    )


@st.composite
def schedules(
    draw: st.DrawFn,
    nodes: Sequence[NodeId],
    healed_ns: int,
    fault: st.SearchStrategy[Fault] | None = None,
    *,
    faults_max: int = 6,
) -> Schedule:
    """At most so many faults, which may overlap, healed after ``healed_ns``.

    ``fault``: what may happen, any of ``faults`` by default.
    """
    what = faults(nodes) if fault is None else fault
    milliseconds = st.integers(0, healed_ns // MS)
    timed = st.builds(
        lambda at, duration, fault: Timed(
            at_ns=Nanos(at * MS), duration_ns=Nanos(duration * MS), fault=fault
        ),
        milliseconds,
        milliseconds,
        what,
    )
    return arranged(draw(st.lists(timed, max_size=faults_max)), healed_ns)
