"""The life of a cluster in a few lines, for reports: who led, when, and how far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from histories.trace import (
    Booted,
    Committed,
    NodeEvent,
    Persisted,
    RoleChanged,
    SnapshotInstalled,
    Stopped,
    TermAdopted,
    Voted,
)

POINTS_MAX: Final = 500


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


@dataclass(frozen=True, slots=True)
class Point:
    """The value that holds from ``at`` on."""

    at: int
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterLife:
    """Leaderships and boots ascend by time; the steps of a node by its own time.

    Times of different nodes are comparable for drawing only, and only where the
    nodes share a clock.  A death shows as the end of what was before a boot.
    """

    leaderships: tuple[Leadership, ...]
    boots: tuple[Boot, ...]
    terms: Mapping[str, tuple[Point, ...]]
    commit_points: Mapping[str, tuple[Point, ...]]


def cluster_life(
    traces: Mapping[str, Sequence[NodeEvent]], *, points_max: int = POINTS_MAX
) -> ClusterLife:
    """Summarize the traces; each series has at most ``points_max`` (>= 2) points."""
    assert points_max >= 2, points_max
    leaderships: list[Leadership] = []
    boots: list[Boot] = []
    terms: dict[str, tuple[Point, ...]] = {}
    commit_points: dict[str, tuple[Point, ...]] = {}
    for node in sorted(traces):
        life = _Life(node)
        for event in traces[node]:
            life.take(event)
        life.end_leadership(life.at)
        leaderships += life.leaderships
        boots += life.boots
        terms[node] = _thin(life.terms, points_max)
        commit_points[node] = _thin(life.commit_points, points_max)
    return ClusterLife(
        leaderships=tuple(sorted(leaderships, key=lambda led: (led.from_at, led.node))),
        boots=tuple(sorted(boots, key=lambda boot: (boot.at, boot.node))),
        terms=terms,
        commit_points=commit_points,
    )


class _Life:
    def __init__(self, node: str) -> None:
        self.at = 0
        self.leaderships: list[Leadership] = []
        self.boots: list[Boot] = []
        self.terms: list[Point] = []
        self.commit_points: list[Point] = []
        self._node = node
        self._led: tuple[int, int] | None = None  # term, from

    def take(self, event: NodeEvent) -> None:
        match event:
            case Booted():
                # Nobody knows when it died; its last event is the best there is.
                self.end_leadership(self.at)
                self.boots.append(
                    Boot(
                        node=self._node,
                        at=event.at,
                        incarnation=event.incarnation,
                        term=event.term,
                    )
                )
                _step(self.terms, event.at, event.term)
                _step(self.commit_points, event.at, event.commit_index)
            case RoleChanged():
                self.end_leadership(event.at)
                if event.role == "leader":
                    self._led = (event.term, event.at)
                _step(self.terms, event.at, event.term)
            case TermAdopted():
                self.end_leadership(event.at)
                _step(self.terms, event.at, event.term)
            case Voted() | Persisted():
                _step(self.terms, event.at, event.term)
            case Committed() | SnapshotInstalled():
                _step(self.commit_points, event.at, event.index)
            case Stopped():
                self.end_leadership(event.at)
            case _:
                pass  # Entries and answers are not drawn.
        self.at = event.at

    def end_leadership(self, at: int) -> None:
        if self._led is not None:
            term, since = self._led
            self._led = None
            self.leaderships.append(
                Leadership(node=self._node, term=term, from_at=since, until_at=at)
            )


def _step(points: list[Point], at: int, value: int) -> None:
    if not points or points[-1].value != value:
        points.append(Point(at, value))


def _thin(points: list[Point], points_max: int) -> tuple[Point, ...]:
    """Evenly chosen points, the first and the last among them."""
    if len(points) <= points_max:
        return tuple(points)
    last = len(points) - 1
    return tuple(points[last * k // (points_max - 1)] for k in range(points_max))
