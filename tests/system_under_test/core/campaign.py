"""One seed: a cluster in the small world, clients that append and read, faults, a verdict."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from system_under_test.gossip_raft.core.messages import (
    Consistency,
    Lost,
    Message,
    NotLeader,
    PutEntries,
    ReadKeys,
    Results,
    Unavailable,
    Values,
)
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    Append,
    ClientId,
    NodeId,
    RequestId,
    Session,
    Term,
)
from system_under_test.gossip_raft.ports import Storage
from tests.system_under_test.core.judge import Judge
from tests.system_under_test.core.world import MS, Life, Weather, World


@dataclass
class Client:
    """Appends its own numbers to one list, repeating a request until it is answered."""

    name: str
    world: World
    target: str = "n0"
    sequence: int = 0
    sent: int = 0
    writes: dict[int, int] = field(default_factory=dict)
    reads: dict[int, set[str]] = field(default_factory=dict)

    def send(self, body: PutEntries | ReadKeys) -> int:
        self.sent += 1
        message = Message(self.name, self.target, RequestId(self.sent), Term(0), (), body)
        self.world.transmit(message)
        return self.sent

    def write(self) -> None:
        session = Session(ClientId(self.name), self.sequence)
        element = f"{self.name}.{self.sequence}"
        request = self.send(PutEntries(session, (Append("list", element),)))
        self.writes[request] = self.sequence


class Campaign:
    def __init__(
        self,
        seed: int,
        nodes: int,
        rules: Rules | None = None,
        wrap_storage: Callable[[Storage], Storage] = lambda storage: storage,
        *,
        members: int | None = None,
        compacting: bool = False,
        wiping: bool = False,
        knows_it_is_wiped: bool = True,
        **options: Any,
    ) -> None:
        self.rng = random.Random(seed)
        self.consistency = Consistency.LEASE if seed % 2 else Consistency.LINEARIZABLE
        self.world = World(
            nodes,
            self.rng,
            rules or Rules(),
            wrap_storage,
            members=members,
            compacting=compacting,
            **options,
        )
        self.wiping = wiping
        self.knows_it_is_wiped = knows_it_is_wiped
        self.world.to_clients = self._on_answer
        self.clients = [Client(f"c{i}", self.world) for i in range(3)]
        self.acknowledged: set[str] = set()
        self.judge = Judge()

    def run(self) -> list[str]:
        """Returns everything that went wrong."""
        for client in self.clients:
            client.sequence = 1
        for _ in range(8):
            self._change_weather()
            for _ in range(20):
                self._ask()
        self._heal()
        self.judge.feed(self.world.events)
        return self.judge.problems + self.world.violations

    def _ask(self) -> None:
        world, rng = self.world, self.rng
        client = rng.choice(self.clients)
        if rng.random() < 0.3:
            client.target = rng.choice(world.nodes)
        if rng.random() < 0.7:
            client.write()
        else:
            body = ReadKeys(("list",), self.consistency)
            client.reads[client.send(body)] = set(self.acknowledged)
        world.run(rng.randint(1, 60) * MS)

    def _change_weather(self) -> None:
        world, rng = self.world, self.rng
        members = world.nodes
        world.weather = rng.choice(
            [Weather(), Weather(loss=0.1, duplication=0.1), Weather(slow=0.1), Weather(loss=0.3)]
        )
        world.cut.clear()
        match rng.randrange(5):
            case 0:
                lonely = rng.choice(members)
                for other in members:
                    world.cut |= {(lonely, other), (other, lonely)}
            case 1:
                side = set(rng.sample(members, len(members) // 2))
                world.cut |= {
                    (a, b) for a in members for b in members if (a in side) != (b in side)
                }
            case 2:
                world.cut |= {tuple(rng.sample(members, 2)) for _ in range(3)}  # type: ignore[misc]
            case _:
                pass
        if rng.random() < 0.4:
            world.revive_all()
        if rng.random() < 0.5:
            world.crash(rng.choice(members), after_effects=rng.randrange(60))
        # What fewer than a majority lose at a time is not lost.
        alive = [life.host.node for life in self._alive()]
        if self.wiping and len(alive) == len(members) and not any(n.recovering for n in alive):
            world.wipe(rng.choice(members), recovering=self.knows_it_is_wiped)

    def _alive(self) -> list[Life]:
        return [life for life in self.world.lives.values() if life.alive]

    def _heal(self) -> None:
        world = self.world
        world.weather, world.cut = Weather(), set()
        world.revive_all()
        world.run(3_000 * MS)
        for client in self.clients:
            client.write()
        world.run(1_000 * MS)
        if any(life.host.node.recovering for life in self._alive()):
            self.judge.problems.append("a wiped node did not recover after healing")
        statuses = [world.lives[node].host.node.status for node in self.expected_to_agree()]
        if sum(status.role == "leader" for status in statuses) != 1:
            self.judge.problems.append("no single leader after healing")
        if len({(status.last, status.commit, status.applied) for status in statuses}) != 1:
            self.judge.problems.append("the nodes did not converge after healing")
        self._check_final_list()

    def expected_to_agree(self) -> list[NodeId]:
        return [node for node, life in self.world.lives.items() if life.alive]

    def _check_final_list(self) -> None:
        for node in self.expected_to_agree():
            life = self.world.lives[node]
            machine = life.host.node._machine
            held = machine.read(("list",))[0]
            elements = held if isinstance(held, tuple) else ()
            if len(set(elements)) != len(elements):
                self.judge.problems.append(f"{node} applied a request twice")
            if missing := self.acknowledged - set(elements):
                self.judge.problems.append(f"{node} lost acknowledged {sorted(missing)}")

    def _on_answer(self, message: Message) -> None:
        client = next(c for c in self.clients if c.name == message.target)
        match message.body:
            case Results():
                sequence = client.writes[message.request]
                self.acknowledged.add(f"{client.name}.{sequence}")
                if sequence == client.sequence:
                    client.sequence += 1
            case NotLeader(leader=leader):
                if leader is not None:
                    client.target = leader
            case Values(values=values):
                known = client.reads[message.request]
                held = values[0] if isinstance(values[0], tuple) else ()
                if missing := known - set(held):
                    self.judge.problems.append(f"stale read: it misses {sorted(missing)}")
            case Lost() | Unavailable():
                pass
            case _:
                raise AssertionError(f"a client cannot get {message.body}")
