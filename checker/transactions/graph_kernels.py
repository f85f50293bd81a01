"""The loops over graphs; rules as in ``kernels``."""

from __future__ import annotations

from typing import Any, Final

from checker.transactions.kernels import WW, WW_INFERRED

Array = Any

SAME_KEY: Final = 7
"""The column of ww edges on the key of a cycle's first edge."""


def adjacency(src: Array, start: Array, order: Array) -> None:
    """``order[start[u] .. start[u + 1]]`` are the edges out of u; start is zeroed before."""
    nodes = len(start) - 1
    for e in range(len(src)):
        start[src[e] + 1] += 1
    for u in range(nodes):
        start[u + 1] += start[u]
    for e in range(len(src) - 1, -1, -1):
        u = src[e] + 1
        start[u] -= 1
        order[start[u]] = e
    # Each start[u + 1] now is where u begins: move all down by one place.
    for u in range(nodes):
        start[u] = start[u + 1]
    start[nodes] = len(src)


def components(
    start: Array,
    order: Array,
    dst: Array,
    component: Array,
    index: Array,
    low: Array,
    stack: Array,
    path: Array,
    cursor: Array,
) -> int:
    """Tarjan (1972) without recursion; returns the number of components.

    ``component`` counts them from sinks to sources, ``index`` is -1 before.
    """
    counter = 0
    found = 0
    top = 0
    for root in range(len(start) - 1):
        if index[root] >= 0:
            continue
        depth = 0
        path[0] = root
        index[root] = counter
        low[root] = counter
        counter += 1
        stack[top] = root
        top += 1
        cursor[root] = start[root]
        while depth >= 0:
            u = path[depth]
            at = cursor[u]
            if at < start[u + 1]:
                cursor[u] = at + 1
                v = dst[order[at]]
                if index[v] < 0:
                    index[v] = counter
                    low[v] = counter
                    counter += 1
                    stack[top] = v
                    top += 1
                    cursor[v] = start[v]
                    depth += 1
                    path[depth] = v
                elif component[v] < 0 and index[v] < low[u]:
                    low[u] = index[v]
                continue
            depth -= 1
            if depth >= 0 and low[u] < low[path[depth]]:
                low[path[depth]] = low[u]
            if low[u] == index[u]:
                while True:
                    top -= 1
                    v = stack[top]
                    component[v] = found
                    if v == u:
                        break
                found += 1
    return found


def closing(
    src: Array, dst: Array, by_source: Array, from_edges: Array, reach: Array, closes: Array
) -> None:
    """Which of ``from_edges`` can be completed to a cycle by the other edges alone.

    Args:
        src, dst: All edges.
        by_source: The edges to travel on, so that those out of earlier nodes of a
            topological order (of the components) come first.
        from_edges: Candidates.
        reach: One word a node, scratch.
        closes: One flag a candidate, written.
    """
    for begin in range(0, len(from_edges), 62):  # so many searches share one word
        end = min(begin + 62, len(from_edges))
        reach[:] = 0
        for i in range(begin, end):
            reach[dst[from_edges[i]]] |= 1 << (i - begin)
        changed = True
        while changed:
            changed = False
            for e in by_source:
                new = reach[dst[e]] | reach[src[e]]
                if new != reach[dst[e]]:
                    reach[dst[e]] = new
                    changed = True
        for i in range(begin, end):
            if reach[src[from_edges[i]]] & (1 << (i - begin)):
                closes[i] = 1


def walk_home(
    start: Array,
    order: Array,
    edges: Array,
    auxiliary: Array,
    banned: Array,
    first: int,
    table: Array,
    accepts: Array,
    length_max: int,
    way: Array,
    queues: Array,
) -> tuple[int, int, int]:
    """A shortest cycle that begins with edge ``first`` and obeys an automaton.

    The rows of ``edges`` are source, target, kind and key.  Breadth first on places, that
    is node * states + state: an edge of kind c leads from state s to ``table[s, c]``, -1
    meaning never; column ``SAME_KEY``, if there is one, is for ww edges on the key of the
    first edge.  The walk begins in state 0 and ends in one that accepts.  Edges out of
    auxiliary nodes have no length.

    Returns the place where it ends, -1 if no cycle is as short as ``length_max``; how many
    edges were looked at; how many places, listed in ``queues[2]``, were written in ``way``
    (their distance, and the edge * states + state that led there, -1 at the first).
    """
    states, same_key = table.shape[0], table.shape[1] > SAME_KEY
    distance, parent = way[0], way[1]
    here, ahead, touched = queues[0], queues[1], queues[2]
    here[0] = touched[0] = edges[1, first] * states
    distance[here[0]], parent[here[0]] = 1, -1
    work, used, waiting, level = 0, 1, 1, 1
    while waiting > 0 and level <= length_max:
        following = 0
        while waiting > 0:
            waiting -= 1
            place = here[waiting]
            if distance[place] != level:
                continue
            u, state = place // states, place % states
            if u == edges[0, first] and accepts[state]:
                return place, work, used
            step = 1 - auxiliary[u]
            for at in range(start[u], start[u + 1]):
                e = order[at]
                work += 1
                column = edges[2, e]
                if same_key and (column in (WW, WW_INFERRED)) and edges[3, e] == edges[3, first]:
                    column = SAME_KEY
                after = table[state, column]
                v = edges[1, e]
                if after < 0 or (banned[v] and v != edges[0, first]):
                    continue
                there = v * states + after
                if distance[there] < 0:
                    touched[used] = there
                    used += 1
                elif distance[there] <= level + step:
                    continue
                distance[there] = level + step
                parent[there] = e * states + state
                if step == 0:
                    here[waiting] = there
                    waiting += 1
                else:
                    ahead[following] = there
                    following += 1
        level += 1
        here[:following] = ahead[:following]
        waiting = following
    return -1, work, used
