"""A small world in virtual time: enough to shake the core hard, far from a real simulator.

Messages are delayed, lost, repeated and reordered; links are cut; nodes crash between
any two effects and lose what was not synced.  One seed decides everything.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.messages import Message
from system_under_test.gossip_raft.core.node import Node
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.trace import TraceEvent
from system_under_test.gossip_raft.core.types import (
    DurableState,
    HardState,
    Incarnation,
    InvariantViolation,
    Nanos,
    NodeId,
)
from system_under_test.gossip_raft.host import Host
from system_under_test.gossip_raft.ports import Storage

MS = 1_000_000


@dataclass
class Weather:
    """How bad the network is, as probabilities per message."""

    loss: float = 0.0
    duplication: float = 0.0
    slow: float = 0.0


class Disk:
    """The stable storage of one node; it outlives its lives."""

    def __init__(self) -> None:
        self.state = DurableState()

    def write(self, persist: Persist) -> None:
        self.state = persist.applied_to(self.state)


class Life:
    """One life of one node, and its ports.  Once dead, nothing it does has any effect."""

    def __init__(self, world: World, node: NodeId) -> None:
        self._world = world
        self._wakes = 0
        self.node = node
        self.alive = True
        self.effects_left: int | None = None
        storage = world.wrap_storage(self)
        self.host = Host(
            self._make_node,
            clock=self,
            network=self,
            storage=storage,
            recorder=self,
            on_stopped=self._stopped,
        )

    def _make_node(self, durable: DurableState, now: Nanos) -> Node:
        world = self._world
        config = replace(world.config, id=self.node)
        return Node(config, durable, random.Random(world.rng.random()), now, world.rules)

    def _stopped(self, violation: InvariantViolation) -> None:
        self.alive = False
        self._world.violations.append(f"{self.node}: {violation}")

    def _survives(self) -> bool:
        """Count one effect; the life may be set to end between two of them."""
        if self.effects_left is not None:
            self.effects_left -= 1
            if self.effects_left < 0:
                self.alive = False
        return self.alive

    def now(self) -> Nanos:
        return self._world.now

    def wake_at(self, time: Nanos, wake: Callable[[], None]) -> None:
        self._wakes += 1
        mine = self._wakes
        self._world.at(time, lambda: wake() if self.alive and mine == self._wakes else None)

    def send(self, message: Message) -> None:
        if self._survives():
            self._world.transmit(message)

    def record(self, events: tuple[TraceEvent, ...]) -> None:
        if self.alive:
            self._world.trace(self.node, events)

    def load(self) -> DurableState:
        return self._world.disks[self.node].state

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        def done() -> None:
            if self._survives():
                self._world.disks[self.node].write(persist)
                durable()

        self._world.at(Nanos(self._world.now + self._world.rng.randint(0, 2 * MS)), done)


class World:
    def __init__(
        self,
        nodes: int,
        rng: random.Random,
        rules: Rules,
        wrap_storage: Callable[[Storage], Storage] = lambda storage: storage,
        *,
        members: int | None = None,
        compacting: bool = False,
        **options: Any,
    ) -> None:
        """The cluster begins with the first ``members`` of ``nodes`` running nodes, or all."""
        self.nodes = tuple(NodeId(f"n{i}") for i in range(nodes))
        self.config = NodeConfig(
            id=self.nodes[0],
            members=self.nodes[:members],
            election_timeout_min_ns=Nanos(200 * MS),
            election_timeout_max_ns=Nanos(400 * MS),
            heartbeat_interval_ns=Nanos(40 * MS),
            pull_wait_ns=Nanos(100 * MS),
            request_timeout_ns=Nanos(100 * MS),
            entries_max=rng.choice([1, 2, 50]),
        )
        if compacting:
            self.config = replace(
                self.config,
                snapshot_entries_max=rng.choice([1, 3, 10]),
                log_keep=rng.choice([0, 1, 5]),
                snapshot_chunk_bytes=rng.choice([50, 500, 5000]),
            )
        self.config = replace(self.config, **options)
        self.rng = rng
        self.rules = rules
        self.wrap_storage = wrap_storage
        self.now = Nanos(0)
        self.weather = Weather()
        self.cut: set[tuple[str, str]] = set()
        self.violations: list[str] = []
        self.events: list[tuple[NodeId, TraceEvent]] = []
        self.to_clients: Callable[[Message], None] = lambda _: None
        self._queue: list[tuple[Nanos, int, Callable[[], None]]] = []
        self._scheduled = 0
        self._wiped = 0
        self.disks = {node: Disk() for node in self.nodes}
        self.lives: dict[NodeId, Life] = {}
        for node in self.nodes:
            self.start(node)

    # --- what the test does ----------------------------------------------------

    def start(self, node: NodeId) -> None:
        life = self.lives[node] = Life(self, node)
        life.host.start()

    def crash(self, node: NodeId, after_effects: int) -> None:
        self.lives[node].effects_left = after_effects

    def wipe(self, node: NodeId, *, recovering: bool) -> None:
        """Its disk is lost, and it comes back at once, knowing that or not."""
        self._wiped += 1
        hard = HardState(Incarnation(1000 * self._wiped), recovering=recovering)
        self.lives[node].alive = False
        self.disks[node].state = DurableState(hard)
        self.start(node)

    def revive_all(self) -> None:
        for node, life in tuple(self.lives.items()):
            life.effects_left = None
            if not life.alive:
                self.start(node)

    def run(self, duration: int) -> None:
        end = Nanos(self.now + duration)
        while self._queue and self._queue[0][0] <= end:
            self.now, _, action = heapq.heappop(self._queue)
            action()
        self.now = end

    # --- what happens ----------------------------------------------------------

    def at(self, time: Nanos, action: Callable[[], None]) -> None:
        self._scheduled += 1
        heapq.heappush(self._queue, (max(time, self.now), self._scheduled, action))

    def transmit(self, message: Message) -> None:
        copies = 1 + (self.rng.random() < self.weather.duplication)
        for _ in range(copies):
            if self.rng.random() < self.weather.loss:
                continue
            latency = self.rng.randint(MS // 2, 3 * MS)
            if self.rng.random() < self.weather.slow:
                latency += self.rng.randint(0, 800 * MS)
            self.at(Nanos(self.now + latency), lambda: self._deliver(message))

    def trace(self, node: NodeId, events: tuple[TraceEvent, ...]) -> None:
        self.events.extend((node, event) for event in events)

    def _deliver(self, message: Message) -> None:
        if (message.source, message.target) in self.cut:
            return
        life = self.lives.get(NodeId(message.target))
        if life is None:
            self.to_clients(message)
        elif life.alive:
            life.host.receive(message)
