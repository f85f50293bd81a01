"""A client that lets any node pass its writes on, and is told by the leader."""

from __future__ import annotations

from system_under_test.gossip_raft.core.client_session import (
    Answered,
    ClientSession,
    Ending,
    Execute,
    Refused,
    SessionTimeouts,
    TimedOut,
)
from system_under_test.gossip_raft.core.messages import (
    AckEntries,
    Body,
    Forwarded,
    Lost,
    Message,
    NotLeader,
    PutEntries,
    Results,
    Unavailable,
)
from system_under_test.gossip_raft.core.types import (
    Applied,
    ClientId,
    LogIndex,
    Nanos,
    NodeId,
    Position,
    Put,
    RequestId,
    Session,
    Term,
)
from system_under_test.gossip_raft.simulation.client import SimulatedClient
from system_under_test.gossip_raft.simulation.scheduler import Scheduler

MS = 1_000_000
NODES = (NodeId("n0"), NodeId("n1"), NodeId("n2"))
NAME = ClientId("p0")
DONE = Results(Position(Term(1), LogIndex(2)), (Applied(),))


class Caller:
    """One write of one client, whose first try goes to n1."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self.sent: list[Message] = []
        self.ended: list[Ending] = []
        timeouts = SessionTimeouts(attempt=Nanos(100 * MS), operation=Nanos(400 * MS))
        self.client = SimulatedClient(
            ClientSession(NAME, NODES, NODES[1], timeouts),
            timeouts,
            self.scheduler,
            self.sent.append,
            forwarding=True,
        )
        self.client.call(Execute((Put("x", 1),)), self.ended.append)

    def hear(self, body: Body, source: str = "n0", request: int = 7) -> None:
        self.client.receive(Message(source, NAME, RequestId(request), Term(1), (), body))

    def acknowledge(self, answer: Results | Lost | Unavailable | NotLeader) -> None:
        self.hear(AckEntries(Session(NAME, 1), answer))


def test_a_write_says_where_it_is_to_be_acknowledged_and_is_done_when_it_is() -> None:
    caller = Caller()
    (asked,) = caller.sent
    assert isinstance(asked.body, PutEntries)
    assert (asked.target, asked.body.acknowledge_to) == ("n1", NAME)
    caller.hear(Forwarded(NODES[0]), "n1", asked.request)
    assert caller.ended == []
    caller.acknowledge(DONE)
    assert caller.ended == [Answered(DONE)]


def test_what_is_told_of_another_write_is_not_taken_for_this_one() -> None:
    caller = Caller()
    caller.hear(AckEntries(Session(NAME, 2), DONE))
    caller.hear(AckEntries(Session(ClientId("p0, forwarded"), 1), DONE))
    assert caller.ended == []


def test_the_only_transmission_that_was_refused_was_not_executed() -> None:
    caller = Caller()
    caller.acknowledge(Unavailable("too late", permanent=True))
    assert [type(ending) for ending in caller.ended] == [Refused]


def test_of_several_transmissions_nobody_knows_which_one_was_refused() -> None:
    caller = Caller()
    caller.scheduler.run_for(150 * MS)
    assert len(caller.sent) == 2
    caller.acknowledge(Unavailable("too late", permanent=True))
    assert caller.ended == []
    caller.scheduler.run_for(400 * MS)
    assert [type(ending) for ending in caller.ended] == [TimedOut]
