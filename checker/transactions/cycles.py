"""Finding the cycles of a dependency graph, class by class.

Whether a graph has a cycle of Adya's classes is decided by linear tests (components
of the graph restricted to some kinds, or of a layered one), never by enumeration; a
search then only looks for a short one.  It is breadth first over pairs of node and
state, so it never takes one way twice (unlike a search over paths).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from checker.base import Deadline
from checker.consistency_models import RULES_OUT, ruled_out_by
from checker.transactions.cycle_classes import (
    CAUSAL_VIOLATION,
    EXTRAS,
    FRACTURED_READ,
    G0,
    G1C,
    G2_ITEM,
    G_NONADJACENT,
    G_SINGLE,
    G_UPDATE,
    PREFIX_VIOLATION,
    SUFFIXES,
    WRITE_CONFLICT,
    CycleClass,
    Step,
    name_of,
)
from checker.transactions.engine import engine
from checker.transactions.graph import Bools, Graph, adjacency, components
from checker.transactions.kernels import ON, RW, WR, WW, WW_INFERRED
from histories.columns import Int64s, UInt8s

EXAMPLES_MAX: Final = 5
"""Cycles shown per anomaly; no two of them share a transaction."""

_SEARCHES: Final = 50
"""Roughly how often a component is gone through."""

_WORK_MAX: Final = 100
"""How often all edges may be looked at for a shorter or another cycle of a proven anomaly."""

_WORK_UNLIMITED: Final = 1 << 55


@dataclass(frozen=True, slots=True)
class Cycle:
    """An anomaly that is a cycle of dependencies; each step ends where the next begins."""

    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Cycles:
    """What was found; ``undecided`` names classes whose search was given up."""

    found: tuple[Cycle, ...]
    undecided: tuple[str, ...]


def find_cycles(
    graph: Graph,
    cyclic: Bools,
    update_txns: UInt8s,
    *,
    known: Iterable[str],
    deadline: Deadline,
) -> Cycles:
    """At least one cycle of every class that the graph has, short ones first.

    A process or realtime variant is looked for only if the graph has no such cycle
    without those edges; a pattern other than a fractured read only if it would rule out
    a model that nothing else rules out.

    Args:
        graph: With process and realtime edges.
        cyclic: Which of its edges are on cycles.
        update_txns: Shape (txns,), 1 where a transaction writes.
        known: Anomalies that the history is known to have.
        deadline: Asked between searches; what was not searched is undecided.
    """
    if not cyclic.any():
        return Cycles((), ())
    region = _Region(graph, cyclic, update_txns)
    hunt = _Hunt(region, known, deadline)
    hunt.adya()
    hunt.patterns()
    return Cycles(tuple(hunt.found), tuple(hunt.undecided))


class _Region:
    """The part of a graph that lies on cycles, its nodes renumbered from 0."""

    def __init__(self, graph: Graph, cyclic: Bools, update_txns: UInt8s) -> None:
        nodes, ends = np.unique(
            np.concatenate([graph.src[cyclic], graph.dst[cyclic]]), return_inverse=True
        )
        half = len(ends) // 2
        self.src: Int64s = ends[:half].astype(np.int64)
        self.dst: Int64s = ends[half:].astype(np.int64)
        self.kind = graph.kind[cyclic].astype(np.int64)
        self.key = graph.key[cyclic].astype(np.int64)
        self.edges = np.stack([self.src, self.dst, self.kind, self.key])
        self.nodes = len(nodes)
        self.name = nodes
        self.auxiliary = (nodes >= graph.txns).astype(np.int64)
        self.reads_only = np.zeros(self.nodes, dtype=np.uint8)
        is_txn = self.auxiliary == 0
        self.reads_only[is_txn] = 1 - update_txns[nodes[is_txn]]
        # Every search may look at all of it.
        self.run = engine(_SEARCHES * (self.nodes + len(self.src)))

    def of_kinds(self, kinds: Sequence[int]) -> NDArray[np.intp]:
        """The edges of these kinds, and those that carry them on."""
        return np.flatnonzero(np.isin(self.kind, [*kinds, ON]))

    def within_components(self, edges: NDArray[np.intp], kind: int) -> Int64s:
        """The edges of ``kind`` that lie on cycles of ``edges``."""
        _, component = components(self.nodes, self.src[edges], self.dst[edges])
        inside = edges[component[self.src[edges]] == component[self.dst[edges]]]
        chosen: Int64s = inside[self.kind[inside] == kind].astype(np.int64)
        return chosen

    def closing(self, kinds: Sequence[int]) -> Int64s:
        """The rw edges that edges of ``kinds`` alone complete to a cycle."""
        travel = self.of_kinds(kinds)
        _, component = components(self.nodes, self.src[travel], self.dst[travel])
        forward = travel[np.argsort(-component[self.src[travel]], kind="stable")]
        candidates = np.flatnonzero(self.kind == RW)
        closes = np.zeros(len(candidates), dtype=np.uint8)
        reach = np.zeros(self.nodes, dtype=np.int64)
        self.run.closing(self.src, self.dst, forward, candidates, reach, closes)
        chosen: Int64s = candidates[closes == 1].astype(np.int64)
        return chosen

    def layered(self, after_write: Sequence[int], extras: Sequence[int]) -> Int64s:
        """The rw edges on a cycle in which no rw leaves a node just entered otherwise.

        ``after_write`` are the kinds behind which a rw may follow; all dependencies are
        allowed elsewhere.  Two layers: nodes entered by such a kind, and by another.
        """
        edges = self.of_kinds([WW, WW_INFERRED, WR, RW, *extras])
        kind, src, dst = self.kind[edges], self.src[edges], self.dst[edges]
        carried = kind == ON
        good = np.isin(kind, after_write)
        from_good = 2 * src
        from_other = 2 * src + 1
        to = 2 * dst + ~good
        low = np.concatenate([from_good, from_other[kind != RW]])
        high = np.concatenate(
            [np.where(carried, 2 * dst, to), np.where(carried, 2 * dst + 1, to)[kind != RW]]
        )
        _, component = components(2 * self.nodes, low, high)
        whole = component[low[: len(edges)]] == component[high[: len(edges)]]
        chosen: Int64s = edges[whole & (kind == RW)].astype(np.int64)
        return chosen


class _Hunt:
    """The searches over one region, and what they found."""

    def __init__(self, region: _Region, known: Iterable[str], deadline: Deadline) -> None:
        self._region = region
        self._known = tuple(known)
        self._deadline = deadline
        self._by_source = adjacency(region.nodes, region.src, region.run)
        self._single: Int64s = np.empty(0, dtype=np.int64)
        self.found: list[Cycle] = []
        self.undecided: list[str] = []

    def adya(self) -> None:
        """G0 to G2, each with its variants, from the worst to the least."""
        settled: set[str] = set()
        for suffix in SUFFIXES:
            extras = EXTRAS[suffix]
            proven = False
            for kind in (G0, G1C, G_SINGLE, G_NONADJACENT, G2_ITEM):
                if kind.name in settled:
                    proven = True
                    continue
                first = self._candidates(kind, extras)
                if not len(first):
                    continue
                settled.add(kind.name)
                self._search(kind, suffix, first, proven=not proven)
                proven = True

    def patterns(self) -> None:
        """The anomalies of levels that Adya's classes do not tell apart."""
        region = self._region
        for kind in (FRACTURED_READ, WRITE_CONFLICT, CAUSAL_VIOLATION):
            if kind is FRACTURED_READ or self._tells_more(kind):
                self._search(kind, "", self._single, proven=False)
        if self._tells_more(PREFIX_VIOLATION):
            self._search(PREFIX_VIOLATION, "", region.layered((WR,), ()), proven=True)
        if self._tells_more(G_UPDATE):
            edges = region.of_kinds((WW, WW_INFERRED, WR, RW))
            first = region.within_components(edges, RW)
            self._search(G_UPDATE, "", first, proven=False, banned=region.reads_only)

    def _tells_more(self, kind: CycleClass) -> bool:
        """Whether finding it would rule out what is not ruled out yet."""
        so_far = ruled_out_by([*self._known, *(cycle.name for cycle in self.found)])
        return not frozenset(RULES_OUT[kind.name]) <= frozenset(so_far)

    def _candidates(self, kind: CycleClass, extras: Sequence[int]) -> Int64s:
        """Edges to begin with; none exactly if neither this class nor a worse one has a cycle."""
        region = self._region
        depends = (WW, WW_INFERRED, WR, *extras)
        match kind.name:
            case "G0":
                return region.within_components(region.of_kinds((WW, *extras)), WW)
            case "G1c":
                return region.within_components(region.of_kinds(depends), WR)
            case "G-single":
                first = region.closing(depends)
                if not extras:
                    self._single = first
                return first
            case "G-nonadjacent":
                return region.layered(depends, extras)
            case _:
                return region.within_components(region.of_kinds((*depends, RW)), RW)

    def _search(
        self,
        kind: CycleClass,
        suffix: str,
        first: Int64s,
        *,
        proven: bool,
        banned: UInt8s | None = None,
    ) -> None:
        """Report short cycles; if ``proven`` there is one, so it is searched to the end.

        Only the first node of a cycle may be a ``banned`` one.
        """
        region = self._region
        if len(first) and self._deadline():
            self.undecided.append(kind.name + suffix)
            return
        shown = np.zeros(region.nodes, dtype=np.uint8)
        avoid = shown if banned is None else banned.copy()
        enough = _WORK_MAX * (len(region.src) + 1_000)
        give_up = _WORK_UNLIMITED if proven else 8 * enough
        seen = 0
        while len(first) and seen < EXAMPLES_MAX and not (seen and self._deadline()):
            first = first[(shown[region.src[first]] | shown[region.dst[first]]) == 0]
            edges, work = self._shortest(kind, EXTRAS[suffix], first, avoid, (enough, give_up))
            if not edges:
                if not seen and work >= give_up and kind not in _ADYA:  # those follow from others
                    self.undecided.append(kind.name)
                return
            steps = _simplest(self._steps(edges))
            cycle = Cycle(_special_name(kind, steps), steps)
            if cycle not in self.found:  # a walk that went around twice is a worse cycle
                self.found.append(cycle)
            shown[region.src[edges]] = 1
            avoid[region.src[edges]] = 1
            seen += 1
            enough = max(0, enough - work)
            give_up = enough

    def _shortest(
        self,
        kind: CycleClass,
        extras: Sequence[int],
        first: Int64s,
        avoid: UInt8s,
        limits: tuple[int, int],
    ) -> tuple[list[int], int]:
        """The edges of the shortest cycle found, and the work that took.

        No further first edge is tried once there is a cycle of two, or once the work is
        the first of ``limits`` with a cycle, or the second without.
        """
        region = self._region
        table, accepts = kind.table(extras), kind.accepting()
        states = len(table)
        places = region.nodes * states
        way = np.full((2, places), -1, dtype=np.int64)
        queues = np.empty((3, 2 * places + 2), dtype=np.int64)
        best: list[int] = []
        length_max, done = 1 << 30, 0
        for edge in first:
            place, work, used = region.run.walk_home(
                self._by_source.start,
                self._by_source.order,
                region.edges,
                region.auxiliary,
                avoid,
                edge,
                table,
                accepts,
                length_max,
                way,
                queues,
            )
            done += work
            if place >= 0:
                length_max = int(way[0, place]) - 1
                best = []
                while (led := int(way[1, place])) >= 0:
                    best.append(led // states)
                    place = region.src[best[-1]] * states + led % states
                best.append(int(edge))
                best.reverse()
            way[0, queues[2, :used]] = -1
            if length_max < 2 or done >= limits[0 if best else 1]:
                break
        return best, done

    def _steps(self, edges: Sequence[int]) -> tuple[Step, ...]:
        """Edges by way of auxiliary nodes put together."""
        region = self._region
        steps: list[Step] = []
        begun: Any = None
        for edge in edges:
            begun = edge if begun is None else begun
            if region.auxiliary[region.dst[edge]]:
                continue
            steps.append(
                Step(
                    src=int(region.name[region.src[begun]]),
                    dst=int(region.name[region.dst[edge]]),
                    kind=int(region.kind[begun]),
                    key=int(region.key[begun]),
                )
            )
            begun = None
        return tuple(steps)


_ADYA: Final = (G0, G1C, G_SINGLE, G_NONADJACENT, G2_ITEM)


def _simplest(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """A part of a closed walk that visits no transaction twice, of the same name if any is."""
    wanted = name_of(steps)
    while True:
        seen: dict[int, int] = {}
        for place, step in enumerate(steps):
            if step.src in seen:
                inner, outer = (
                    steps[seen[step.src] : place],
                    steps[: seen[step.src]] + steps[place:],
                )
                steps = min(inner, outer, key=lambda part: (name_of(part) != wanted, len(part)))
                break
            seen[step.src] = place
        else:
            return steps


def _special_name(kind: CycleClass, steps: Sequence[Step]) -> str:
    """The name of the pattern, if the cycle has one, or of its class."""
    if kind not in _ADYA:
        return kind.name
    name = name_of(steps)
    if name == "G-nonadjacent" and len(steps) == 4 and {step.kind for step in steps} == {RW, WR}:
        return "long-fork"
    keys = {step.key for step in steps}
    if name == "G2-item" and len(steps) == 2 and len(keys) == 2:
        return "write-skew"
    if name == "G-single" and len(keys) == 1 and all(step.kind in (RW, WW) for step in steps):
        return "G-cursor"
    return name
