"""What gossip buys and what it costs, from 5 to 101 nodes.  ``python -m benchmarks.gossip_study``.

The same nodes in virtual time, in four settings: gossip with chained pull; gossip with a star
(everybody pulls from the leader); plain heartbeats from the leader with a star, which is what
Raft does; and that without pre-votes, as Raft's paper has it.  Measured are messages, elections
after a crash, and partial partitions (PROTOCOL section 4).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer
from msgspec import json
from rich.console import Console

from benchmarks.measure import cpu_seconds
from harness.seeds import derive
from nemesis import partition
from system_under_test.conditions import Cut
from system_under_test.control import Link
from system_under_test.gossip_raft.core.client_session import (
    Answered,
    Ending,
    Execute,
    SessionTimeouts,
    TimedOut,
)
from system_under_test.gossip_raft.core.messages import Message
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.trace import RoleChanged
from system_under_test.gossip_raft.core.types import ClientId, Nanos, NodeId, Put
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from system_under_test.gossip_raft.runtime.codec import Codec
from system_under_test.gossip_raft.simulation.client import SimulatedClient
from system_under_test.gossip_raft.simulation.cluster import SimulatedCluster, WorldOptions

FIGURES: Final = "gossip.json"
MS: Final = 1_000_000
SECOND: Final = 1_000 * MS
SIZES: Final = (5, 11, 31, 51, 101)
SETTINGS: Final[Mapping[str, Mapping[str, int | str | None]]] = {
    "gossip, chained": {"heartbeats": "gossip", "shape": "chained", "children_max": 4},
    "gossip, star": {"heartbeats": "gossip", "shape": "star"},
    "plain, star": {"heartbeats": "plain", "shape": "star"},
    "plain, no pre-vote": {"heartbeats": "plain", "shape": "star"},
}
NO_PRE_VOTE: Final = "plain, no pre-vote"
SETTLING_NS: Final = 5 * SECOND
LARGE: Final = 31
"""Larger clusters are watched for half the time: their messages cost the square of their size."""
PARTITION_NS: Final = 10 * SECOND
ELECTION_MAX_NS: Final = 30 * SECOND
STEP_NS: Final = 10 * MS
WRITE_EVERY_NS: Final = 50 * MS
PATIENCE_NS: Final = 250 * MS
"""A write takes less than that while all is well; what it takes beyond is unavailability."""
SAMPLED: Final = 50
"""Of so many messages the bytes of one are counted."""
PARTS: Final = ("traffic", "elections", "partitions")
PARTITIONS: Final = ("one link", "bridge", "majorities ring")


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Messages (requests and answers) a second, and kilobytes a second as sampled."""

    setting: str
    nodes: int
    leader_hz: float
    all_hz: float
    leader_kb_s: float
    all_kb_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Election:
    """After a leader was killed: until the next one leads; candidacies that led to nothing."""

    setting: str
    nodes: int
    took_ms: float
    vain: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Partitioned:
    """A partial partition.

    Attributes:
        seconds: How long it held.
        elections: That were won meanwhile.
        campaigns: That were begun: pre-votes, or elections where there are none.
        unavailable: What share of the time a client that may ask anybody waited in vain.
        behind: How many nodes had not applied in the end what was committed a second before.
    """

    setting: str
    nodes: int
    shape: str
    seconds: float
    elections: int
    campaigns: int
    unavailable: float
    behind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    traffic: Sequence[Traffic]
    elections: Sequence[Election]
    partitions: Sequence[Partitioned]


Row = TypeVar("Row", Traffic, Election, Partitioned)


