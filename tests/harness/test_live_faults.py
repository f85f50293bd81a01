"""Faults of processes, clocks and disks take effect on a live cluster, and are healed."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from harness.config import RunConfig
from harness.live_system import LiveSystem
from harness.wall_clock import RunClock, deadline_after, pause
from histories.call import Write
from histories.op import ProcessId
from nemesis.fault import (
    BumpClock,
    CrashAt,
    DriftClock,
    FailSync,
    Fault,
    FillDisk,
    FlipBit,
    Kill,
    LoseDisk,
    LosePower,
    Pause,
    ReadOnlyDisk,
    ReplaceNode,
    SkewClock,
    SlowDisk,
    StrobeClock,
    TearLog,
    Terminate,
    kind_of,
)
from nemesis.inject import check_supported, heal_all, inject, undo
from nemesis.target import All, Follower, Leader, Named
from system_under_test.control import Moment
from system_under_test.gossip_raft.core.types import Nanos, NodeId
from workloads.catalogue import workload

pytestmark = pytest.mark.live

SETTLED_S = 60.0
MS = 1_000_000
SECOND = 1_000 * MS


class Watched:
    """A live cluster, and what its nodes have said of themselves."""

    def __init__(self, system: LiveSystem, directory: Path) -> None:
        self.system = system
        self.deaths: list[str] = []
        system.on_death = lambda node, status, lines: self.deaths.append(
            "\n".join((node, status, *lines))
        )
        self._directory = directory
        self._writes = 0

    async def settle(self) -> None:
        """Until all have the same log, and nobody is still to recover what its disk lost."""
        settled, *how = await self.system.settled(SETTLED_S)
        assert settled, how
        over = deadline_after(SETTLED_S)
        while any(r.recovering for s in (await self.system.statuses()).values() for r in s.records):
            assert not over(), "somebody never recovers"
            await self.write()

    async def write(self) -> None:
        """One write, which may well fail."""
        self._writes += 1
        client = self.system.client(ProcessId(self._writes), self._writes % 3)
        try:
            await client.call(Write("k", self._writes))
        finally:
            await client.close()

    def log(self, node: NodeId) -> str:
        return (self._directory / node / "server.log").read_text()

    async def says(self, node: NodeId, text: str, times: int = 1) -> None:
        """Wait until it has said so, while there is something to write."""
        over = deadline_after(SETTLED_S)
        while self.log(node).count(text) < times:
            assert not over(), f"{node} never says {text!r}:\n{self.log(node)}"
            await self.write()

    async def answers(self, node: NodeId) -> bool:
        return node in await self.system.statuses()


@asynccontextmanager
async def watched(directory: Path, seed: int) -> AsyncIterator[Watched]:
    nodes = directory / "run" / "nodes"
    config = RunConfig(nodes=3, seed=seed)
    async with LiveSystem(config, workload("register"), nodes, random.Random(seed)) as system:
        cluster = Watched(system, nodes)
        await cluster.settle()
        for _ in range(5):
            await cluster.write()
        yield cluster
        assert cluster.deaths == []


ENDING = (
    (Kill(Follower()), ""),
    (Terminate(Leader()), "asked to stop"),
    (LosePower(Leader()), "told to suffer"),
    (LosePower(Follower(), torn=True), "told to suffer"),
    (TearLog(Leader()), ""),
    (FlipBit(Follower()), ""),
    (LoseDisk(Leader()), ""),
    (CrashAt(Leader(), Moment.PERSISTED), "told to suffer"),
    (CrashAt(Follower(), Moment.SEND, 3), "told to suffer"),
    (ReadOnlyDisk(Leader()), "Read-only file system"),
    (FailSync(Follower()), "Input/output error"),
)
FOUND = {"tear-log": "a torn tail was cut off", "flip-bit": "rebuilding", "lose-disk": "rebuilding"}


async def test_faults_that_end_a_process_end_it_and_it_comes_back(tmp_path: Path) -> None:
    async with watched(tmp_path, 1) as cluster:
        system = cluster.system
        check_supported([fault for fault, _ in ENDING], system)
        for fault, last_words in ENDING:
            injected = await inject(fault, system, random.Random(1))
            (node,) = injected.nodes
            over = deadline_after(SETTLED_S)
            while await cluster.answers(node):
                assert not over(), f"{node} lives on after {fault}"
                await cluster.write()
            assert last_words in cluster.log(node)
            found = FOUND.get(kind_of(fault), "started")
            before = cluster.log(node).count(found)
            assert node in await undo(injected, system)
            assert await cluster.answers(node)
            await cluster.says(node, found, before + 1)
            await cluster.settle()


async def test_a_paused_process_can_be_told_something_and_obeys_when_it_goes_on(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path, 2) as cluster:
        system, rng = cluster.system, random.Random(1)
        drifting = await inject(SkewClock(Named((NodeId("n1"),)), 5 * SECOND), system, rng)
        paused = await inject(Pause(Named((NodeId("n1"),))), system, rng, [drifting])
        assert not await cluster.answers(NodeId("n1"))
        await undo(drifting, system)
        await undo(paused, system)
        await cluster.settle()
        assert await system.clock_off_ns(NodeId("n1")) < 5 * SECOND


async def test_clocks_are_wrong_as_told_also_after_a_new_start_and_go_on(tmp_path: Path) -> None:
    async with watched(tmp_path, 3) as cluster:
        system, rng = cluster.system, random.Random(1)
        node = NodeId("n1")
        target = Named((node,))
        assert await system.clock_off_ns(node) == 0
        bumped = await inject(BumpClock(target, 3 * SECOND), system, rng)
        killed = await inject(Kill(target), system, rng, [bumped])
        await undo(killed, system)
        assert await system.clock_off_ns(node) == 3 * SECOND
        await undo(bumped, system)
        assert await system.clock_off_ns(node) == 3 * SECOND
        skewed = await inject(SkewClock(target, 10 * SECOND), system, rng)
        assert await system.clock_off_ns(node) == 13 * SECOND
        await undo(skewed, system)
        # It stands still until it is right.
        assert await system.clock_off_ns(node) < 13 * SECOND
        await heal_all(system)
        await inject(DriftClock(target, 1_000_000), system, rng)
        before = await system.clock_off_ns(node)
        await pause(0.1)
        assert await system.clock_off_ns(node) > before
        await heal_all(system)
        off = await system.clock_off_ns(node)
        assert off == await system.clock_off_ns(node)
        strobing = await inject(StrobeClock(target, Nanos(60 * SECOND), Nanos(MS)), system, rng)
        seen = [await system.clock_off_ns(node) for _ in range(100)]
        assert len(set(seen)) > 2
        await undo(strobing, system)
        await cluster.settle()


async def test_disks_are_full_and_slow_and_then_no_more(tmp_path: Path) -> None:
    async with watched(tmp_path, 4) as cluster:
        system, rng = cluster.system, random.Random(1)
        full = await inject(FillDisk(Leader()), system, rng)
        (node,) = full.nodes
        await cluster.says(node, "the disk is full")
        assert await cluster.answers(node)
        await undo(full, system)
        await cluster.says(node, "there is room on the disk again")
        await cluster.settle()
        slow = await inject(SlowDisk(All(), Nanos(400 * MS)), system, rng)
        clock = RunClock()
        await cluster.write()
        assert clock.now() >= 400 * MS
        await undo(slow, system)
        await cluster.settle()


async def test_a_replaced_node_comes_back_empty_and_is_a_member_again(tmp_path: Path) -> None:
    async with watched(tmp_path, 5) as cluster:
        system = cluster.system
        replaced = await inject(ReplaceNode(Follower()), system, random.Random(1))
        (node,) = replaced.nodes
        gone = f"{node} was removed; all that was on disk is gone"
        assert replaced.detail == f"follower; {gone}"
        assert await undo(replaced, system) == f"{node} was added"
        await cluster.says(node, "rebuilding from the others")
        await cluster.settle()
        statuses = await system.statuses()
        assert all(set(s.membership.voters) == set(system.nodes) for s in statuses.values())


@pytest.mark.parametrize("fault", [LoseDisk(All()), FlipBit(All()), ReplaceNode(All())])
async def test_a_majority_never_loses_its_disks(tmp_path: Path, fault: Fault) -> None:
    async with watched(tmp_path, 6) as cluster:
        injected = await inject(fault, cluster.system, random.Random(1))
        assert "nothing: of the other voters only" in injected.detail
        assert 1 <= len(await cluster.system.statuses()) <= 2
        await heal_all(cluster.system)
        await cluster.settle()
