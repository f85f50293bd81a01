"""Dependency graphs: edges as arrays, and what lies on cycles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checker.transactions.engine import engine
from histories.columns import Int32s, Int64s, UInt8s

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Edges between nodes; node t < ``txns`` is transaction t, the others are auxiliary.

    An edge into an auxiliary node has the kind of the dependency, the edges out of it
    carry on (``kernels.ON``); so relations that hold between many and many are stored in
    linear size.

    Attributes:
        txns: Number of transactions.
        nodes: Number of nodes.
        src: Shape (e,), node.
        dst: Shape (e,), node.
        kind: Shape (e,), as in ``kernels``.
        key: Shape (e,), the key that an edge is about, -1 for process and realtime.
    """

    txns: int
    nodes: int
    src: Int32s
    dst: Int32s
    kind: UInt8s
    key: Int32s


@dataclass(frozen=True, slots=True)
class Adjacency:
    """Edge numbers by source: those out of u are ``order[start[u] : start[u + 1]]``."""

    start: Int64s
    order: Int64s


def adjacency(nodes: int, src: NDArray[Any], run: Any) -> Adjacency:
    """Cost: O(nodes + edges)."""
    start = np.zeros(nodes + 1, dtype=np.int64)
    order = np.empty(len(src), dtype=np.int64)
    run.adjacency(src, start, order)
    return Adjacency(start, order)


def components(nodes: int, src: NDArray[Any], dst: NDArray[Any]) -> tuple[int, Int32s]:
    """Strongly connected components: their number, and per node which one.

    They are numbered against the direction of the edges: sinks first.
    """
    run = engine(nodes + 2 * len(src))
    by_source = adjacency(nodes, src, run)
    component = np.full(nodes, -1, dtype=np.int32)
    index = np.full(nodes, -1, dtype=np.int32)
    low, stack, path = (np.empty(nodes + 1, dtype=np.int32) for _ in range(3))
    cursor = np.empty(nodes, dtype=np.int64)
    found = run.components(
        by_source.start, by_source.order, dst, component, index, low, stack, path, cursor
    )
    return int(found), component


def on_cycles(graph: Graph) -> Bools:
    """Which edges lie on some cycle.  Cost: O(nodes + edges)."""
    found, component = components(graph.nodes, graph.src, graph.dst)
    if found == graph.nodes:
        return np.zeros(len(graph.src), dtype=np.bool_)
    within: Bools = component[graph.src] == component[graph.dst]
    return within
