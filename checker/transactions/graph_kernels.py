"""The loops over graphs; rules as in ``kernels``."""

from __future__ import annotations

from typing import Any

Array = Any


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


def shortest_cycle(
    start: Array,
    order: Array,
    src: Array,
    dst: Array,
    kind: Array,
    key: Array,
    auxiliary: Array,
    banned: Array,
    from_edges: Array,
    first_state: int,
    table: Array,
    accepts: Array,
    shortest: int,
    work_max: int,
    distance: Array,
    parent: Array,
    here: Array,
    ahead: Array,
    touched: Array,
    cycle: Array,
) -> tuple[int, int]:
    """A shortest cycle that begins with one of ``from_edges`` and obeys an automaton.

    Breadth first on (node, state): edge kind c leads from state s to ``table[s, c]``,
    -1 meaning never; the column after the last kind is for ww edges on the key of the
    first edge.  The cycle closes in a state that accepts.  Edges out of auxiliary nodes
    have no length.

    Returns:
        The number of edges, written to ``cycle`` first to last, 0 if there is none; and
        the work done.  If the work reaches ``work_max`` the best so far is returned.
    """
    states = table.shape[0]
    same_key = table.shape[1] - 1
    best = 1 << 30
    edges = 0
    work = 0
    for first in from_edges:
        home = src[first]
        if banned[home] or banned[dst[first]]:
            continue
        used = 0
        begin = dst[first] * states + first_state
        distance[begin] = 1
        parent[begin] = -1
        touched[used] = begin
        used += 1
        here[0] = begin
        waiting = 1
        level = 1
        goal = -1
        while waiting > 0 and goal < 0 and level < best:
            following = 0
            while waiting > 0 and goal < 0:
                waiting -= 1
                place = here[waiting]
                if distance[place] != level:
                    continue
                u = place // states
                state = place % states
                if u == home and accepts[state]:
                    goal = place
                    break
                step = 1
                if auxiliary[u]:
                    step = 0
                for at in range(start[u], start[u + 1]):
                    e = order[at]
                    work += 1
                    v = dst[e]
                    if banned[v]:
                        continue
                    column = kind[e]
                    if (column == 0 or column == 6) and key[e] == key[first]:
                        column = same_key
                    after = table[state, column]
                    if after < 0:
                        continue
                    there = v * states + after
                    if distance[there] >= 0 and distance[there] <= level + step:
                        continue
                    if distance[there] < 0:
                        touched[used] = there
                        used += 1
                    distance[there] = level + step
                    parent[there] = e * states + state
                    if step == 0:
                        here[waiting] = there
                        waiting += 1
                    else:
                        ahead[following] = there
                        following += 1
            if goal >= 0:
                break
            level += 1
            for i in range(following):
                here[i] = ahead[i]
            waiting = following
        if goal >= 0 and distance[goal] < best:
            best = distance[goal]
            edges = 1
            place = goal
            while parent[place] >= 0:
                cycle[edges] = parent[place] // states
                place = src[cycle[edges]] * states + parent[place] % states
                edges += 1
            for i in range((edges - 1) // 2):
                swapped = cycle[1 + i]
                cycle[1 + i] = cycle[edges - 1 - i]
                cycle[edges - 1 - i] = swapped
            cycle[0] = first
        for i in range(used):
            distance[touched[i]] = -1
        if best <= shortest or (work >= work_max and edges > 0) or work >= 8 * work_max:
            break
    return edges, work
