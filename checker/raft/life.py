"""The life of a cluster as steps over time, for reports: who led, who followed whom, how far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeAlias, TypeVar

from histories.trace import (
    Appended,
    Booted,
    Committed,
    NodeEvent,
    Persisted,
    RoleChanged,
    SnapshotInstalled,
    SourceChosen,
    Stopped,
    TermAdopted,
    Voted,
)

POINTS_MAX: Final = 4_000

FOLLOWER: Final = "follower"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leadership:
    """``node`` led ``term`` within [from_at, until_at], its own nanoseconds."""

    node: str
    term: int
    from_at: int
    until_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    node: str
    at: int
    incarnation: int
    term: int


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The last that is known of a life of ``node``; ``reason`` is "" if it did not say."""

    node: str
    at: int
    reason: str


@dataclass(frozen=True, slots=True)
class Point(Generic[T]):
    """The value that holds from ``at`` on."""

    at: int
    value: T


Steps: TypeAlias = Mapping[str, tuple[Point[T], ...]]
"""By node, ascending by its own time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterLife:
    """Leaderships, boots and ends ascend by time; the steps of a node by its own time.

    Times of different nodes are comparable for drawing only, and only where the
    nodes share a clock.  A killed node's life ends with the last event before a boot;
    the life that a trace ends in has no end, unless the node stopped.

    Attributes:
        roles: As ``RoleChanged`` names them; a node that boots is a follower.
        commit_points: Indices.
        logs: (index, term) of the last entry.
        sources: Whom a node pulls from while it follows.
    """

    leaderships: tuple[Leadership, ...]
    boots: tuple[Boot, ...]
    ends: tuple[End, ...]
    roles: Steps[str]
    terms: Steps[int]
    commit_points: Steps[int]
    logs: Steps[tuple[int, int]]
    sources: Steps[str]


def cluster_life(
    traces: Mapping[str, Sequence[NodeEvent]], *, points_max: int = POINTS_MAX
) -> ClusterLife:
    """Summarize the traces; each series has at most ``points_max`` (>= 2) points."""
    assert points_max >= 2, points_max
    lives = {node: _Life(node) for node in sorted(traces)}
    for node, life in lives.items():
        for event in traces[node]:
            life.take(event)
        life.end_leadership(life.at)
    leaderships = [led for life in lives.values() for led in life.leaderships]
    boots = [boot for life in lives.values() for boot in life.boots]
    ends = [end for life in lives.values() for end in life.ends]

    def thinned(steps: Mapping[str, list[Point[T]]]) -> Steps[T]:
        return {node: _thin(points, points_max) for node, points in steps.items()}

    return ClusterLife(
        leaderships=tuple(sorted(leaderships, key=lambda led: (led.from_at, led.node))),
        boots=tuple(sorted(boots, key=lambda boot: (boot.at, boot.node))),
        ends=tuple(sorted(ends, key=lambda end: (end.at, end.node))),
        roles=thinned({node: life.roles for node, life in lives.items()}),
        terms=thinned({node: life.terms for node, life in lives.items()}),
        commit_points=thinned({node: life.commit_points for node, life in lives.items()}),
        logs=thinned({node: life.logs for node, life in lives.items()}),
        sources=thinned({node: life.sources for node, life in lives.items()}),
    )


class _Life:
    def __init__(self, node: str) -> None:
        self.at = 0
        self.leaderships: list[Leadership] = []
        self.boots: list[Boot] = []
        self.ends: list[End] = []
        self.roles: list[Point[str]] = []
        self.terms: list[Point[int]] = []
        self.commit_points: list[Point[int]] = []
        self.logs: list[Point[tuple[int, int]]] = []
        self.sources: list[Point[str]] = []
        self._node = node
        self._led: tuple[int, int] | None = None  # term, from
        self._stopped = True

    def take(self, event: NodeEvent) -> None:
        at = event.at
        match event:
            case Booted():
                self._booted(event)
            case RoleChanged():
                self.end_leadership(at)
                if event.role == "leader":
                    self._led = (event.term, at)
                _step(self.roles, at, event.role)
                _step(self.terms, at, event.term)
            case TermAdopted():
                self.end_leadership(at)
                _step(self.terms, at, event.term)
            case Voted():
                _step(self.terms, at, event.term)
            case Persisted():
                _step(self.terms, at, event.term)
                _step(self.logs, at, (event.last_index, event.last_term))
            case Appended():
                _step(self.logs, at, (event.index, event.term))
            case Committed() | SnapshotInstalled():
                _step(self.commit_points, at, event.index)
            case SourceChosen():
                _step(self.sources, at, event.source)
            case Stopped():
                self.end_leadership(at)
                self.ends.append(End(node=self._node, at=at, reason=event.reason))
                self._stopped = True
            case _:
                pass  # What is applied and answered is not drawn.
        self.at = at

    def _booted(self, event: Booted) -> None:
        # Nobody knows when it died; its last event is the best there is.
        self.end_leadership(self.at)
        if not self._stopped:
            self.ends.append(End(node=self._node, at=self.at, reason=""))
        self._stopped = False
        self.boots.append(
            Boot(node=self._node, at=event.at, incarnation=event.incarnation, term=event.term)
        )
        _step(self.roles, event.at, FOLLOWER)
        _step(self.terms, event.at, event.term)
        _step(self.commit_points, event.at, event.commit_index)
        _step(self.logs, event.at, (event.last_index, event.last_term))

    def end_leadership(self, at: int) -> None:
        if self._led is not None:
            term, since = self._led
            self._led = None
            self.leaderships.append(
                Leadership(node=self._node, term=term, from_at=since, until_at=at)
            )


def _step(points: list[Point[T]], at: int, value: T) -> None:
    if not points or points[-1].value != value:
        points.append(Point(at, value))


def _thin(points: list[Point[T]], points_max: int) -> tuple[Point[T], ...]:
    """Evenly chosen points, the first and the last among them."""
    if len(points) <= points_max:
        return tuple(points)
    last = len(points) - 1
    return tuple(points[last * k // (points_max - 1)] for k in range(points_max))
