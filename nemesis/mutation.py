"""Schedules made from schedules: what a search tries near one that was worth it.

Each mutation is wholly determined by its arguments and keeps the laws of ``Schedule``; the run
heals when it did before.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from msgspec.structs import replace

from nemesis.fault import Fault
from nemesis.schedule import Schedule, Timed, arranged
from nemesis.target import AnyNode, Follower, Leader, Minority, Named, Target
from system_under_test.gossip_raft.core.types import Nanos, NodeId

Steps: TypeAlias = list[Timed]

_MILLISECOND: Final = 1_000_000
_DURATION_MIN_NS: Final = 20 * _MILLISECOND


def mutate(
    rng: random.Random, schedule: Schedule, other: Schedule, nodes: Sequence[NodeId]
) -> Schedule:
    """``schedule`` with one change: a fault moved, dropped, repeated, made longer or shorter,
    aimed at somebody else, or taken over from ``other``; or all that ``other`` does from some
    instant on.

    Args:
        rng: The only source of chance.
        schedule: Is not changed.
        other: Where faults come from that ``schedule`` does not have.
        nodes: All nodes of the cluster.
    """
    steps, healed_ns = list(schedule.steps[:-1]), schedule.steps[-1].at_ns
    # An end, whatever it heals, is never taken over.
    others = [step for step in other.steps[:-1] if step.at_ns < healed_ns]
    if not healed_ns:
        return schedule
    if not steps:
        return arranged(others, healed_ns)
    change = rng.choice(_CHANGES)
    return arranged(change(rng, steps, others, nodes, healed_ns), healed_ns)


def _moved(
    rng: random.Random, steps: Steps, others: Steps, nodes: Sequence[NodeId], until_ns: int
) -> Steps:
    """By a little, mostly."""
    del others, nodes
    at = rng.randrange(len(steps))
    span = max(1, int(until_ns * 0.5 ** rng.randint(1, 8)))
    moved_ns = steps[at].at_ns + rng.randint(-span, span)
    steps[at] = replace(steps[at], at_ns=Nanos(min(max(0, moved_ns), until_ns - 1)))
    return steps


def _dropped(
    rng: random.Random, steps: Steps, others: Steps, nodes: Sequence[NodeId], until_ns: int
) -> Steps:
    del others, nodes, until_ns
    del steps[rng.randrange(len(steps))]
    return steps


def _repeated(
    rng: random.Random, steps: Steps, others: Steps, nodes: Sequence[NodeId], until_ns: int
) -> Steps:
    del others, nodes
    again = rng.choice(steps)
    return [*steps, replace(again, at_ns=Nanos(rng.randrange(until_ns)))]


def _resized(
    rng: random.Random, steps: Steps, others: Steps, nodes: Sequence[NodeId], until_ns: int
) -> Steps:
    del others, nodes, until_ns
    at = rng.randrange(len(steps))
    factor = rng.choice((0.1, 0.25, 0.5, 0.8, 1.25, 2.0))
    duration_ns = max(_DURATION_MIN_NS, int(steps[at].duration_ns * factor))
    steps[at] = replace(steps[at], duration_ns=Nanos(duration_ns))
    return steps


def _retargeted(
    rng: random.Random, steps: Steps, others: Steps, nodes: Sequence[NodeId], until_ns: int
) -> Steps:
    del others, until_ns
    at = rng.randrange(len(steps))
    steps[at] = replace(steps[at], fault=retarget(rng, steps[at].fault, nodes))
    return steps


def _taken_over(
    rng: random.Random, steps: Steps, others: Steps, nodes: Sequence[NodeId], until_ns: int
) -> Steps:
    """One fault; at its own time, or right after another one."""
    if not others:
        return _repeated(rng, steps, others, nodes, until_ns)
    taken = rng.choice(others)
    if rng.random() < 0.5:
        before = rng.choice(steps)
        taken = replace(taken, at_ns=Nanos(before.at_ns + before.duration_ns))
    return [*steps, taken]


def _crossed(
    rng: random.Random, steps: Steps, others: Steps, nodes: Sequence[NodeId], until_ns: int
) -> Steps:
    del nodes
    cut_ns = rng.randrange(until_ns)
    first, then = (steps, others) if rng.random() < 0.5 else (others, steps)
    return [
        *(step for step in first if step.at_ns < cut_ns),
        *(step for step in then if step.at_ns >= cut_ns),
    ]


_Change: TypeAlias = Callable[[random.Random, Steps, Steps, Sequence[NodeId], int], Steps]
_CHANGES: Final[tuple[_Change, ...]] = (
    _moved,
    _dropped,
    _repeated,
    _resized,
    _retargeted,
    _taken_over,
    _crossed,
)


def retarget(rng: random.Random, fault: Fault, nodes: Sequence[NodeId]) -> Fault:
    """``fault`` aimed at somebody else by role or by name, at a minority at most; the same where
    it has no target."""
    aims = [name for name in ("source", "dest", "target") if hasattr(fault, name)]
    return replace(fault, **{rng.choice(aims): _target(rng, nodes)}) if aims else fault


def _target(rng: random.Random, nodes: Sequence[NodeId]) -> Target:
    roles: tuple[Target, ...] = (Leader(), Follower(), AnyNode(), Minority())
    return rng.choice((*roles, Named((rng.choice(nodes),))))
