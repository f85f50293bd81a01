"""A live cluster that is killed again and again, damaged once and robbed of a disk once.

``nox -s endurance`` runs it for two minutes: 16 clients write all the while; every second a
random node is killed (SIGKILL) and started again; once a stopped follower's log is damaged,
once another's is lost.  In the end no acknowledged write may be missing, every invariant must
hold, and all nodes must have the same log.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from checker.base import Budget
from checker.raft.invariants import check_traces
from checker.verdict import Verdict
from harness.exit_codes import ExitCode, of_verdict
from harness.verdict_file import sentence
from harness.wall_clock import deadline_after, pause
from histories.journal import read_trace
from system_under_test.gossip_raft.core.client_session import Answered, Execute
from system_under_test.gossip_raft.core.messages import Status
from system_under_test.gossip_raft.core.types import NodeId, Put
from system_under_test.gossip_raft.runtime.errors import ProcessFailed
from tests.system_under_test.runtime.live import LiveCluster, live_cluster

CLIENTS = 16
BETWEEN_KILLS_S = 0.3
"""With the restart itself about a second from one kill to the next."""
SETTLE_S = 60.0
KEYS_AT_ONCE = 200
COMPACTING = {"snapshot_entries_max": 500, "log_keep": 100}
KEPT_BY_A_THIEF = frozenset({"trace.jsonl", "server.log", "lock", "cluster-configuration.json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Endured:
    """What came of it.  ``missing``: keys whose write was acknowledged and is gone."""

    acknowledged: int
    kills: int
    damaged: str
    robbed: str
    missing: tuple[str, ...]
    disagreement: str | None
    verdict: Verdict


async def endure(directory: Path, seconds: float, seed: int) -> Endured:
    """Do it; ``seed`` fixes whom it hits, not when exactly."""
    rng = random.Random(seed)
    async with live_cluster(directory, timing=COMPACTING) as cluster:
        acknowledged: dict[str, int] = {}
        stopped = asyncio.Event()
        writers = [
            asyncio.create_task(_write(cluster, number, acknowledged, stopped))
            for number in range(CLIENTS)
        ]
        third = seconds / 3
        kills = await _kill(cluster, rng, third)
        damaged = await _strike(cluster, rng, _damage)
        kills += await _kill(cluster, rng, third)
        robbed = await _strike(cluster, rng, _rob)
        kills += await _kill(cluster, rng, third)
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
        kills=kills,
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


async def _kill(cluster: LiveCluster, rng: random.Random, seconds: float) -> int:
    over = deadline_after(seconds)
    kills = 0
    while not over():
        node = cluster.processes.nodes[rng.choice(tuple(cluster.addresses))]
        await node.kill()
        await node.start()
        kills += 1
        await pause(BETWEEN_KILLS_S)
    return kills


async def _strike(
    cluster: LiveCluster, rng: random.Random, hurt: Callable[[Path, random.Random], None]
) -> str:
    """Hurt the disk of a stopped follower; it must refuse to start on it, then rebuild."""
    leader = await cluster.leader()
    name = rng.choice([node for node in cluster.addresses if node != leader])
    node = cluster.processes.nodes[name]
    await node.kill()
    hurt(node.spec.directory, rng)
    try:
        await node.start()
    except ProcessFailed:
        await node.start(rebuild=True)
        return name
    raise AssertionError(f"{name} serves from a disk that is not as it left it")


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
        f" {endured.kills} kills, {endured.damaged} damaged, {endured.robbed} robbed;"
        f" {len(endured.missing)} missing {endured.missing[:5]};"
        f" {endured.disagreement or 'all nodes have the same log'};"
        f" {sentence(endured.verdict)}\n"
    )
    if endured.missing or endured.disagreement is not None:
        return ExitCode.INVALID
    return of_verdict(endured.verdict)


if __name__ == "__main__":
    sys.exit(main())
