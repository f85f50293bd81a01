from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemesis import partition
from nemesis.errors import ImpossibleShape
from nemesis.faults.base import Scene
from nemesis.faults.network import FlappingPrimary
from system_under_test.control import Link
from system_under_test.gossip_raft.core.types import Nanos, NodeId
from tests.nemesis.fake_system import node_names


def orders(smallest: int = 1) -> st.SearchStrategy[list[NodeId]]:
    return st.integers(smallest, 9).flatmap(lambda n: st.permutations(node_names(n)))


def heard_by(node: NodeId, nodes: list[NodeId], cuts: frozenset[Link]) -> frozenset[NodeId]:
    return frozenset(n for n in nodes if n == node or Link(n, node) not in cuts)


def is_symmetric(cuts: frozenset[Link]) -> bool:
    return cuts == frozenset(Link(link.target, link.source) for link in cuts)


@settings(deadline=None)
@given(orders(smallest=4))
def test_ring_gives_each_node_its_own_majority(order: list[NodeId]) -> None:
    cuts = partition.majorities_ring(order)
    heard = [heard_by(node, order, cuts) for node in order]
    assert all(len(h) > len(order) // 2 for h in heard)
    assert len(frozenset(heard)) == len(order)
    assert is_symmetric(cuts)


@pytest.mark.parametrize("count", [2, 3])
def test_ring_of_two_or_three_is_refused(count: int) -> None:
    with pytest.raises(ImpossibleShape, match=f"needs 4 nodes or more .*, not {count}"):
        partition.majorities_ring(node_names(count))


@settings(deadline=None)
@given(orders(smallest=3))
def test_bridge_node_alone_hears_both_halves(order: list[NodeId]) -> None:
    cuts = partition.bridge(order)
    assert heard_by(order[0], order, cuts) == frozenset(order)
    left, right = partition.halves(order[1:])
    for node in left:
        assert heard_by(node, order, cuts) == {order[0], *left}
    for node in right:
        assert heard_by(node, order, cuts) == {order[0], *right}
    assert is_symmetric(cuts)


@settings(deadline=None)
@given(orders())
def test_halves_differ_by_one_at_most_and_lose_nobody(order: list[NodeId]) -> None:
    smaller, larger = partition.halves(order)
    assert 0 <= len(larger) - len(smaller) <= 1
    assert [*smaller, *larger] == order
    cuts = partition.between(smaller, larger)
    for half in (smaller, larger):
        assert all(heard_by(node, order, cuts) == frozenset(half) for node in half)


@settings(deadline=None)
@given(orders(), st.data())
def test_isolated_nodes_hear_only_themselves(order: list[NodeId], data: st.DataObject) -> None:
    alone = data.draw(st.lists(st.sampled_from(order), unique=True, min_size=1))
    cuts = partition.isolate(order, alone)
    rest = frozenset(order) - frozenset(alone)
    for node in order:
        assert heard_by(node, order, cuts) == ({node} if node in alone else rest)


@settings(deadline=None)
@given(orders(smallest=2))
def test_of_a_non_transitive_pair_neither_hears_the_other_and_all_others_hear_both(
    order: list[NodeId],
) -> None:
    cuts = partition.non_transitive(order)
    first, second, *others = order
    assert heard_by(first, order, cuts) == frozenset(order) - {second}
    assert heard_by(second, order, cuts) == frozenset(order) - {first}
    assert all(heard_by(node, order, cuts) == frozenset(order) for node in others)
    assert is_symmetric(cuts)


@settings(deadline=None)
@given(orders(smallest=3))
def test_a_flapping_primary_component_is_always_all_nodes_but_one(order: list[NodeId]) -> None:
    fault = FlappingPrimary(Nanos(1))
    scene = Scene(tuple(order), None, random.Random(0))
    _, links = fault.aim(scene)
    parts = list(fault.parts(links))
    alone = []
    for period in range(2 * len(order)):
        cuts = frozenset().union(*(part for how, part in parts if how.cuts_in(period)))
        (node,) = (n for n in order if heard_by(n, order, cuts) == {n})
        assert all(
            heard_by(n, order, cuts) == frozenset(order) - {node} for n in order if n != node
        )
        alone.append(node)
    assert sorted(alone) == sorted(order * 2)


@settings(deadline=None)
@given(orders(smallest=2))
def test_one_way_leaves_the_way_back_open(order: list[NodeId]) -> None:
    cuts = partition.one_way(order[:1], order)
    assert heard_by(order[0], order, cuts) == frozenset(order)
    for node in order[1:]:
        assert heard_by(node, order, cuts) == frozenset(order) - {order[0]}


def test_no_partition_of_one_node_cuts_anything() -> None:
    (node,) = nodes = node_names(1)
    assert partition.isolate(nodes, nodes) == frozenset()
    assert partition.between(*partition.halves(nodes)) == frozenset()
    assert partition.bridge(nodes) == frozenset()
    assert partition.non_transitive(nodes) == frozenset()
    assert partition.majorities_ring(nodes) == frozenset()
    assert partition.one_way([node], [node]) == frozenset()


def test_cuts_are_described_by_direction() -> None:
    cuts = [Link("n1", "n0"), Link("n0", "n1"), Link("n2", "n0")]
    assert partition.describe_cuts(cuts) == "n0 <-x-> n1, n2 -x-> n0"
    assert partition.describe_cuts([]) == "nothing to cut"


def test_cuts_are_read_back_from_the_words_of_a_fault() -> None:
    cuts = [Link("n0", "n1"), Link("n1", "n0"), Link("n2", "n0")]
    words = f"leader; {partition.describe_cuts(cuts)}"
    assert partition.cuts_in(words) == tuple(sorted(cuts))
    assert partition.cuts_in("20 ms") == ()
