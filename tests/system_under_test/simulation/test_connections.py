"""What becomes of clients' connections in a simulated cluster."""

from __future__ import annotations

import random

from system_under_test.conditions import Crowded, HalfOpen, Meddled, Meddling, Refused, SlowClose
from system_under_test.control import CLIENTS, Link
from system_under_test.gossip_raft.core.client_session import (
    Answered,
    Ending,
    SessionTimeouts,
    TimedOut,
)
from system_under_test.gossip_raft.core.client_session import (
    Refused as NeverExecuted,
)
from system_under_test.gossip_raft.core.messages import Consistency, ReadKeys
from system_under_test.gossip_raft.core.types import ClientId, Nanos
from system_under_test.gossip_raft.simulation.cluster import MS, SimulatedCluster, WorldOptions
from tests.system_under_test.watched import done

SECOND = 1_000 * MS
READ = ReadKeys(("x",), Consistency.LINEARIZABLE)
PATIENCE = SessionTimeouts(attempt=Nanos(10 * SECOND), operation=Nanos(10 * SECOND))
"""One attempt, so that what becomes of it shows."""


class Alone:
    """A cluster of one node, which leads, and clients of it."""

    def __init__(self) -> None:
        rng = random.Random(1)
        self.cluster = SimulatedCluster(
            WorldOptions(nodes=1), lambda _: random.Random(rng.getrandbits(64))
        )
        self.cluster.scheduler.run_for(5 * SECOND)
        (self.node,) = self.cluster.nodes
        self.there, self.back = Link(CLIENTS, self.node), Link(self.node, CLIENTS)
        self._clients = 0

    def ask(self, client: str | None = None) -> list[tuple[int, Ending]]:
        """Begin a read by a new client; when it has ended, how long it took and how it ended."""
        self._clients += 1
        name = ClientId(client or f"p{self._clients}")
        began, ended = self.cluster.scheduler.now, list[tuple[int, Ending]]()
        asked = self.cluster.client(name, 0, PATIENCE)
        asked.call(READ, lambda ending: ended.append((self.cluster.scheduler.now - began, ending)))
        return ended

    def run(self, milliseconds: int = 1_000) -> None:
        self.cluster.scheduler.run_for(milliseconds * MS)


def test_a_node_without_faults_answers() -> None:
    world = Alone()
    ended = world.ask()
    world.run()
    ((_, ending),) = ended
    assert isinstance(ending, Answered)


def test_a_refused_client_knows_that_nothing_was_executed() -> None:
    world = Alone()
    done(world.cluster.impose([world.there], Refused()))
    ended = world.ask()
    world.run(11_000)
    ((_, ending),) = ended
    assert isinstance(ending, NeverExecuted)
    done(world.cluster.lift([world.there], Refused()))
    again = world.ask()
    world.run()
    assert isinstance(again[0][1], Answered)


def test_a_crowded_node_answers_the_first_and_refuses_the_next() -> None:
    world = Alone()
    done(world.cluster.impose([world.there], Crowded(1)))
    first, second = world.ask(), world.ask()
    world.run(11_000)
    assert isinstance(first[0][1], Answered)
    assert isinstance(second[0][1], NeverExecuted)


def test_on_a_half_open_connection_a_client_waits_in_vain_and_a_new_one_does_not() -> None:
    world = Alone()
    world.cluster.client(ClientId("old"), 0, PATIENCE)
    done(world.cluster.impose([world.there], HalfOpen()))
    waiting, asked = world.ask("old"), world.ask("new")
    world.run(9_000)
    assert waiting == []
    assert isinstance(asked[0][1], Answered)
    world.run(2_000)
    assert isinstance(waiting[0][1], TimedOut)


def test_the_end_of_a_node_is_heard_late_where_connections_close_slowly() -> None:
    for late_ms in (0, 3_000):
        world = Alone()
        done(world.cluster.impose([world.there], Meddled(Meddling.DROP_REPLY)))
        if late_ms:
            done(world.cluster.impose([world.back], SlowClose(Nanos(late_ms * MS))))
        client = world.cluster.client(ClientId("p0"), 0, PATIENCE)
        client.call(READ, lambda _: None)
        world.run(500)
        (asked,) = client.open_at(world.node)
        done(world.cluster.kill(world.node))
        if late_ms:
            world.run(late_ms - 1)
            assert asked in client.open_at(world.node)
            world.run(1)
        assert asked not in client.open_at(world.node)


def test_a_failed_call_may_have_been_executed_for_all_its_client_knows() -> None:
    world = Alone()
    done(world.cluster.impose([world.there], Meddled(Meddling.FAIL)))
    ended = world.ask()
    world.run(11_000)
    ((_, ending),) = ended
    assert isinstance(ending, TimedOut)
