"""Kinds of faults on links beyond the first few: what each stands for, as data."""

from __future__ import annotations

from typing import Final

from nemesis.errors import ImpossiblePlan
from nemesis.faults.network import (
    FlappingPrimary,
    Halves,
    Impair,
    Isolate,
    NetworkFault,
    NonTransitive,
    OneWay,
    SlowLinks,
)
from nemesis.target import All, AnyNode, Follower, Leader
from system_under_test.conditions import (
    Crowded,
    Distribution,
    HalfOpen,
    Meddled,
    Meddling,
    Refused,
    Slow,
    Throttled,
)
from system_under_test.gossip_raft.core.types import Nanos

MS: Final = 1_000_000

_GOSSIP: Final = Meddled(Meddling.DROP_REQUEST, methods=("HeartbeatRPC",))
_PULLS: Final = Meddled(
    Meddling.DROP_REQUEST, methods=("PullEntriesRPC", "PullSnapshotRPC", "UpdatePositionRPC")
)
_CRAWL: Final = Slow(Nanos(300 * MS), Nanos(200 * MS), Distribution.PARETO)


def _meddling(how: Meddling) -> tuple[NetworkFault, ...]:
    return (
        Impair(Leader(), Meddled(how, probability=0.5)),
        Impair(All(), Meddled(how, probability=0.1)),
        Impair(AnyNode(), Meddled(how, methods=("PullEntriesRPC", "PutEntriesRPC"))),
        Impair(Follower(), Meddled(how, methods=("HeartbeatRPC", "RequestVoteRPC"))),
    )


LINK_VARIANTS: Final[dict[str, tuple[NetworkFault, ...]]] = {
    "latency": (
        SlowLinks(Leader(), Nanos(60 * MS), Nanos(40 * MS), Distribution.NORMAL),
        SlowLinks(AnyNode(), Nanos(100 * MS), Nanos(100 * MS), Distribution.EXPONENTIAL),
        SlowLinks(All(), Nanos(10 * MS), Nanos(10 * MS), Distribution.PARETO),
    ),
    "throttle": (
        Impair(Leader(), Throttled(20_000)),
        Impair(AnyNode(), Throttled(2_000)),
        Impair(All(), Throttled(50_000)),
    ),
    "refuse": (
        Impair(Leader(), Refused()),
        Impair(AnyNode(), Refused()),
        Impair(All(), Refused()),
    ),
    "half-open": (
        Impair(Leader(), HalfOpen()),
        Impair(AnyNode(), HalfOpen()),
        Impair(All(), HalfOpen()),
    ),
    "crowd": (
        Impair(Leader(), Crowded(1)),
        Impair(All(), Crowded(2)),
    ),
    "flapping": (
        FlappingPrimary(Nanos(1_000 * MS)),
        FlappingPrimary(Nanos(300 * MS)),
    ),
    "non-transitive": (NonTransitive(), NonTransitive(how=_CRAWL)),
    "slow-partition": (
        Isolate(Leader(), how=_CRAWL),
        Halves(how=_CRAWL),
        OneWay(Leader(), All(), how=_CRAWL),
    ),
    "gossip-cut": (
        Isolate(Leader(), how=_GOSSIP),
        OneWay(All(), Leader(), how=_GOSSIP),
        Isolate(All(), how=_GOSSIP),
    ),
    "pull-cut": (
        Isolate(Leader(), how=_PULLS),
        OneWay(Follower(), All(), how=_PULLS),
        Isolate(Follower(), how=_PULLS),
    ),
    **{how.value: _meddling(how) for how in Meddling},
}
"""What each kind stands for, the variant aimed at the leader first."""

LINK_KINDS: Final = tuple(LINK_VARIANTS)
LINK_SUMMARIES: Final = {
    "latency": "links slower, by latencies of several distributions",
    "throttle": "links that carry few bytes a second",
    "refuse": "connections refused, and those there are broken",
    "half-open": "connections that end at one side without the other's knowing",
    "crowd": "no more than a few connections on a link",
    "flapping": "a primary component that comes and goes",
    "non-transitive": "two nodes that do not hear each other, and all others hear both",
    "slow-partition": "links between sides slow instead of cut",
    "gossip-cut": "heartbeats lost, everything else carried",
    "pull-cut": "pulls lost, everything else carried",
    **{how.value: f"single calls: {how.value.replace('-', ' ')}" for how in Meddling},
}
"""What each kind is, in a line."""
CALL_KINDS: Final = ("gossip-cut", "pull-cut", *(how.value for how in Meddling))
"""Those that take somebody who tells calls apart."""
_NODES_MIN: Final = {
    "flapping": 2,
    "non-transitive": 2,
    "slow-partition": 2,
    "gossip-cut": 2,
    "pull-cut": 2,
}


def link_variants(kind: str, node_count: int) -> tuple[NetworkFault, ...]:
    """
    Raises:
        ImpossiblePlan: There are too few nodes for it.
    """
    if node_count < (least := _NODES_MIN.get(kind, 1)):
        raise ImpossiblePlan(f"{kind}: needs {least} nodes, not {node_count}")
    return LINK_VARIANTS[kind]
