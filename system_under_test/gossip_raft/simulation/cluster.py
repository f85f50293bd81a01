"""A simulated cluster: the real core on simulated clocks, network and disks."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from system_under_test.control import CLIENTS, Link
from system_under_test.gossip_raft.core.client_session import ClientSession, SessionTimeouts
from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.messages import Message, Status
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    ClientId,
    InvariantViolation,
    Nanos,
    NodeId,
)
from system_under_test.gossip_raft.ports import Storage
from system_under_test.gossip_raft.simulation.client import SimulatedClient
from system_under_test.gossip_raft.simulation.clock import SimulatedClock
from system_under_test.gossip_raft.simulation.life import Life
from system_under_test.gossip_raft.simulation.network import (
    NetworkOptions,
    SimulatedNetwork,
)
from system_under_test.gossip_raft.simulation.scheduler import Scheduler
from system_under_test.gossip_raft.simulation.storage import DiskOptions, SimulatedDisk
from system_under_test.gossip_raft.simulation.trace import NodeTrace

MS: Final = 1_000_000
STREAM = Callable[[str], random.Random]
"""Random streams by name, independent of each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockOptions:
    """Attributes:
    drift_max_ppm: How many millionths a clock may gain or lose, from the start.
    """

    drift_max_ppm: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldOptions:
    """Everything that a world is made of, besides its seed.

    ``node``: fields of ``NodeConfig`` that differ from its defaults.
    """

    nodes: int = 3
    node: Mapping[str, int | str | None] = field(default_factory=dict)
    network: NetworkOptions = field(default_factory=NetworkOptions)
    disk: DiskOptions = field(default_factory=DiskOptions)
    clock: ClockOptions = field(default_factory=ClockOptions)


class SimulatedCluster:
    """Killable, pausable, partitionable; its coroutines never suspend.

    ``on_death`` hears (node, status, last lines) of every end that nobody asked for.
    """

    def __init__(
        self,
        options: WorldOptions,
        stream: STREAM,
        *,
        rules: Callable[[], Rules] = Rules,
        wrap_storage: Callable[[Storage], Storage] = lambda storage: storage,
    ) -> None:
        self.nodes: Final = tuple(NodeId(f"n{number}") for number in range(options.nodes))
        self.scheduler: Final = Scheduler()
        self.on_death: Callable[[str, str, tuple[str, ...]], None] | None = None
        self._options = options
        self._rules = rules
        self._wrap_storage = wrap_storage
        self._rng = stream("nodes")
        self._clients: dict[str, SimulatedClient] = {}
        self.network: Final = SimulatedNetwork(
            self.scheduler,
            stream("network"),
            options.network,
            nodes=self.nodes,
            to_node=self._entrance,
            to_clients=self._to_client,
        )
        disks, clocks = stream("disks"), stream("clocks")
        self.disks: Final = {
            node: SimulatedDisk(self.scheduler, disks, options.disk) for node in self.nodes
        }
        self.clocks: Final = {node: self._clock(clocks) for node in self.nodes}
        self.traces: Final = {node: NodeTrace(self.scheduler) for node in self.nodes}
        self.lives: Final[dict[NodeId, Life]] = {}
        for node in self.nodes:
            self._begin_life(node)

    def _clock(self, rng: random.Random) -> SimulatedClock:
        drift = self._options.clock.drift_max_ppm
        return SimulatedClock(self.scheduler, rng.randrange(10**12), rng.randint(-drift, drift))

    def client(self, name: ClientId, contact: int, timeouts: SessionTimeouts) -> SimulatedClient:
        """A new client, which is heard until ``close_client``."""
        session = ClientSession(name, self.nodes, self.nodes[contact], timeouts)
        client = SimulatedClient(session, timeouts, self.scheduler, self.network.send)
        self._clients[name] = client
        return client

    def close_client(self, name: ClientId) -> None:
        self._clients.pop(name).abandon()

    # --- looking ---------------------------------------------------------------------

    def statuses(self) -> dict[NodeId, Status]:
        """How the nodes are that run and are not paused."""
        return {
            node: life.host.node.status
            for node, life in self.lives.items()
            if life.alive and not life.paused
        }

    async def leader(self) -> NodeId | None:
        claims = [(s.term, node) for node, s in self.statuses().items() if s.role == "leader"]
        return max(claims)[1] if claims else None

    # --- capabilities (see system_under_test.control) ----------------------------------

    async def kill(self, node: NodeId) -> None:
        life = self.lives[node]
        if life.alive:
            life.end()
            self._down(node)

    async def start(self, node: NodeId) -> None:
        if not self.lives[node].alive:
            self._begin_life(node)

    async def pause(self, node: NodeId) -> None:
        self.lives[node].pause()

    async def resume(self, node: NodeId) -> None:
        if self.lives[node].paused:
            self.lives[node].resume()

    async def cut(self, links: Collection[Link]) -> None:
        self.network.cut(links)

    async def reset(self, links: Collection[Link]) -> None:
        for link in sorted(links):
            if link.source == CLIENTS:
                self._break_connections(NodeId(link.target))

    async def delay(self, links: Collection[Link], latency: Nanos, jitter: Nanos) -> None:
        self.network.delay(links, latency, jitter)

    async def heal(self) -> str:
        return self.network.heal()

    # --- lives -------------------------------------------------------------------------

    def _begin_life(self, node: NodeId) -> None:
        settings: dict[str, Any] = dict(self._options.node)
        life = self.lives[node] = Life(
            NodeConfig(id=node, members=self.nodes, **settings),
            scheduler=self.scheduler,
            clock=self.clocks[node],
            network=self.network,
            disk=self.disks[node],
            trace=self.traces[node],
            rng=random.Random(self._rng.getrandbits(64)),
            rules=self._rules(),
            wrap_storage=self._wrap_storage,
            on_end=lambda life, violation: self._ended(node, life, violation),
        )
        life.host.start()

    def _ended(self, node: NodeId, life: Life, violation: InvariantViolation | None) -> None:
        del life
        self._down(node)
        if violation is not None and self.on_death is not None:
            self.on_death(node, f"invariant violated: {violation}", ())

    def _down(self, node: NodeId) -> None:
        """The process is gone: what it was writing may survive, its connections do not."""
        self.disks[node].process_killed()
        self._break_connections(node)

    def _break_connections(self, node: NodeId) -> None:
        for client in tuple(self._clients.values()):
            client.connection_broke(node)

    # --- delivery ----------------------------------------------------------------------

    def _entrance(self, node: NodeId) -> Callable[[Message], None]:
        def deliver(message: Message) -> None:
            life = self.lives[node]
            if life.alive:
                life.receive(message)
            elif message.source in self._clients:
                self._clients[message.source].undelivered(message.request)

        return deliver

    def _to_client(self, message: Message) -> None:
        client = self._clients.get(message.target)
        if client is not None:
            client.receive(message)
