"""A simulated cluster: the real core on simulated clocks, network and disks."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from system_under_test.conditions import Condition, Crowded, HalfOpen, Refused
from system_under_test.control import CLIENTS, Link, Moment
from system_under_test.gossip_raft.core.client_session import (
    CAREFUL,
    ClientPolicy,
    ClientSession,
    SessionTimeouts,
)
from system_under_test.gossip_raft.core.config import Heartbeats, NodeConfig, Shape
from system_under_test.gossip_raft.core.membership import obstacle_to_loss, outsiders
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
)
from system_under_test.gossip_raft.simulation.scheduler import Scheduler
from system_under_test.gossip_raft.simulation.storage import DiskOptions, SimulatedDisk
from system_under_test.machine import ClockCondition, DiskCondition

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
    drift_min_ppm: How many every clock gains or loses, at least.
    """

    drift_max_ppm: int = 0
    drift_min_ppm: int = 0

    def draw_ppm(self, rng: random.Random) -> int:
        """What a clock gains, or loses if it is below 0."""
        if not self.drift_min_ppm:
            return rng.randint(-self.drift_max_ppm, self.drift_max_ppm)
        return rng.choice((-1, 1)) * rng.randint(self.drift_min_ppm, self.drift_max_ppm)


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
        make_network: Callable[..., SimulatedNetwork] = SimulatedNetwork,
    ) -> None:
        self.nodes: Final = tuple(NodeId(f"n{number}") for number in range(options.nodes))
        self.scheduler: Final = Scheduler()
        self.on_death: Callable[[str, str, tuple[str, ...]], None] | None = None
        self._options = options
        self._rules = rules
        self._wrap_storage = wrap_storage
        self._rng = stream("nodes")
        self._clients: dict[str, SimulatedClient] = {}
        self.network: Final = make_network(
            self.scheduler,
            stream("network"),
            options.network,
            rare=options.rare,
            nodes=self.nodes,
            to_node=self._entrance,
            to_clients=self._to_client,
            bounce=self._bounce,
        )
        disks, clocks = stream("disks"), stream("clocks")
        self.disks: Final = {
            node: SimulatedDisk(node, self.scheduler, disks, options.disk) for node in self.nodes
        }
        self.clocks: Final = {node: self._clock(node, clocks) for node in self.nodes}
        self.traces: Final = {node: Trace() for node in self.nodes}
        self.repairs: Final[dict[NodeId, list[str]]] = {node: [] for node in self.nodes}
        """What each node found wrong with its disk when it started."""
        self.lives: Final[dict[NodeId, Life]] = {}
        self._restarts: dict[NodeId, Life] = {}
        self._administrator = Administrator(self.scheduler, self._leader, self._reach)
        for node in self.nodes:
            self._begin_life(node)

    def _clock(self, node: NodeId, rng: random.Random) -> SimulatedClock:
        offset_ns = rng.randrange(10**12)
        clock = SimulatedClock(self.scheduler, offset_ns, self._options.clock.draw_ppm(rng))
        clock.on_change = lambda: self._life(node).clock_changed()
        return clock

    def _life(self, node: NodeId) -> Life:
        """The one that it leads now."""
        return self.lives[node]

    def client(
        self,
        name: ClientId,
        contact: int,
        timeouts: SessionTimeouts,
        policy: ClientPolicy = CAREFUL,
    ) -> SimulatedClient:
        """A new client, which is heard until ``close_client``."""
        session = ClientSession(name, self.nodes, self.nodes[contact], timeouts, policy)
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
        self.network.forget(name)

    # --- looking ---------------------------------------------------------------------

    def statuses(self) -> dict[NodeId, Status]:
        """How the nodes are that run and are not paused."""
        return {
            node: life.host.node.status
            for node, life in self.lives.items()
            if life.alive and not life.paused
        }

    async def sources(self) -> dict[NodeId, NodeId]:
        return {node: s.source for node, s in self.statuses().items() if s.source is not None}

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

    async def terminate(self, node: NodeId) -> None:
        life = self.lives[node]
        if not life.alive:
            return
        if life.paused:
            life.resume()
        if self._leader() == node:
            self._administrator.ask(TransferLeadership(None))
        if life.alive:
            life.host.stop()
            life.end()
            self._down(node)

    async def start(self, *nodes: NodeId) -> None:
        for node in nodes:
            if not self.lives[node].alive:
                self._begin_life(node)

    async def pause(self, node: NodeId) -> None:
        self.lives[node].pause()

    async def resume(self, node: NodeId) -> None:
        if self.lives[node].paused:
            self.lives[node].resume()

    def cannot_suffer(self, condition: Condition) -> str | None:
        del condition
        return None

    async def impose(self, links: Collection[Link], condition: Condition) -> None:
        clients = tuple(self._clients)
        self.network.impose(links, condition, clients)
        for link in sorted(links):
            # What begins with the end of connections; only clients notice that.
            match condition:
                case Refused() if link.source == CLIENTS:
                    self._break_connections(NodeId(link.target), clients)
                case Crowded(connections_max=most) if link.source == CLIENTS:
                    self._break_connections(NodeId(link.target), clients[most:])
                case HalfOpen() if link.target == CLIENTS:
                    self._break_connections(NodeId(link.source), clients)
                case _:
                    pass

    async def lift(self, links: Collection[Link], condition: Condition) -> str:
        return self.network.lift(links, condition)

    async def reset(self, links: Collection[Link]) -> str:
        broken = [
            self._break_connections(NodeId(link.target), self._clients)
            for link in sorted(links)
            if link.source == CLIENTS
        ]
        return f"broke the connections of {sum(broken)} clients"

    async def heal(self) -> str:
        return self.network.heal()

    async def add(self, node: NodeId) -> str:
        return self._administer(AddServer(node, node), f"{node} was added")

    async def remove(self, node: NodeId) -> str:
        if (obstacle := self._obstacle(node, stays=False)) is not None:
            return obstacle
        return self._administer(RemoveServer(node), f"{node} was removed")

    async def readmit(self, nodes: Collection[NodeId]) -> str:
        said: list[str] = []
        scheduler = self.scheduler
        deadline = scheduler.now + READMISSION_MAX_NS
        while (missing := outsiders(nodes, self.statuses().values())) != ():
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

    async def impose_on_clock(self, node: NodeId, condition: ClockCondition) -> None:
        self.clocks[node].impose(condition)

    async def lift_from_clock(self, node: NodeId, condition: ClockCondition) -> None:
        self.clocks[node].lift(condition)

    async def heal_clock(self, node: NodeId) -> None:
        self.clocks[node].heal()

    async def impose_on_disk(self, node: NodeId, condition: DiskCondition) -> None:
        self.disks[node].impose(condition)
        self._tell_whether_full(node)

    async def lift_from_disk(self, node: NodeId, condition: DiskCondition) -> None:
        self.disks[node].lift(condition)
        self._tell_whether_full(node)

    async def repair_disk(self, node: NodeId) -> None:
        self.disks[node].repair()
        self._tell_whether_full(node)

    def _tell_whether_full(self, node: NodeId) -> None:
        if self.lives[node].alive:
            self.lives[node].host.node.disk_full(self.disks[node].is_full)

    async def lose_power(self, node: NodeId, *, torn: bool) -> None:
        life = self.lives[node]
        if life.alive:
            life.end()
            self.disks[node].power_lost(torn=torn)
            self._down(node)

    async def tear_log(self, node: NodeId) -> str:
        await self.kill(node)
        self.disks[node].tear()
        return "a part of a record at the end"

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
        """Why ``node`` must not lose its disk (``stays``) or its membership."""
        running = [life.host.node.status for life in self.lives.values() if life.alive]
        sound = [one for one in self.nodes if self._is_sound(one)]
        return obstacle_to_loss(node, [one.membership for one in running], sound, stays=stays)

    def _is_sound(self, node: NodeId) -> bool:
        life = self.lives[node]
        return self.disks[node].is_sound and life.alive and not life.host.node.recovering

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
        late = self.network.late_ns(Link(node, CLIENTS))
        if late:
            for client in tuple(self._clients.values()):
                if asked := client.open_at(node):
                    self.scheduler.at(self.scheduler.now + late, client.unknown, asked)
        else:
            self._break_connections(node, self._clients)

    def _break_connections(self, node: NodeId, clients: Iterable[str]) -> int:
        """How many of ``clients`` had asked something there that was not answered."""
        # Whoever hears it may be closed, and others with it.
        there = [self._clients[name] for name in clients if name in self._clients]
        return sum(client.connection_broke(node) for client in there)

    def _bounce(self, request: Message, *, certainly: bool) -> None:
        client = self._clients.get(request.source)
        if client is None:
            return
        if certainly:
            client.undelivered(request.request)
        else:
            client.unknown((request.request,))

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
