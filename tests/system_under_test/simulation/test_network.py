"""What conditions do to the links of a simulated network, and that each is lifted by itself."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import partial

import pytest

from system_under_test.conditions import (
    Condition,
    Crowded,
    Cut,
    Distribution,
    Flapping,
    HalfOpen,
    Meddled,
    Meddling,
    Refused,
    Slow,
    SlowClose,
    Throttled,
    Weather,
)
from system_under_test.control import CLIENTS, Link
from system_under_test.gossip_raft.core.messages import (
    HEARTBEAT,
    HEARTBEAT_REPLY,
    Body,
    Consistency,
    GetStatus,
    Message,
    PulledEntries,
    PullEntries,
    ReadKeys,
)
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    Entry,
    LogIndex,
    Nanos,
    NodeId,
    Put,
    RequestId,
    Term,
)
from system_under_test.gossip_raft.simulation.network import NetworkOptions, SimulatedNetwork
from system_under_test.gossip_raft.simulation.scheduler import Scheduler

MS = 1_000_000
SECOND = 1_000 * MS
A, B = NodeId("a"), NodeId("b")
AB, BA = Link("a", "b"), Link("b", "a")
CUT = Cut()
PULL = PullEntries(ORIGIN, ORIGIN, 1, Nanos(0))
READ = ReadKeys(("x",), Consistency.LINEARIZABLE)


@dataclass
class World:
    """Two nodes and clients, who remember what reached them, when."""

    scheduler: Scheduler = field(default_factory=Scheduler)
    heard: list[tuple[str, Message]] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    options: NetworkOptions = field(default_factory=NetworkOptions)
    bounced: list[tuple[Message, bool]] = field(default_factory=list)
    _asked: int = 0

    def __post_init__(self) -> None:
        self.network = SimulatedNetwork(
            self.scheduler,
            random.Random(5),
            self.options,
            nodes=(A, B),
            to_node=lambda node: partial(self._hear, node),
            to_clients=partial(self._hear, CLIENTS),
            bounce=self._bounce,
        )

    def _hear(self, who: str, message: Message) -> None:
        self.heard.append((who, message))
        self.times.append(self.scheduler.now)

    def _bounce(self, request: Message, *, certainly: bool) -> None:
        self.bounced.append((request, certainly))

    def send(self, source: str, target: str, body: Body, request: int = 0) -> int:
        self._asked += 1
        number = RequestId(request or self._asked)
        self.network.send(Message(source, target, number, Term(0), (), body))
        return number

    def run(self, milliseconds: int = 5_000) -> list[int]:
        """The numbers of what is heard within that time."""
        self.heard.clear()
        self.times.clear()
        self.scheduler.run_for(milliseconds * MS)
        return [message.request for _, message in self.heard]

    def passes(self) -> bool:
        return self.run_one("a", "b", HEARTBEAT) == 1

    def run_one(self, source: str, target: str, body: Body) -> int:
        """How often it arrives."""
        number = self.send(source, target, body)
        return self.run().count(number)


@pytest.fixture
def world() -> World:
    return World()


def test_a_cut_loses_what_is_sent_and_what_is_under_way_in_one_direction(world: World) -> None:
    under_way = world.send("a", "b", HEARTBEAT)
    world.network.impose([AB], CUT)
    lost, back = world.send("a", "b", HEARTBEAT), world.send("b", "a", HEARTBEAT)
    assert world.run() == [back]
    assert world.network.lift([AB], CUT) == "dropped 2 messages on 1 links"
    assert world.passes()
    assert under_way != lost


def test_a_refusal_is_certain_and_meets_requests_only(world: World) -> None:
    client = Link(CLIENTS, "b")
    world.network.impose([AB, client], Refused())
    world.send("a", "b", HEARTBEAT)
    asked = world.send("p1", "b", READ)
    reply = world.send("a", "b", HEARTBEAT_REPLY)
    assert world.run() == [reply]
    assert (asked, True) in [(message.request, sure) for message, sure in world.bounced]
    assert "refused 2 requests on 2 links" in world.network.lift([AB, client], Refused())
    assert world.passes()
    assert world.run_one("p1", "b", READ) == 1


def test_a_crowded_node_serves_those_who_came_first_until_one_of_them_goes(world: World) -> None:
    link = Link(CLIENTS, "b")
    world.network.impose([link], Crowded(2), ("p1",))
    assert [world.run_one(f"p{n}", "b", READ) for n in (3, 4, 1, 3)] == [1, 0, 1, 1]
    world.network.forget("p1")
    assert [world.run_one(f"p{n}", "b", READ) for n in (4, 5)] == [1, 0]
    world.network.lift([link], Crowded(2))
    assert world.run_one("p5", "b", READ) == 1


def test_a_narrow_link_takes_its_time_for_each_message(world: World) -> None:
    world.network.impose([AB], Throttled(1_000))
    for _ in range(10):
        world.send("a", "b", HEARTBEAT)
    assert len(world.run()) == 10
    # 60 bytes each.
    assert 600 * MS <= world.times[-1] < 610 * MS
    world.network.lift([AB], Throttled(1_000))
    began = world.scheduler.now
    assert world.passes()
    assert world.times[-1] - began < 10 * MS


def test_whoever_was_connected_to_a_half_open_link_is_not_heard_and_others_are(
    world: World,
) -> None:
    link = Link(CLIENTS, "b")
    world.network.impose([link], HalfOpen(), ("p1",))
    world.network.impose([AB], HalfOpen())
    assert world.run_one("p1", "b", READ) == 0
    assert world.run_one("p2", "b", READ) == 1
    assert not world.passes()
    assert world.run_one("a", "b", HEARTBEAT_REPLY) == 1
    assert "dropped 1 messages on 1 links" in world.network.lift([AB], HalfOpen())
    assert world.passes()


@pytest.mark.parametrize("distribution", Distribution)
def test_a_slow_link_is_slow_as_its_distribution_says(
    world: World, distribution: Distribution
) -> None:
    slow = Slow(Nanos(100 * MS), Nanos(50 * MS), distribution)
    world.network.impose([AB], slow)
    taken = []
    for _ in range(500):
        before = world.scheduler.now
        assert world.passes()
        taken.append((world.times[0] - before) / MS)
    mean = {Distribution.UNIFORM: 100, Distribution.NORMAL: 100}.get(distribution, 150)
    assert mean - 15 < sum(taken) / len(taken) < mean + 30
    assert (max(taken) > 300) == (distribution not in {Distribution.UNIFORM, Distribution.NORMAL})
    world.network.lift([AB], slow)
    before = world.scheduler.now
    assert world.passes()
    assert world.times[0] - before < 10 * MS


def test_slownesses_add_up(world: World) -> None:
    for milliseconds in (100, 200):
        world.network.impose([AB], Slow(Nanos(milliseconds * MS)))
    assert world.passes()
    assert world.times[0] >= 300 * MS


def test_a_flapping_link_is_cut_by_turns(world: World) -> None:
    flapping = Flapping(Nanos(SECOND), turn=1, turns=3)
    world.network.impose([AB], flapping)
    arrived = []
    for _ in range(12):
        number = world.send("a", "b", HEARTBEAT)
        arrived.append(number in world.run(500))
    assert arrived == [True, True, False, False, True, True] * 2
    world.run(1_500)
    assert world.run_one("a", "b", HEARTBEAT) == 0
    world.network.lift([AB], flapping)
    for _ in range(8):
        number = world.send("a", "b", HEARTBEAT)
        assert world.run(500) == [number]


def test_a_dropped_request_is_of_the_methods_named(world: World) -> None:
    dropped = Meddled(Meddling.DROP_REQUEST, methods=("HeartbeatRPC",))
    world.network.impose([AB], dropped)
    assert not world.passes()
    assert world.run_one("a", "b", PULL) == 1
    assert world.run_one("b", "a", HEARTBEAT) == 1
    assert "dropped 1 requests on 1 links" in world.network.lift([AB], dropped)
    assert world.passes()


@pytest.mark.parametrize("client", [False, True])
def test_a_request_arrives_whose_reply_is_dropped(world: World, client: bool) -> None:
    link = Link(CLIENTS, "b") if client else AB
    source, body = ("p1", READ) if client else ("a", PULL)
    silent = Meddled(Meddling.DROP_REPLY)
    world.network.impose([link], silent)
    number = world.send(source, "b", body)
    assert world.run() == [number]
    world.send("b", source, HEARTBEAT_REPLY, number)
    assert world.run() == []
    other = world.send("b", source, HEARTBEAT_REPLY, 99)
    assert world.run() == [other]
    assert "left unanswered 1 requests on 1 links" in world.network.lift([link], silent)
    number = world.send(source, "b", body)
    world.run()
    world.send("b", source, HEARTBEAT_REPLY, number)
    assert world.run() == [number]


def test_requests_are_repeated_but_never_those_of_clients(world: World) -> None:
    twice = Meddled(Meddling.DUPLICATE)
    world.network.impose([AB, Link(CLIENTS, "b")], twice)
    assert world.run_one("a", "b", HEARTBEAT) == 2
    assert world.run_one("p1", "b", READ) == 1
    world.network.lift([AB, Link(CLIENTS, "b")], twice)
    assert world.run_one("a", "b", HEARTBEAT) == 1


def test_a_held_back_request_comes_later(world: World) -> None:
    late = Meddled(Meddling.DELAY, latency_ns=Nanos(1_000 * MS))
    world.network.impose([AB], late)
    for _ in range(20):
        world.send("a", "b", HEARTBEAT)
    assert len(world.run()) == 20
    assert 500 * MS < world.times[-1] < 1_100 * MS


def test_a_request_is_overtaken_by_the_next_or_waits_no_more(world: World) -> None:
    world.network.impose([AB], Meddled(Meddling.REORDER, methods=("HeartbeatRPC",)))
    first = world.send("a", "b", HEARTBEAT)
    assert world.run(100) == []
    second = world.send("a", "b", PULL)
    assert world.run(100) == [second, first]
    alone = world.send("a", "b", HEARTBEAT)
    assert world.run(900) == []
    assert world.run(900) == [alone]


def test_who_waits_to_be_overtaken_goes_when_that_is_lifted(world: World) -> None:
    reordered = Meddled(Meddling.REORDER)
    world.network.impose([AB], reordered)
    waiting = world.send("a", "b", HEARTBEAT)
    assert world.run(100) == []
    world.network.lift([AB], reordered)
    assert world.run() == [waiting]


def test_a_call_fails_and_nobody_can_be_sure_what_that_means(world: World) -> None:
    link = Link(CLIENTS, "b")
    world.network.impose([link], Meddled(Meddling.FAIL))
    asked = world.send("p1", "b", GetStatus())
    assert world.run() == []
    assert [(message.request, sure) for message, sure in world.bounced] == [(asked, False)]


def test_conditions_are_lifted_one_by_one(world: World) -> None:
    world.network.impose([AB], CUT)
    world.network.impose([AB, BA], CUT)
    world.network.lift([AB], CUT)
    assert not world.passes()
    world.network.lift([AB, BA], CUT)
    assert world.passes()


EVERY: tuple[Condition, ...] = (
    CUT,
    Refused(),
    Slow(Nanos(SECOND)),
    Throttled(1),
    HalfOpen(),
    SlowClose(Nanos(SECOND)),
    Crowded(1),
    Flapping(Nanos(SECOND)),
    Weather(loss=1.0),
    *(Meddled(how) for how in Meddling),
)


@pytest.mark.parametrize("condition", EVERY, ids=str)
def test_healing_all_lifts_every_condition(world: World, condition: Condition) -> None:
    links = [AB, BA, Link(CLIENTS, "b"), Link("b", CLIENTS)]
    world.network.impose(links, condition, ("p1",))
    world.network.heal()
    for source in ("a", "p1", "p2"):
        before = world.scheduler.now
        number = world.send(source, "b", GetStatus())
        assert world.run() == [number]
        assert world.times[0] - before < 10 * MS
        world.send("b", source, HEARTBEAT_REPLY, number)
        assert world.run() == [number]


def test_more_entries_than_a_transport_carries_never_arrive() -> None:
    def pulled(count: int) -> PulledEntries:
        entries = tuple(
            Entry(Term(1), LogIndex(number + 1), None, (Put("x", number),))
            for number in range(count)
        )
        return PulledEntries(ORIGIN, entries, ORIGIN, ORIGIN)

    world = World(options=NetworkOptions(entries_bytes_max=100))
    for count in (1, 3, 5, 50):
        world.send("a", "b", pulled(count), count)
    assert sorted(world.run()) == [1, 3]
