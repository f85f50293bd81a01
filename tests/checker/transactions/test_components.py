"""Large components: found, named, and shown as a small cycle."""

from __future__ import annotations

import numpy as np

from checker.base import never
from checker.transactions.cycles import find_cycles
from checker.transactions.graph import Graph, on_cycles
from checker.transactions.kernels import RW, WR, WW


def _graph(txns: int, edges: list[tuple[int, int, int]]) -> Graph:
    src, dst, kind = np.array(edges, dtype=np.int32).T
    return Graph(
        txns=txns,
        nodes=txns,
        src=src.copy(),
        dst=dst.copy(),
        kind=kind.astype(np.uint8),
        key=np.zeros(len(edges), dtype=np.int32),
    )


def _names(graph: Graph) -> dict[str, int]:
    """Anomaly to the length of its shortest cycle found."""
    found = find_cycles(
        graph, on_cycles(graph), np.ones(graph.txns, dtype=np.uint8), known=(), deadline=never
    )
    assert found.undecided == ()
    names: dict[str, int] = {}
    for cycle in found.found:
        for one, other in zip(cycle.steps, (*cycle.steps[1:], cycle.steps[0]), strict=True):
            assert one.dst == other.src
        names[cycle.name] = min(names.get(cycle.name, 1 << 30), len(cycle.steps))
    return names


def test_one_cycle_through_ten_thousand_transactions_is_found() -> None:
    size = 10_000
    ring = [(t, (t + 1) % size, WW) for t in range(size - 1)]
    assert _names(_graph(size, [*ring, (size - 1, 0, WW)])) == {"G0": size}
    assert _names(_graph(size, [*ring, (size - 1, 0, WR)])) == {"G1c": size}
    single = _names(_graph(size, [*ring, (size - 1, 0, RW)]))
    assert single["G-cursor"] == size


def test_the_shortest_of_thousands_of_cycles_is_shown() -> None:
    size = 10_000
    forward = [(t, t + 1, WR) for t in range(size - 1)]
    back = [(t, t - 50, RW) for t in range(50, size, 3)]
    assert _names(_graph(size, [*forward, *back]))["G-single"] == 51
    shortcut = [(5_000, 4_990, RW)]
    assert _names(_graph(size, [*forward, *back, *shortcut]))["G-single"] == 11


def test_missed_writes_that_are_never_apart_are_no_violation_of_snapshots() -> None:
    size = 4_000
    kinds = (RW, RW, WW)
    ring = [(t, (t + 1) % size, kinds[t % 3]) for t in range(3 * (size // 3))]
    ring[-1] = (ring[-1][0], 0, WW)
    names = _names(_graph(size, ring))
    assert set(names) == {"G2-item", "G-update"}


def test_the_kinds_of_a_dense_component_are_told_apart() -> None:
    chance = np.random.default_rng(7)
    size = 3_000
    order = [(t, t + 1, WW) for t in range(size - 1)]
    jumps = [(int(t), int(t) + 7, WR) for t in chance.integers(0, size - 7, 4_000)]
    missed = [(int(t), int(t) - 5, RW) for t in chance.integers(5, size, 2_000)]
    names = _names(_graph(size, [*order, *jumps, *missed]))
    assert "G0" not in names
    assert "G1c" not in names
    assert names["G-cursor"] == 6 or names["G-single"] == 6
