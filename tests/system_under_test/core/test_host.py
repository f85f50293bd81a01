"""The host obeys in order, commits in groups, and stops for good."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from system_under_test.gossip_raft.core import trace
from system_under_test.gossip_raft.core.admission import bytes_held
from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.messages import Heartbeat, Message, PutEntries
from system_under_test.gossip_raft.core.node import Node
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import (
    ClientId,
    DurableState,
    InvariantViolation,
    Nanos,
    NodeId,
    Put,
    RequestId,
    Session,
    Term,
)
from system_under_test.gossip_raft.host import INBOX_BYTES_MAX, Host


class Ports:
    """A single node's world: notes what is done, and syncs only when told to."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.events: list[trace.TraceEvent] = []
        self.persists: list[Persist] = []
        self.syncs: list[Callable[[], None]] = []
        self.time = Nanos(0)
        self.wake: Callable[[], None] = lambda: None
        self.wake_time = Nanos(0)
        self.fails = False

    def now(self) -> Nanos:
        return self.time

    def wake_at(self, time: Nanos, wake: Callable[[], None]) -> None:
        self.wake_time, self.wake = time, wake

    def send(self, message: Message) -> None:
        if self.fails:
            raise OSError("no network")
        self.done.append(f"send {type(message.body).__name__} to {message.target}")

    def record(self, events: tuple[trace.TraceEvent, ...]) -> None:
        self.events.extend(events)
        self.done.append(f"record {' '.join(type(event).__name__ for event in events)}")

    def load(self) -> DurableState:
        return DurableState()

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        self.persists.append(persist)
        self.syncs.append(durable)
        self.done.append("persist")

    def sync(self) -> None:
        self.syncs.pop(0)()

    def sync_all(self) -> None:
        while self.syncs:
            self.sync()


def started(
    on_stopped: Callable[[InvariantViolation], None] | None = None,
    nodes: int = 1,
    inbox_max: int = 1000,
    inbox_bytes_max: int = INBOX_BYTES_MAX,
) -> tuple[Host, Ports]:
    ports = Ports()
    members = tuple(NodeId(f"n{i}") for i in range(nodes))
    config = NodeConfig(id=NodeId("n0"), members=members)

    def make_node(durable: DurableState, now: Nanos) -> Node:
        return Node(config, durable, random.Random(1), now)

    host = Host(
        make_node,
        clock=ports,
        network=ports,
        storage=ports,
        recorder=ports,
        on_stopped=on_stopped,
        inbox_max=inbox_max,
        inbox_bytes_max=inbox_bytes_max,
    )
    host.start()
    return host, ports


def leading(inbox_max: int = 1000, inbox_bytes_max: int = INBOX_BYTES_MAX) -> tuple[Host, Ports]:
    host, ports = started(inbox_max=inbox_max, inbox_bytes_max=inbox_bytes_max)
    ports.sync_all()
    while host.node.status.role != "leader" or ports.syncs:
        ports.time = ports.wake_time
        ports.wake()
        ports.sync_all()
    ports.done.clear()
    ports.persists.clear()
    return host, ports


def put(sequence: int) -> Message:
    body = PutEntries(Session(ClientId("alice"), sequence), (Put("x", sequence),))
    return Message("alice", "n0", RequestId(sequence), Term(0), (), body)


def test_the_incarnation_is_on_disk_before_anything_else() -> None:
    _, ports = started()
    assert ports.done == ["record Booted", "persist"]
    assert ports.persists[0].hard.incarnation == 1


def test_nothing_leaves_before_the_sync_and_the_answer_comes_after_the_application() -> None:
    host, ports = leading()
    host.receive(put(1))
    assert ports.done == ["record Appended", "persist"]
    ports.sync()
    assert ports.done[2:] == [
        "record Persisted",
        "record Committed",
        "record Applied",
        "record Answered",
        "send Results to alice",
    ]


def test_what_arrives_during_a_sync_shares_the_next_one() -> None:
    host, ports = leading()
    host.receive(put(1))
    for sequence in range(2, 6):
        host.receive(put(sequence))
    assert len(ports.persists) == 1
    ports.sync()
    assert [len(persist.entries) for persist in ports.persists] == [1, 4]
    ports.sync_all()
    assert ports.done.count("send Results to alice") == 5


