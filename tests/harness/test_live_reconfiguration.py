"""A live system behind proxies is reconfigured as nemeses will do it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from harness.config import RunConfig
from harness.live_system import LiveSystem
from nemesis.fault import RemoveNode, TransferLeadership
from nemesis.inject import heal_all, inject, undo
from nemesis.target import Follower, Leader
from system_under_test.control import Reconfigurable
from system_under_test.gossip_raft.core.types import NodeId
from workloads.catalogue import WORKLOADS

pytestmark = pytest.mark.live

SETTLED_S = 30.0


async def test_a_follower_is_removed_and_comes_back_and_leads(tmp_path: Path) -> None:
    config = RunConfig(nodes=3, seed=1)
    async with LiveSystem(
        config, WORKLOADS["register"], tmp_path / "run" / "nodes", random.Random(1)
    ) as system:
        assert isinstance(system, Reconfigurable)
        settled, *how = await system.settled(SETTLED_S)
        assert settled, how
        leader = await system.leader()
        follower = next(node for node in system.nodes if node != leader)
        assert await system.add(follower) == f"{follower} is a member already"
        assert await system.remove(follower) == f"{follower} was removed"
        assert await system.transfer(follower) == f"{follower} is not a voter"
        assert await system.add(follower) == f"{follower} was added"
        settled, *how = await system.settled(SETTLED_S)
        assert settled, how
        assert await system.transfer(follower) == "leadership was handed over"
        assert await system.leader() == follower
        assert await system.remove(NodeId("n9")) == "n9 is not a member"


async def test_faults_of_membership_take_effect_and_are_healed(tmp_path: Path) -> None:
    config, rng = RunConfig(nodes=3, seed=2), random.Random(2)
    async with LiveSystem(
        config, WORKLOADS["register"], tmp_path / "run" / "nodes", random.Random(2)
    ) as system:
        settled, *how = await system.settled(SETTLED_S)
        assert settled, how
        handed = await inject(TransferLeadership(Follower()), system, rng)
        assert handed.detail == "follower; leadership was handed over"
        assert (await system.leader(),) == handed.nodes
        settled, *how = await system.settled(SETTLED_S)
        assert settled, how
        removed = await inject(RemoveNode(Leader()), system, rng)
        (node,) = removed.nodes
        assert removed.detail == f"leader; {node} was removed"
        assert await undo(removed, system) == f"{node} was added"
        settled, *how = await system.settled(SETTLED_S)
        assert settled, how
        removed = await inject(RemoveNode(Follower()), system, rng)
        assert "was added" in await heal_all(system)
        settled, *how = await system.settled(SETTLED_S)
        assert settled, how
        statuses = await system.statuses()
        assert all(set(s.membership.voters) == set(system.nodes) for s in statuses.values())
