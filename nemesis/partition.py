"""Partition shapes as the links they cut (what Jepsen calls grudges).

Only links between nodes are cut: clients go on reaching every node, so a stale
leader can be asked, which is when it shows.  Who is where in a shape follows the
order of the arguments; callers shuffle.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import combinations
from typing import Final

from nemesis.errors import ImpossibleShape
from system_under_test.control import Link
from system_under_test.gossip_raft.core.types import NodeId

RING_MIN = 4
_CUT: Final = re.compile(r"(\w+) (<?-x->) (\w+)")


def one_way(sources: Iterable[NodeId], targets: Collection[NodeId]) -> frozenset[Link]:
    """What ``sources`` say no longer reaches ``targets``; the way back is open."""
    return frozenset(Link(a, b) for a in sources for b in targets if a != b)


def between(left: Collection[NodeId], right: Collection[NodeId]) -> frozenset[Link]:
    """``left`` and ``right`` do not hear each other."""
    return one_way(left, right) | one_way(right, left)


def isolate(nodes: Collection[NodeId], alone: Collection[NodeId]) -> frozenset[Link]:
    """Each of ``alone`` hears nobody and is heard by nobody, of ``alone`` neither."""
    return between(alone, nodes)


def halves(order: Sequence[NodeId]) -> tuple[tuple[NodeId, ...], tuple[NodeId, ...]]:
    """The first n // 2 nodes and the rest: sizes differ by one at most.

    Of an odd number the second half is the majority; of an even one neither is.
    """
    middle = len(order) // 2
    return tuple(order[:middle]), tuple(order[middle:])


def bridge(order: Sequence[NodeId]) -> frozenset[Link]:
    """Two halves that only the first node of ``order`` hears both of.

    Fewer than three nodes have no two halves beside the bridge: nothing is cut.
    """
    return between(*halves(order[1:]))


def non_transitive(order: Sequence[NodeId]) -> frozenset[Link]:
    """The first two nodes of ``order`` do not hear each other; both hear all others.

    Two nodes alone are simply parted.
    """
    return between(order[:1], order[1:2])


def majorities_ring(order: Sequence[NodeId]) -> frozenset[Link]:
    """Every node hears a majority, and no two nodes hear the same one.

    In the ring ``order`` a node hears, both ways, its nearest neighbours, as many
    on each side as make a majority with itself.  One node alone loses nothing.

    Raises:
        ImpossibleShape: Of two or three nodes: there a majority that is symmetric
            is everybody.
    """
    count = len(order)
    if 1 < count < RING_MIN:
        raise ImpossibleShape(
            f"a majorities ring needs {RING_MIN} nodes or more (or one), not {count}"
        )
    reach = (count // 2 + 1) // 2
    return frozenset().union(
        *(
            between((order[i],), (order[j],))
            for i, j in combinations(range(count), 2)
            if min(j - i, count - (j - i)) > reach
        )
    )


def cuts_in(words: str) -> tuple[Link, ...]:
    """The links that ``describe_cuts`` named somewhere in ``words``, sorted."""
    found = set[Link]()
    for source, arrow, target in _CUT.findall(words):
        found.add(Link(source, target))
        if arrow.startswith("<"):
            found.add(Link(target, source))
    return tuple(sorted(found))


def describe_cuts(links: Iterable[Link]) -> str:
    """``n0 <-x-> n1, n2 -x-> n0``: in both directions, in one; sorted."""
    cut = frozenset(links)
    said = []
    for link in sorted(cut):
        if Link(link.target, link.source) not in cut:
            said.append(f"{link.source} -x-> {link.target}")
        elif link.source < link.target:
            said.append(f"{link.source} <-x-> {link.target}")
    return ", ".join(said) or "nothing to cut"
