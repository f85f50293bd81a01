from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemesis.errors import UnknownNode
from nemesis.target import (
    All,
    AnyNode,
    ChainEnd,
    Follower,
    Leader,
    Minority,
    Named,
    Puller,
    Relay,
    Resolved,
    Target,
    describe_target,
    resolve,
)
from system_under_test.gossip_raft.core.types import NodeId
from tests.nemesis.fake_system import node_names

N0, N1, N2, N3, N4 = node_names(5)
CHAIN_ROLES = (Puller(), Relay(), ChainEnd())
ROLES: tuple[Target, ...] = (Leader(), Follower(), AnyNode(), Minority(), All(), *CHAIN_ROLES)


@pytest.mark.parametrize("target", ROLES, ids=describe_target)
@settings(deadline=None)
@given(count=st.integers(1, 9), seed=st.integers(), leader_at=st.none() | st.integers(0, 8))
def test_every_role_finds_nodes_and_the_seed_decides_which(
    target: Target, count: int, seed: int, leader_at: int | None
) -> None:
    nodes = node_names(count)
    leader = None if leader_at is None else nodes[leader_at % count]
    once = resolve(target, nodes, leader, random.Random(seed))
    assert once == resolve(target, nodes, leader, random.Random(seed))
    assert once.nodes
    assert list(once.nodes) == [node for node in nodes if node in once.nodes]


def test_leader_is_the_one_known() -> None:
    assert resolve(Leader(), (N0, N1, N2), N2, random.Random(0)) == Resolved((N2,), "leader")


def test_an_unknown_leader_is_replaced_and_the_note_says_so() -> None:
    found = resolve(Leader(), (N0, N1, N2), None, random.Random(0))
    assert len(found.nodes) == 1
    assert found.note == "no leader known: a random node"


def test_a_follower_is_never_the_leader() -> None:
    drawn = {resolve(Follower(), (N0, N1, N2), N1, random.Random(s)).nodes for s in range(50)}
    assert drawn == {(N0,), (N2,)}


def test_the_follower_of_a_single_node_is_that_node() -> None:
    assert resolve(Follower(), (N0,), N0, random.Random(0)) == Resolved(
        (N0,), "there is only the leader"
    )


@pytest.mark.parametrize(("count", "size"), [(1, 1), (2, 1), (3, 1), (4, 1), (5, 2), (9, 4)])
def test_a_minority_leaves_a_majority(count: int, size: int) -> None:
    assert len(resolve(Minority(), node_names(count), None, random.Random(0)).nodes) == size


def test_named_nodes_come_in_the_order_of_the_cluster() -> None:
    assert resolve(Named((N2, N0)), (N0, N1, N2), None, random.Random(0)).nodes == (N0, N2)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UnknownNode, match="target names n9; there are n0, n1"):
        resolve(Named((NodeId("n9"),)), (N0, N1), None, random.Random(0))


@pytest.mark.parametrize("nodes", [(), (N0, N0)])
def test_named_wants_each_node_once(nodes: tuple[NodeId, ...]) -> None:
    with pytest.raises(ValueError, match="at least one node, each once"):
        Named(nodes)


# n1 leads; n0 and n2 pull from it, n3 from n2, n4 from n3.
SOURCES = {N0: N1, N2: N1, N3: N2, N4: N3}


@pytest.mark.parametrize(
    ("role", "nodes", "note"),
    [
        (Puller(), {N0, N2}, "puller from the leader"),
        (Relay(), {N2, N3}, "relay"),
        (ChainEnd(), {N4}, "chain end"),
    ],
)
def test_roles_in_a_chain_are_found(role: Target, nodes: set[NodeId], note: str) -> None:
    drawn = [resolve(role, (N0, N1, N2, N3, N4), N1, random.Random(s), SOURCES) for s in range(30)]
    assert {found.nodes[0] for found in drawn} == nodes
    assert {found.note for found in drawn} == {note}


@pytest.mark.parametrize("role", CHAIN_ROLES)
@pytest.mark.parametrize("sources", [{}, {N0: N2, N2: N0}])
def test_where_a_chain_is_not_known_a_follower_stands_in(
    role: Target, sources: dict[NodeId, NodeId]
) -> None:
    found = resolve(role, (N0, N1, N2), N1, random.Random(0), sources)
    assert found.nodes[0] != N1
    assert found.note == "relay" or found.note.endswith("a follower")