class Watched(SimulatedCluster):
    """Counts what arrives from other nodes, by whom it was sent and whom it was for."""

    def __init__(self, nodes: int, setting: str, seed: int) -> None:
        self.messages: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self._codec = Codec("study")
        self._arrived = 0
        super().__init__(
            WorldOptions(nodes=nodes, node=SETTINGS[setting]),
            lambda name: derive(seed, "gossip study", setting, str(nodes), name),
            rules=CATALOGUE["no-pre-vote"].rules if setting == NO_PRE_VOTE else Rules,
        )
        self._read = dict.fromkeys(self.nodes, 0)
        self.scheduler.run_for(SETTLING_NS)
        self.leads = self.wait_for_leader(ELECTION_MAX_NS)

    def _entrance(self, node: NodeId) -> Callable[[Message], None]:
        deliver = super()._entrance(node)

        def counted(message: Message) -> None:
            if message.source in self.disks:
                self._count(message)
            deliver(message)

        return counted

    def _count(self, message: Message) -> None:
        self._arrived += 1
        self.messages[message.source] += 1
        self.messages[message.target] += 1
        if self._arrived % SAMPLED == 0:
            size = self._codec.encode(message).ByteSize() * SAMPLED
            self.bytes[message.source] += size
            self.bytes[message.target] += size

    def roles(self) -> list[tuple[NodeId, RoleChanged]]:
        """What became of whom since the last time."""
        found = []
        for node in self.nodes:
            events = self.traces[node]
            found += [
                (node, e) for _, e in events[self._read[node] :] if isinstance(e, RoleChanged)
            ]
            self._read[node] = len(events)
        return found

    def wait_for_leader(self, longest_ns: int) -> NodeId:
        """Until somebody leads whom no higher term has replaced."""
        deadline = self.scheduler.now + longest_ns
        while (leader := self._leader()) is None:
            assert self.scheduler.now < deadline, "nobody leads"
            self.scheduler.run_for(STEP_NS)
        return leader


