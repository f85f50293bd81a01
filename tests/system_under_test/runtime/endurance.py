"""A live cluster that is killed again and again, damaged once and robbed of a disk once.

``nox -s endurance`` runs it for two minutes: 16 clients write all the while; every second a
random node is killed (SIGKILL), be it up or just starting, and started again at once; once a
stopped follower's log is damaged, once another's is lost.  In the end no acknowledged write
may be missing, every invariant must hold, and all nodes must have the same log.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from checker.base import Budget
from checker.raft.invariants import check_traces
from checker.verdict import Verdict
from harness.exit_codes import ExitCode, of_verdict
from harness.verdict_file import sentence
from harness.wall_clock import RunClock, deadline_after, pause
from histories.journal import read_trace
from system_under_test.gossip_raft.core.client_session import Answered, Execute
from system_under_test.gossip_raft.core.messages import Status
from system_under_test.gossip_raft.core.types import NodeId, Put
from system_under_test.gossip_raft.runtime.errors import ProcessFailed
from tests.system_under_test.runtime.live import LiveCluster, live_cluster

CLIENTS = 16
BETWEEN_KILLS_S = 1.0
SETTLE_S = 60.0
KEYS_AT_ONCE = 200
COMPACTING = {"snapshot_entries_max": 500, "log_keep": 100}
Hurt: TypeAlias = Callable[[Path, random.Random], None]
KEPT_BY_A_THIEF = frozenset({"trace.jsonl", "server.log", "lock", "cluster-configuration.json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endured:
    """What came of it.

    Attributes:
        kills: In ``seconds``; ``starting`` of them hit a node that did not serve yet.
        deaths: Of nodes that nobody killed: there must be none.
        missing: Keys whose write was acknowledged and is gone.
    """

    acknowledged: int
    kills: int
    starting: int
    seconds: float
    deaths: tuple[str, ...]
    damaged: str
    robbed: str
    missing: tuple[str, ...]
    disagreement: str | None
    verdict: Verdict


async def endure(directory: Path, seconds: float, seed: int) -> Endured:
    """Do it; ``seed`` fixes whom it hits, not when exactly."""
    async with live_cluster(directory, timing=COMPACTING) as cluster:
        acknowledged: dict[str, int] = {}
        stopped = asyncio.Event()
        writers = [
            asyncio.create_task(_write(cluster, number, acknowledged, stopped))
            for number in range(CLIENTS)
        ]
        killer = Killer(cluster, random.Random(seed))
        damaged, robbed = await killer.run(seconds, (_damage, _rob))
        stopped.set()
        await asyncio.gather(*writers)
        disagreement = await _settle(cluster)
        missing = await _missing(cluster, acknowledged)
        traces = {
            str(node): read_trace(directory / node / "trace.jsonl").events
            for node in cluster.addresses
        }
        verdict = check_traces(traces, budget=Budget())
    return Endured(
        acknowledged=len(acknowledged),
        kills=killer.kills,
        starting=killer.starting,
        seconds=killer.seconds,
        deaths=tuple(str(cluster.deaths.get_nowait()) for _ in range(cluster.deaths.qsize())),
        damaged=damaged,
        robbed=robbed,
        missing=missing,
        disagreement=disagreement,
        verdict=verdict,
    )


async def _write(
    cluster: LiveCluster, number: int, acknowledged: dict[str, int], stopped: asyncio.Event
) -> None:
    """One write after the other, each to a key of its own; a client that timed out is replaced."""
    contacts = tuple(cluster.addresses)
    client = cluster.client(contacts[number % len(contacts)])
    value = 0
    while not stopped.is_set():
        value += 1
        key = f"{number}-{value}"
        if isinstance(await client.call(Execute((Put(key, value),))), Answered):
            acknowledged[key] = value
        if client.dead:
            await client.close()
            client = cluster.client(contacts[value % len(contacts)])
    await client.close()


class Killer:
    """Kills a random node every second, whatever it is about, and starts it again."""

    def __init__(self, cluster: LiveCluster, rng: random.Random) -> None:
        self._cluster = cluster
        self._rng = rng
        self._nodes = cluster.processes.nodes
        self._coming: dict[NodeId, asyncio.Task[object]] = {}
        self._struck: NodeId | None = None
        self._hurt: list[NodeId] = []
        self.kills = self.starting = 0
        self.seconds = 0.0

    async def run(self, seconds: float, strikes: Sequence[Hurt]) -> tuple[str, ...]:
        """Meanwhile strike with each of ``strikes``, one after the other; answers whom.  When it
        returns, all nodes serve.
        """
        clock = RunClock()
        waiting = [(seconds * n / (len(strikes) + 1), hurt) for n, hurt in enumerate(strikes, 1)]
        striking: list[asyncio.Task[str]] = []
        while clock.now() / 1e9 < seconds:
            if waiting and waiting[0][0] <= clock.now() / 1e9:
                await asyncio.gather(*striking)
                striking.append(asyncio.create_task(self._strike(waiting.pop(0)[1])))
            victims = [node for node in self._nodes if node != self._struck]
            await self._kill(self._rng.choice(victims))
            await pause(self.kills * BETWEEN_KILLS_S - clock.now() / 1e9)
        self.seconds = clock.now() / 1e9
        struck = await asyncio.gather(*striking)
        await asyncio.gather(*self._coming.values())
        return tuple(struck)

    async def _kill(self, name: NodeId, *, restart: bool = True) -> None:
        """Raises what kept it from starting the last time, unless it was killed then."""
        node, coming = self._nodes[name], self._coming.pop(name, None)
        was_starting = coming is not None and not coming.done()
        await node.kill()
        if coming is not None:
            try:
                await coming
            except ProcessFailed:
                if not was_starting:
                    raise
            await node.kill()  # It may have been about to begin.
        self.kills += 1
        self.starting += was_starting
        if restart:
            self._coming[name] = asyncio.create_task(node.start())

    async def _strike(self, hurt: Hurt) -> str:
        """Hurt the disk of a stopped follower, another one each time; it must refuse to start on
        it, then rebuild.  It is not killed meanwhile, but the others are."""
        name = self._struck = await self._follower()
        node = self._nodes[name]
        await self._kill(name, restart=False)
        hurt(node.spec.directory, self._rng)
        self._hurt.append(name)
        try:
            await node.start()
        except ProcessFailed:
            await node.start(rebuild=True)
        else:
            raise AssertionError(f"{name} serves from a disk that is not as it left it")
        self._struck = None
        return name

    async def _follower(self) -> NodeId:
        over = deadline_after(SETTLE_S)
        while not over():
            statuses = await self._cluster.statuses()
            followers = [node for node, status in statuses.items() if status.role == "follower"]
            if others := [node for node in followers if node not in self._hurt]:
                return self._rng.choice(others)
        raise AssertionError("nobody follows that is not yet hurt")


def _damage(directory: Path, rng: random.Random) -> None:
    """Flip one bit in the first half of the log: of a record that others follow."""
    wal = directory / "wal.log"
    data = bytearray(wal.read_bytes())
    data[rng.randrange(len(data) // 2)] ^= 1 << rng.randrange(8)
    wal.write_bytes(data)


def _rob(directory: Path, _rng: random.Random) -> None:
    """Take log and snapshots; the trace stays, for those who judge."""
    for path in directory.iterdir():
        if path.name not in KEPT_BY_A_THIEF and path.name != "identity":
            path.unlink()


async def _settle(cluster: LiveCluster) -> str | None:
    over = deadline_after(SETTLE_S)
    while True:
        statuses = await cluster.statuses()
        if len(statuses) == len(cluster.addresses) and _agree(statuses):
            return None
        if over():
            return (
                f"{ {node: (s.role, s.last, s.commit, s.applied) for node, s in statuses.items()} }"
            )
        await pause(0.1)


def _agree(statuses: Mapping[NodeId, Status]) -> bool:
    first, *others = statuses.values()
    return first.last == first.commit and all(
        (one.last, one.commit, one.applied) == (first.last, first.commit, first.applied)
        for one in others
    )


async def _missing(cluster: LiveCluster, acknowledged: Mapping[str, int]) -> tuple[str, ...]:
    keys = tuple(acknowledged)
    missing: list[str] = []
    for start in range(0, len(keys), KEYS_AT_ONCE):
        asked = keys[start : start + KEYS_AT_ONCE]
        found = await cluster.read(*asked)
        missing += [k for k, value in zip(asked, found, strict=True) if value != acknowledged[k]]
    return tuple(missing)


def main() -> ExitCode:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        endured = asyncio.run(endure(Path(directory), arguments.seconds, arguments.seed))
    sys.stdout.write(
        f"seed {arguments.seed}: {endured.acknowledged:,} writes acknowledged,"
        f" {endured.kills} kills in {endured.seconds:.0f} s ({endured.starting} amid a start),"
        f" {len(endured.deaths)} other deaths, {endured.damaged} damaged, {endured.robbed} robbed;"
        f" {len(endured.missing)} missing {endured.missing[:5]};"
        f" {endured.disagreement or 'all nodes have the same log'};"
        f" {sentence(endured.verdict)}\n"
    )
    if endured.missing or endured.deaths or endured.disagreement is not None:
        return ExitCode.INVALID
    return of_verdict(endured.verdict)


if __name__ == "__main__":
    sys.exit(main())