def test_time_that_passes_during_a_sync_is_noticed_afterwards() -> None:
    host, ports = leading()
    host.receive(put(1))
    ports.time = Nanos(ports.wake_time + 1)
    ports.wake()
    assert ports.done == ["record Appended", "persist"]
    ports.sync()
    assert ports.wake_time > ports.time


def test_storage_may_answer_at_once() -> None:
    class Immediate(Ports):
        def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
            super().persist(persist, durable)
            self.syncs.pop()()

    ports = Immediate()
    config = NodeConfig(id=NodeId("n0"), members=(NodeId("n0"),))
    host = Host(
        lambda durable, now: Node(config, durable, random.Random(1), now),
        clock=ports,
        network=ports,
        storage=ports,
        recorder=ports,
    )
    host.start()
    ports.time = Nanos(10**10)
    ports.wake()
    assert host.node.status.role == "leader"
    assert host.node.status.applied == 1


def test_a_broken_invariant_stops_the_node_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[InvariantViolation] = []
    host, ports = started(on_stopped=told.append)
    ports.sync_all()

    def break_down(*_: object) -> None:
        raise InvariantViolation("the log has a hole")

    monkeypatch.setattr(Node, "step", break_down)
    host.receive(put(1))
    assert [str(violation) for violation in told] == ["the log has a hole"]
    assert ports.events[-1] == trace.Stopped(reason="invariant violated: the log has a hole")
    assert not host.is_running
    ports.done.clear()
    monkeypatch.undo()
    host.receive(put(2))
    ports.wake()
    host.stop()
    assert ports.done == []


def test_an_error_of_a_port_ends_the_node_and_is_raised() -> None:
    host, ports = started(nodes=2)
    ports.sync_all()
    ports.fails = True
    ports.time = ports.wake_time
    with pytest.raises(OSError, match="no network"):
        ports.wake()
    assert not host.is_running
    assert ports.events[-1] == trace.Stopped(reason="OSError: no network")


def test_a_stopped_node_says_so_and_does_nothing_more() -> None:
    host, ports = leading()
    host.receive(put(1))
    host.stop()
    assert ports.done[-1] == "record Stopped"
    ports.sync()
    host.receive(put(2))
    assert ports.done[-1] == "record Stopped"
    with pytest.raises(RuntimeError, match="not running"):
        _ = host.node


def test_a_full_inbox_refuses_clients_and_loses_what_peers_say() -> None:
    host, ports = leading(inbox_max=2)
    host.receive(put(1))
    for sequence in range(2, 6):
        host.receive(put(sequence))
    host.receive(put(9)._replace(source="n1", body=Heartbeat()))
    assert ports.done == ["record Appended", "persist", *["send Unavailable to alice"] * 2]
    ports.sync_all()
    assert ports.done.count("send Results to alice") == 3


def test_an_inbox_full_of_bytes_refuses_clients_and_hears_peers() -> None:
    size = bytes_held(put(1))
    assert size > 0
    host, ports = leading(inbox_bytes_max=2 * size)
    host.receive(put(1))  # It is on its way to the disk, the others wait.
    for sequence in range(2, 6):
        host.receive(put(sequence))
    assert ports.done == ["record Appended", "persist", *["send Unavailable to alice"] * 2]
    host.receive(put(9)._replace(source="n1", body=Heartbeat()))
    ports.sync_all()
    assert ports.done.count("send Results to alice") == 3
    assert "send HeartbeatReply to n1" in ports.done
    # One larger than the inbox is taken if it is alone, and what waits is counted anew.
    host, ports = leading(inbox_bytes_max=1)
    host.receive(put(1))
    host.receive(put(2))
    host.receive(put(3))
    assert ports.done.count("send Unavailable to alice") == 1
    ports.sync_all()
    host.receive(put(4))
    ports.sync_all()
    assert ports.done.count("send Results to alice") == 3


def test_a_request_whose_time_ran_out_in_the_inbox_is_not_executed() -> None:
    host, ports = leading()
    host.receive(put(1))
    late = put(2)
    assert isinstance(late.body, PutEntries)
    host.receive(late._replace(body=replace(late.body, expires_in=Nanos(5))))
    ports.time = Nanos(ports.time + 5)
    ports.sync_all()
    assert len(ports.persists[0].entries) == 1
    assert ports.done.count("send Results to alice") == 1
    assert ports.done.count("send Unavailable to alice") == 1
