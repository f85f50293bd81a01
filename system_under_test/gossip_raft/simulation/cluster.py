"""A simulated cluster: the real core on simulated clocks, network and disks."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from system_under_test.control import CLIENTS, Link, Moment
from system_under_test.gossip_raft.core.client_session import ClientSession, SessionTimeouts
from system_under_test.gossip_raft.core.config import Heartbeats, NodeConfig, Shape
from system_under_test.gossip_raft.core.membership import outsiders
from system_under_test.gossip_raft.core.messages import (
    AddServer,
    Administration,
    Message,
    RemoveServer,
    Results,
    Status,
    TransferLeadership,
)
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.trace import TraceEvent
from system_under_test.gossip_raft.core.types import (
    ClientId,
    InvariantViolation,
    Nanos,
    NodeId,
)
from system_under_test.gossip_raft.ports import Storage, SyncFailed
from system_under_test.gossip_raft.simulation import administrator
from system_under_test.gossip_raft.simulation.administrator import Administrator
from system_under_test.gossip_raft.simulation.client import SimulatedClient
from system_under_test.gossip_raft.simulation.clock import SimulatedClock
from system_under_test.gossip_raft.simulation.life import Life
from system_under_test.gossip_raft.simulation.network import (
    NetworkOptions,
    SimulatedNetwork,
    Weather,
)
from system_under_test.gossip_raft.simulation.scheduler import Scheduler
from system_under_test.gossip_raft.simulation.storage import DiskOptions, SimulatedDisk

MS: Final = 1_000_000
READMISSION_MAX_NS: Final = 15_000 * MS
LOOK_AGAIN_NS: Final = 50 * MS
STARTS_TWICE: Final = 50
"""So many times likelier than other rare things, as there are few starts."""
Trace = list[tuple[Nanos, TraceEvent]]
"""What one node recorded over all its lives, in its own order, with the world's time."""
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

    ``node``: fields of ``NodeConfig`` that differ from its defaults.  ``rare``: how often, of
    messages and starts, what hardly ever happens does (after FoundationDB's BUGGIFY).
    ``forwarding``: clients let any node pass their writes on, as the gateway does.
    """

    nodes: int = 3
    node: Mapping[str, int | str | None] = field(default_factory=dict)
    network: NetworkOptions = field(default_factory=NetworkOptions)
    disk: DiskOptions = field(default_factory=DiskOptions)
    clock: ClockOptions = field(default_factory=ClockOptions)
    rare: float = 0.0
    forwarding: bool = False


class SimulatedCluster:
    """Can suffer all that ``system_under_test.control`` knows; its coroutines never suspend.

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
            rare=options.rare,
            nodes=self.nodes,
            to_node=self._entrance,
            to_clients=self._to_client,
        )
        disks, clocks = stream("disks"), stream("clocks")
        self.disks: Final = {
            node: SimulatedDisk(node, self.scheduler, disks, options.disk) for node in self.nodes
        }
        self.clocks: Final = {node: self._clock(clocks) for node in self.nodes}
        self.traces: Final = {node: Trace() for node in self.nodes}
        self.repairs: Final[dict[NodeId, list[str]]] = {node: [] for node in self.nodes}
        """What each node found wrong with its disk when it started."""
        self.lives: Final[dict[NodeId, Life]] = {}
        self._restarts: dict[NodeId, Life] = {}
        self._administrator = Administrator(self.scheduler, self._leader, self._reach)
        for node in self.nodes:
            self._begin_life(node)

    def _clock(self, rng: random.Random) -> SimulatedClock:
        drift = self._options.clock.drift_max_ppm
        return SimulatedClock(self.scheduler, rng.randrange(10**12), rng.randint(-drift, drift))

    def client(self, name: ClientId, contact: int, timeouts: SessionTimeouts) -> SimulatedClient:
        """A new client, which is heard until ``close_client``."""
        session = ClientSession(name, self.nodes, self.nodes[contact], timeouts)
        client = SimulatedClient(
            session,
            timeouts,
            self.scheduler,
            self.network.send,
            forwarding=self._options.forwarding,
        )
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
        return self._leader()

    def _leader(self) -> NodeId | None:
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

    async def disturb(
        self, links: Collection[Link], loss: float, duplication: float, straggling: float
    ) -> None:
        weather = Weather(loss=loss, duplication=duplication, straggling=straggling)
        self.network.set_weather(links, weather)

    async def heal(self) -> str:
        return self.network.heal()

    async def add(self, node: NodeId) -> str:
        return self._administer(AddServer(node, node), f"{node} was added")

    async def remove(self, node: NodeId) -> str:
        if (obstacle := self._obstacle(node, stays=False)) is not None:
            return obstacle
        return self._administer(RemoveServer(node), f"{node} was removed")

    async def readmit(self) -> str:
        said: list[str] = []
        scheduler = self.scheduler
        deadline = scheduler.now + READMISSION_MAX_NS
        while (missing := outsiders(self.nodes, self.statuses().values())) != ():
            if scheduler.now >= deadline:
                said.append("not every node was readmitted in time")
                break
            if missing:
                said.append(await self.add(missing[0]))
            scheduler.run_for(LOOK_AGAIN_NS)
        return "; ".join(said)

    async def transfer(self, target: NodeId | None) -> str:
        return self._administer(TransferLeadership(target), "leadership was handed over")

    def _administer(self, request: Administration, success: str) -> str:
        answer = self._administrator.ask(request)
        return success if isinstance(answer, Results) else answer.reason

    async def bump_clock(self, node: NodeId, offset: int) -> None:
        self.clocks[node].bump(offset)
        self.lives[node].clock_changed()

    async def drift_clock(self, node: NodeId, ppm: int) -> None:
        self.clocks[node].drift(ppm)
        self.lives[node].clock_changed()

    async def reset_clock(self, node: NodeId) -> None:
        self.clocks[node].reset()
        self.lives[node].clock_changed()

    async def lose_power(self, node: NodeId, *, torn: bool) -> None:
        life = self.lives[node]
        if life.alive:
            life.end()
            self.disks[node].power_lost(torn=torn)
            self._down(node)

    async def flip_bit(self, node: NodeId) -> str:
        if (obstacle := self._obstacle(node, stays=True)) is not None:
            return obstacle
        await self.kill(node)
        return self.disks[node].flip_bit()

    async def lose_disk(self, node: NodeId) -> str:
        if (obstacle := self._obstacle(node, stays=True)) is not None:
            return obstacle
        await self.kill(node)
        self.disks[node].lose()
        return "all that was on disk is gone"

    def _obstacle(self, node: NodeId, *, stays: bool) -> str | None:
        """Why ``node`` must not lose its disk (``stays``) or its membership: no cluster survives
        the loss of a majority, in whatever membership some running node has."""
        for life in self.lives.values():
            if not life.alive:
                continue
            voters = life.host.node.status.membership.voters
            sound = [voter for voter in voters if voter != node and self._is_sound(voter)]
            rest = [voter for voter in voters if stays or voter != node]
            if 2 * len(sound) <= len(rest):
                others = ", ".join(sound) or "nobody"
                return f"nothing: of the other voters only {others} has a sound disk"
        return None

    def _is_sound(self, node: NodeId) -> bool:
        life = self.lives[node]
        return self.disks[node].is_sound and life.alive and not life.host.node.recovering

    async def fill_disk(self, node: NodeId) -> None:
        self.disks[node].is_full = True
        if self.lives[node].alive:
            self.lives[node].host.node.disk_full(True)

    async def slow_disk(self, node: NodeId, latency: Nanos) -> None:
        self.disks[node].slow_down(latency)

    async def make_read_only(self, node: NodeId) -> None:
        self.disks[node].make_read_only()

    async def fail_sync(self, node: NodeId) -> None:
        self.disks[node].fail_next_sync()

    async def repair_disk(self, node: NodeId) -> None:
        self.disks[node].repair()
        if self.lives[node].alive:
            self.lives[node].host.node.disk_full(False)

    async def crash_at(self, node: NodeId, moment: Moment, count: int) -> None:
        self.lives[node].crash_at(moment, count)

    async def let_live(self, node: NodeId) -> None:
        self.lives[node].let_live()

    # --- lives -------------------------------------------------------------------------

    def _begin_life(self, node: NodeId) -> None:
        settings: dict[str, Any] = dict(self._options.node)
        # Plain words in a plan, as in every file.
        for name, kind in (("heartbeats", Heartbeats), ("shape", Shape)):
            if name in settings:
                settings[name] = kind(settings[name])
        disk = self.disks[node]
        self.repairs[node] += [problem] if (problem := disk.open()) else []
        life = self.lives[node] = Life(
            NodeConfig(id=node, members=self.nodes, **settings),
            scheduler=self.scheduler,
            clock=self.clocks[node],
            network=self.network,
            disk=disk,
            trace=self.traces[node],
            rng=random.Random(self._rng.getrandbits(64)),
            rules=self._rules(),
            wrap_storage=self._wrap_storage,
            on_end=lambda error: self._ended(node, error),
        )
        life.start()
        if disk.is_full and life.alive:
            life.host.node.disk_full(True)
        if self._rng.random() < self._options.rare * STARTS_TWICE:
            life.crash_at(Moment.ANY, self._rng.randint(1, 10))
            self._restarts[node] = life

    def _start_again(self, started: tuple[NodeId, Life]) -> None:
        node, life = started
        if self.lives[node] is life:
            self._begin_life(node)

    def _ended(self, node: NodeId, error: Exception | None) -> None:
        self._down(node)
        life = self.lives[node]
        if error is None and self._restarts.pop(node, None) is life:
            self.scheduler.at(self.scheduler.now + MS, self._start_again, (node, life))
        if isinstance(error, SyncFailed):
            return  # It stops by itself, as it must; that its disk would fail was somebody's wish.
        if error is not None and self.on_death is not None:
            broken = isinstance(error, InvariantViolation)
            what = "invariant violated" if broken else type(error).__name__
            self.on_death(node, f"{what}: {error}", ())

    def _down(self, node: NodeId) -> None:
        """The process is gone: what it was writing may survive, its connections do not."""
        self.disks[node].process_killed()
        self._break_connections(node)

    def _break_connections(self, node: NodeId) -> None:
        for client in tuple(self._clients.values()):
            client.connection_broke(node)

    # --- delivery ----------------------------------------------------------------------

    def _entrance(self, node: NodeId) -> Callable[[Message], None]:
        return partial(self._reach, node)

    def _reach(self, node: NodeId, message: Message) -> None:
        life = self.lives[node]
        if life.alive:
            life.receive(message)
        elif message.source in self._clients:
            self._clients[message.source].undelivered(message.request)

    def _to_client(self, message: Message) -> None:
        client = self._clients.get(message.target)
        if client is not None:
            client.receive(message)
        elif message.target == administrator.NAME:
            self._administrator.receive(message)
