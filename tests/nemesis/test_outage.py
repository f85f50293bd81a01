"""Faults that hold at the same time."""

from __future__ import annotations

import random

import pytest

from nemesis.errors import NobodyToHit
from nemesis.fault import Fault, Isolate, Kill, Pause, RemoveNode
from nemesis.inject import Injected, inject, undo
from nemesis.target import All, AnyNode, Follower, Leader, Minority, Named
from tests.nemesis.fake_system import FakeSystem, node_names

N0, N1, N2, N3, N4 = node_names(5)


async def overlapped(
    system: FakeSystem, *faults: Fault, seed: int = 1
) -> tuple[list[Injected], list[str]]:
    """All of ``faults``, one on top of the other; those that hold, and why others do not."""
    rng = random.Random(seed)
    held: list[Injected] = []
    refused = []
    for fault in faults:
        try:
            held.append(await inject(fault, system, rng, held))
        except NobodyToHit as error:
            refused.append(str(error))
    return held, refused


@pytest.mark.parametrize("seed", range(20))
async def test_faults_by_role_silence_a_minority_together(seed: int) -> None:
    system = FakeSystem(count=5, leader="n1")
    faults = (Kill(AnyNode()), Pause(Minority()), Isolate(Leader()), Kill(Follower()))
    held, refused = await overlapped(system, *faults, seed=seed)
    assert len(system.dead | system.paused) == 2
    assert not system.dead & system.paused
    assert len(held) == 3
    assert len(refused) == 1
    assert refused[0].endswith("out, and a majority needs all others")


async def test_a_minority_is_fewer_when_others_are_out() -> None:
    system = FakeSystem(count=7)
    held, _ = await overlapped(system, Kill(Named((N0, N2))), Pause(Minority()))
    assert len(held[1].nodes) == 1
    assert held[1].detail == "no more, as n0 and n2 are out"


async def test_what_is_undone_is_what_was_done_and_nothing_else() -> None:
    system = FakeSystem(count=5)
    (kill, pause), _ = await overlapped(system, Kill(Named((N0,))), Pause(Named((N3,))))
    await undo(kill, system)
    assert (system.dead, system.paused) == (set(), {N3})
    await undo(pause, system)
    assert system.healthy


async def test_a_node_that_is_out_is_not_hit_again() -> None:
    system = FakeSystem(count=5)
    held, refused = await overlapped(
        system, Kill(Named((N0,))), Pause(Named((N0, N1))), Kill(Named((N1,)))
    )
    assert (held[1].nodes, held[1].detail) == ((N1,), "n0 is out already")
    assert refused == ["n1 is out already"]


async def test_whoever_is_named_is_hit_beyond_a_minority_and_that_is_said() -> None:
    system = FakeSystem(count=3)
    held, _ = await overlapped(system, Kill(Named((N0,))), Kill(All()))
    assert system.dead == {N0, N1, N2}
    assert held[1].detail == "n0 is out already; no majority is left, as n0 is out"


async def test_a_partition_that_leaves_no_majority_says_so() -> None:
    system = FakeSystem(count=3)
    held, _ = await overlapped(system, Kill(Named((N0,))), Isolate(Named((N2,))))
    assert held[1].detail == "n0 <-x-> n2, n1 <-x-> n2; no majority is left, as n0 is out"


@pytest.mark.parametrize("seed", range(20))
async def test_of_a_cluster_of_which_nodes_are_removed_fewer_may_be_out(seed: int) -> None:
    system = FakeSystem(count=5)
    removal, kill = RemoveNode(Named((N0, N4))), Kill(Named((N1,)))
    _, refused = await overlapped(system, removal, kill, Pause(AnyNode()), seed=seed)
    assert system.paused <= {N0, N4}
    assert refused in ([], ["n1 is out, and a majority needs all others"])
    assert bool(system.paused) != bool(refused)


async def test_removed_nodes_come_back_one_fault_at_a_time() -> None:
    system = FakeSystem(count=5)
    (first, second), _ = await overlapped(
        system, RemoveNode(Named((N0,))), RemoveNode(Named((N1,)))
    )
    assert await undo(first, system) == "n0 was added"
    assert system.removed == {N1}
    assert await undo(second, system) == "n1 was added"


async def test_the_leader_that_is_to_end_already_is_replaced_and_the_detail_says_so() -> None:
    system = FakeSystem(count=5, leader="n1")
    held, _ = await overlapped(system, Kill(Named((N1,))), Pause(Leader()))
    assert held[1].nodes != (N1,)
    assert held[1].detail == "the leader is not to be had: a random node"
