"""Drawing a schedule: which faults, in what order, from one seeded stream."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from nemesis.errors import ImpossiblePlan
from nemesis.fault import HealAll
from nemesis.packages import PACKAGES, SECOND, Series, Variant, variants_of
from nemesis.schedule import Schedule, Timed
from system_under_test.gossip_raft.core.types import Nanos, NodeId

_MILLISECOND: Final = 1_000_000

DEFAULT_KINDS: Final = ("partition", "kill", "pause")
KINDS: Final = tuple(PACKAGES)


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
    at_once: int = 1,
) -> Schedule:
    """A schedule for a run of ``until_ns``, wholly determined by the arguments.

    The kinds take turns; each goes through its variants before it repeats one.
    A run too short for the pace has one fault, over its middle half.

    Args:
        rng: The only source of chance.
        kinds: Some of ``KINDS``, or names of single faults; none at all gives ``HealAll`` only.
        nodes: All nodes.
        until_ns: When the run ends.
        pace: How faults are spread; the default has six in 30 s.
        beyond_minority: Also kill or pause all nodes at once.  Otherwise never more
            than a minority (of one or two nodes: one).
        leader_first: Each kind begins with the variant aimed at the leader.
        at_once: So many faults may hold at once: so many plans are laid over each other.

    Raises:
        ImpossiblePlan: A kind is unknown, or has nothing to do to so few nodes, or
            there is no time.
    """
    if until_ns <= 0:
        raise ImpossiblePlan(f"until_ns: {until_ns} is not above 0")
    if at_once < 1:
        raise ImpossiblePlan(f"at_once: {at_once} is not at least 1")
    pace = pace or Pace()
    variants = [
        variants_of(kind, nodes, beyond_minority=beyond_minority)
        for kind in sorted(frozenset(kinds))
    ]
    steps: list[Timed] = []
    for _ in range(at_once if variants else 0):
        decks = [_dealt(rng, known, leader_first=leader_first) for known in variants]
        steps += _layer(_windows(rng, until_ns, pace), _in_turn(rng, decks), until_ns, pace)
    steps.sort(key=lambda step: step.at_ns)
    ended_ns = max((step.at_ns + step.duration_ns for step in steps), default=0)
    healed_ns = Nanos(max(ended_ns, until_ns - pace.tail_ns))
    last = Timed(at_ns=healed_ns, duration_ns=Nanos(0), fault=HealAll())
    return Schedule(steps=(*steps, last))


def _layer(
    windows: Sequence[tuple[int, int]], variants: Iterator[Variant], until_ns: int, pace: Pace
) -> list[Timed]:
    """One variant after the other; a series that takes longer than its window puts off the next
    one, and what would then last into the quiet at the end is left out."""
    steps: list[Timed] = []
    free_ns = 0
    for window_ns, duration_ns in windows:
        at_ns = max(window_ns, free_ns)
        coming = _steps(next(variants), at_ns, duration_ns)
        last_ns = max(until_ns - pace.tail_ns, window_ns + duration_ns)
        fitting = [step for step in coming if step.at_ns + step.duration_ns <= last_ns]
        if not fitting and at_ns == window_ns:
            fitting = [replace(coming[0], duration_ns=Nanos(duration_ns))]
        steps += fitting
        free_ns = coming[-1].at_ns + coming[-1].duration_ns + pace.recovery_ns
    return steps


def _steps(variant: Variant, at_ns: int, duration_ns: int) -> Sequence[Timed]:
    if isinstance(variant, Series):
        return variant.steps(at_ns, duration_ns)
    return (Timed(at_ns=Nanos(at_ns), duration_ns=Nanos(duration_ns), fault=variant),)


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


def _in_turn(rng: random.Random, decks: Sequence[Iterator[Variant]]) -> Iterator[Variant]:
    while True:
        for deck in rng.sample(decks, len(decks)):
            yield next(deck)


def _dealt(
    rng: random.Random, variants: Sequence[Variant], *, leader_first: bool
) -> Iterator[Variant]:
    """The variants again and again in random order, but perhaps the first one first."""
    first, *others = variants
    if leader_first:
        yield first
        yield from rng.sample(others, len(others))
    while True:
        yield from rng.sample(variants, len(variants))