class Writer:
    """A client that writes again and again, to whoever takes it; and what it waited."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster
        self._scheduler = cluster.scheduler
        self._clients = 0
        self._began = self._scheduler.now
        self._writes = 0
        self._waited_ns = 0
        self._is_open = False
        self._client = self._fresh()
        self._write(None)

    def _fresh(self) -> SimulatedClient:
        """One that timed out is of no more use."""
        self._clients += 1
        timeouts = SessionTimeouts(attempt=Nanos(PATIENCE_NS), operation=Nanos(SECOND))
        contact = self._clients % len(self._cluster.nodes)
        return self._cluster.client(ClientId(f"c{self._clients}"), contact, timeouts)

    @property
    def waiting_ns(self) -> int:
        """So far, the write under way included."""
        took = self._scheduler.now - self._began
        return self._waited_ns + (max(0, took - PATIENCE_NS) if self._is_open else 0)

    def _write(self, _: object) -> None:
        self._writes += 1
        self._is_open = True
        self._began = self._scheduler.now
        self._client.call(Execute((Put("x", self._writes),)), self._ended)

    def _ended(self, ending: Ending) -> None:
        took = self._scheduler.now - self._began
        self._is_open = False
        self._waited_ns += took if not isinstance(ending, Answered) else max(0, took - PATIENCE_NS)
        if isinstance(ending, TimedOut):
            self._client = self._fresh()
        self._scheduler.at(self._scheduler.now + WRITE_EVERY_NS, self._write, None)


def measure_traffic(setting: str, nodes: int, seconds: int) -> Traffic:
    cluster = Watched(nodes, setting, 0)
    Writer(cluster)
    cluster.scheduler.run_for(SECOND)
    leader = cluster.wait_for_leader(ELECTION_MAX_NS)
    cluster.messages.clear()
    cluster.bytes.clear()
    cluster.scheduler.run_for(seconds * SECOND)
    # Every message between two nodes was counted at both.
    everywhere = sum(cluster.messages[node] for node in cluster.nodes)
    return Traffic(
        setting=setting,
        nodes=nodes,
        leader_hz=cluster.messages[leader] / seconds,
        all_hz=everywhere / 2 / seconds,
        leader_kb_s=cluster.bytes[leader] / seconds / 1000,
        all_kb_s=sum(cluster.bytes[node] for node in cluster.nodes) / 2 / seconds / 1000,
    )


def measure_elections(setting: str, nodes: int, crashes: int) -> list[Election]:
    """Of one cluster, in which whoever leads is killed again and again, and comes back."""
    cluster = Watched(nodes, setting, 1)
    found = []
    for _ in range(crashes):
        killed = cluster.wait_for_leader(ELECTION_MAX_NS)
        cluster.roles()
        asyncio.run(cluster.kill(killed))
        began = cluster.scheduler.now
        vain = 0
        elected = False
        while not elected and cluster.scheduler.now - began < ELECTION_MAX_NS:
            cluster.scheduler.run_for(STEP_NS)
            roles = cluster.roles()
            vain += sum(event.role == "candidate" for _, event in roles)
            elected = any(event.role == "leader" for _, event in roles)
        took = (cluster.scheduler.now - began) / MS
        found.append(Election(setting=setting, nodes=nodes, took_ms=took, vain=max(0, vain - 1)))
        asyncio.run(cluster.start(killed))
        cluster.scheduler.run_for(3 * SECOND)
    return found


def measure_partition(setting: str, nodes: int, shape: str, seed: int) -> Partitioned:
    cluster = Watched(nodes, setting, 2 + seed)
    writer = Writer(cluster)
    cluster.scheduler.run_for(SECOND)
    leader = cluster.wait_for_leader(ELECTION_MAX_NS)
    rng = derive(seed, "gossip study", "cuts", str(nodes))
    others = [node for node in cluster.nodes if node != leader]
    cluster.roles()
    waited = writer.waiting_ns
    cluster.network.impose(cuts(shape, leader, rng.sample(others, len(others))), Cut())
    held_ns = PARTITION_NS if nodes <= LARGE else PARTITION_NS // 2
    cluster.scheduler.run_for(held_ns - SECOND)
    due = max(status.commit.index for status in cluster.statuses().values())
    cluster.scheduler.run_for(SECOND)
    roles = [event.role for _, event in cluster.roles()]
    begun = "candidate" if setting == NO_PRE_VOTE else "pre_candidate"
    return Partitioned(
        setting=setting,
        nodes=nodes,
        shape=shape,
        seconds=held_ns / SECOND,
        elections=roles.count("leader"),
        campaigns=roles.count(begun),
        unavailable=min(1.0, (writer.waiting_ns - waited) / held_ns),
        behind=sum(status.applied < due for status in cluster.statuses().values()),
    )


def cuts(shape: str, leader: NodeId, others: Sequence[NodeId]) -> frozenset[Link]:
    """The leader is never the bridge; it stands at one side of it, or in the ring."""
    match shape:
        case "one link":
            return partition.between((leader,), (others[0],))
        case "bridge":
            return partition.bridge((others[0], leader, *others[1:]))
        case "majorities ring":
            return partition.majorities_ring((leader, *others))
        case _:
            raise ValueError(f"shape: {shape!r} is none of {', '.join(PARTITIONS)}")


def study(
    sizes: Sequence[int], parts: Collection[str], effort: int, said: Callable[[str], None]
) -> Iterator[Study]:
    """All of it so far, after each size; ``effort``: trials of the smallest cluster."""
    traffic: list[Traffic] = []
    elections: list[Election] = []
    partitions: list[Partitioned] = []
    for nodes in sizes:
        trials = max(1, effort * min(SIZES) // nodes)
        for setting in SETTINGS:
            if "traffic" in parts:
                traffic.append(measure_traffic(setting, nodes, 4 if nodes <= LARGE else 2))
            if "elections" in parts:
                elections += measure_elections(setting, nodes, 2 * trials)
            if "partitions" in parts:
                partitions += [
                    measure_partition(setting, nodes, shape, seed)
                    for shape in PARTITIONS
                    for seed in range(trials)
                ]
            said(f"{nodes} nodes, {setting}: {cpu_seconds():.0f} s of one core so far")
        yield Study(
            traffic=tuple(traffic), elections=tuple(elections), partitions=tuple(partitions)
        )


def _with(before: Study, now: Study) -> Study:
    """What was measured before at other sizes stays."""
    return Study(
        traffic=_joined(before.traffic, now.traffic),
        elections=_joined(before.elections, now.elections),
        partitions=_joined(before.partitions, now.partitions),
    )


def _joined(before: Sequence[Row], now: Sequence[Row]) -> Sequence[Row]:
    fresh = {row.nodes for row in now}
    kept = [row for row in before if row.nodes not in fresh]
    kept.extend(now)
    return sorted(kept, key=lambda row: row.nodes)


def main(
    sizes: Annotated[str, typer.Option(help="Nodes, comma-separated.")] = ",".join(map(str, SIZES)),
    parts: Annotated[str, typer.Option(help="Comma-separated.")] = ",".join(PARTS),
    effort: Annotated[int, typer.Option(help="Trials of the smallest cluster.")] = 20,
    out: Annotated[Path, typer.Option(help="Directory of the figures.")] = Path("docs"),
) -> None:
    """Measure, and write the figures: ``benchmarks.gossip_page`` makes tables and plots of them.

    Figures that are there of other sizes stay.
    """
    wanted = [int(size) for size in sizes.split(",")]
    file = out / FIGURES
    for measured in study(wanted, parts.split(","), effort, Console().print):
        before = json.decode(file.read_bytes(), type=Study) if file.exists() else measured
        file.write_bytes(json.encode(_with(before, measured)) + b"\n")


if __name__ == "__main__":
    typer.run(main)
