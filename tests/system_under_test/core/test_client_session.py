"""Sessions against a scripted transport, and against every transport chance can draw."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from system_under_test.gossip_raft.core.client_session import (
    CAREFUL,
    Answered,
    ClientPolicy,
    ClientSession,
    Ending,
    Execute,
    Refused,
    Request,
    Retries,
    SessionEffect,
    SessionTimeouts,
    TimedOut,
    Transmit,
    WakeAt,
)
from system_under_test.gossip_raft.core.messages import (
    ClientReply,
    Consistency,
    Forwarded,
    LogEntries,
    Lost,
    Message,
    NotLeader,
    PutEntries,
    ReadKeys,
    ReadLog,
    Results,
    Unavailable,
    Values,
)
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    Applied,
    ClientId,
    LogIndex,
    Nanos,
    NodeId,
    Put,
    Term,
)

NODES = (NodeId("n0"), NodeId("n1"), NodeId("n2"))
TIMEOUTS = SessionTimeouts(
    attempt=Nanos(100), operation=Nanos(500), backoff_min=Nanos(10), backoff_max=Nanos(40)
)
WRITE = Execute((Put("x", 1),))
READ = ReadKeys(("x",), Consistency.LINEARIZABLE)
RESULTS = Results(ORIGIN, (Applied(),))
VALUES = Values(LogIndex(1), Consistency.LINEARIZABLE, (1,))


class Undelivered(Enum):
    """What a transport can tell beside a reply."""

    NEVER_LEFT = "never left"
    BROKE = "broke"
    SILENT = "silent"


Told = ClientReply | Undelivered


class Scripted:
    """A session, what it transmitted, and the virtual time."""

    def __init__(self, contact: str = "n0", policy: ClientPolicy = CAREFUL) -> None:
        self.session = ClientSession(ClientId("c1"), NODES, NodeId(contact), TIMEOUTS, policy)
        self.now = Nanos(0)
        self.sent: list[Message] = []
        self.wake_at = Nanos(0)
        self.ending: Ending | None = None
        self.pausing = False

    def begin(self, request: Request) -> None:
        self.ending = None
        self.obey(self.session.begin(request, self.now))

    def reply(self, sent: Message, body: ClientReply) -> None:
        message = Message(sent.target, sent.source, sent.request, Term(1), (), body)
        self.obey(self.session.receive(message, self.now))

    def tell(self, told: Told) -> None:
        """The latest transmission meets this fate."""
        last = self.sent[-1]
        match told:
            case Undelivered.NEVER_LEFT:
                self.obey(self.session.undelivered(last.request, self.now))
            case Undelivered.BROKE:
                self.obey(self.session.unknown_fate(last.request, self.now))
            case Undelivered.SILENT:
                self.wake()
            case _:
                self.reply(last, told)

    def wake(self) -> None:
        """Let time pass until the session wants to be woken."""
        self.now = max(self.now, self.wake_at)
        self.obey(self.session.wake(self.now))

    def expire(self) -> None:
        self.now = Nanos(max(self.now, 500))
        self.obey(self.session.wake(self.now))

    def obey(self, effects: tuple[SessionEffect, ...]) -> None:
        if effects:
            self.pausing = not any(isinstance(effect, Transmit) for effect in effects)
        for effect in effects:
            match effect:
                case Transmit(message=message):
                    self.sent.append(message)
                case WakeAt(time=time):
                    assert self.now < time
                    self.wake_at = time
                case Answered() | Refused() | TimedOut():
                    assert self.ending is None
                    self.ending = effect

    def targets(self) -> list[str]:
        return [message.target for message in self.sent]


NOT_LEADER = NotLeader(None)
UNAVAILABLE = Unavailable("shutting down")
LOST = Lost("stepped down")

ENDINGS: list[tuple[Request, tuple[Told, ...], type[Ending]]] = [
    # All of it refused: the write is refused.
    (WRITE, (NOT_LEADER,), Refused),
    (WRITE, (UNAVAILABLE,), Refused),
    (WRITE, (Undelivered.NEVER_LEFT,), Refused),
    (WRITE, (NotLeader(NodeId("n2")), UNAVAILABLE), Refused),
    (READ, (NOT_LEADER,), Refused),
    # One unknown fate: timed out, whatever was said to the others.
    (WRITE, (Undelivered.SILENT, NOT_LEADER), TimedOut),
    (WRITE, (Undelivered.BROKE, NOT_LEADER), TimedOut),
    (WRITE, (LOST,), TimedOut),
    (WRITE, (UNAVAILABLE, Undelivered.NEVER_LEFT), Refused),
    (WRITE, (NotLeader(NodeId("n2")), LOST), TimedOut),
    (WRITE, (NotLeader(NodeId("n1")), Undelivered.BROKE, Undelivered.NEVER_LEFT), TimedOut),
    (READ, (Undelivered.SILENT,), TimedOut),
    # A reply that does not fit the question tells nothing.
    (WRITE, (VALUES,), TimedOut),
    (WRITE, (Results(ORIGIN, ()),), TimedOut),
    (WRITE, (Forwarded(NodeId("n1")),), TimedOut),
    (READ, (RESULTS,), TimedOut),
    (READ, (Values(LogIndex(1), Consistency.LOCAL, (1,)),), TimedOut),
    (READ, (Values(LogIndex(1), Consistency.LINEARIZABLE, ()),), TimedOut),
    # An answer ends it, whatever came before.
    (WRITE, (RESULTS,), Answered),
    (READ, (VALUES,), Answered),
    (WRITE, (Undelivered.SILENT, RESULTS), Answered),
    (WRITE, (Undelivered.BROKE, RESULTS), Answered),
    (WRITE, (Undelivered.NEVER_LEFT, RESULTS), Answered),
    (WRITE, (NotLeader(NodeId("n1")), RESULTS), Answered),
]


@pytest.mark.parametrize(("request_", "fates", "ending"), ENDINGS)
def test_each_row_of_fates_has_its_ending(
    request_: Request, fates: tuple[Told, ...], ending: type[Ending]
) -> None:
    client = Scripted()
    client.begin(request_)
    for fate in fates:
        client.tell(fate)
    if ending is Refused:  # Nothing may be left in flight when the time is over.
        while client.session.busy:
            if client.pausing:
                client.wake()
            else:
                client.tell(Undelivered.NEVER_LEFT)
    elif client.ending is None:
        client.expire()
    assert isinstance(client.ending, ending)
    assert client.session.dead == (ending is TimedOut)
    assert not client.session.busy


def test_a_lost_write_cannot_be_refused_by_a_repeated_reply() -> None:
    client = Scripted()
    client.begin(WRITE)
    first = client.sent[0]
    client.reply(first, LOST)
    client.reply(first, NOT_LEADER)
    while client.session.busy:
        if len(client.sent) > 1:
            client.reply(client.sent[-1], NOT_LEADER)
        if client.session.busy:
            client.wake()
    assert isinstance(client.ending, TimedOut)


def test_a_late_refusal_settles_the_fate_of_an_earlier_transmission() -> None:
    client = Scripted()
    client.begin(WRITE)
    client.wake()
    client.reply(client.sent[0], NOT_LEADER)
    assert client.targets() == ["n0", "n1"], "it does not disturb the attempt in flight"
    client.reply(client.sent[1], NOT_LEADER)
    while client.session.busy:
        client.wake()
        if client.session.busy:
            client.reply(client.sent[-1], NOT_LEADER)
    assert isinstance(client.ending, Refused)


def test_a_late_answer_to_an_earlier_transmission_ends_the_operation() -> None:
    client = Scripted()
    client.begin(WRITE)
    client.wake()
    client.reply(client.sent[0], RESULTS)
    assert client.ending == Answered(RESULTS)


def test_all_transmissions_share_the_sequence_and_none_the_request() -> None:
    client = Scripted()
    client.begin(WRITE)
    for fate in (NotLeader(NodeId("n2")), Undelivered.BROKE, Undelivered.SILENT):
        client.tell(fate)
    bodies = [message.body for message in client.sent]
    assert len(bodies) == 4
    assert {body.session.sequence for body in bodies if isinstance(body, PutEntries)} == {1}
    assert [message.request for message in client.sent] == [1, 2, 3, 4]
    client.reply(client.sent[-1], RESULTS)
    client.begin(WRITE)
    body = client.sent[-1].body
    assert isinstance(body, PutEntries)
    assert body.session.sequence == 2


def test_an_answer_at_the_deadline_comes_too_late() -> None:
    client = Scripted()
    client.begin(WRITE)
    client.now = Nanos(500)
    client.reply(client.sent[0], RESULTS)
    assert isinstance(client.ending, TimedOut)
    assert client.session.receive(client.sent[0], Nanos(501)) == ()


def test_a_refusal_at_the_deadline_comes_too_late_as_well() -> None:
    client = Scripted()
    client.begin(WRITE)
    client.now = Nanos(500)
    client.reply(client.sent[0], NOT_LEADER)
    assert isinstance(client.ending, TimedOut)


@pytest.mark.parametrize("told", [Undelivered.NEVER_LEFT, Undelivered.BROKE])
def test_news_of_the_transport_at_the_deadline_ends_the_operation(told: Undelivered) -> None:
    client = Scripted()
    client.begin(WRITE)
    client.now = Nanos(500)
    client.tell(told)
    assert isinstance(client.ending, TimedOut)


def test_replies_to_an_earlier_operation_are_ignored() -> None:
    client = Scripted()
    client.begin(WRITE)
    client.reply(client.sent[0], RESULTS)
    client.begin(READ)
    client.reply(client.sent[0], RESULTS)
    client.obey(client.session.undelivered(client.sent[0].request, client.now))
    client.obey(client.session.unknown_fate(client.sent[0].request, client.now))
    assert client.ending is None
    client.reply(client.sent[1], VALUES)
    assert client.ending == Answered(VALUES)


def test_a_hint_is_followed_at_once() -> None:
    client = Scripted(contact="n1")
    client.begin(WRITE)
    client.tell(NotLeader(NodeId("n0")))
    assert client.targets() == ["n1", "n0"]
    assert client.now == 0


def test_an_unknown_hint_is_not_followed() -> None:
    client = Scripted()
    client.begin(WRITE)
    client.tell(NotLeader(NodeId("elsewhere")))
    client.wake()
    assert client.targets() == ["n0", "n1"]
    assert client.now == 10


def test_two_nodes_that_point_at_each_other_are_not_asked_in_a_loop() -> None:
    client = Scripted()
    client.begin(WRITE)
    while client.now == 0:
        asked = client.sent[-1].target
        client.tell(NotLeader(NodeId("n1" if asked == "n0" else "n0")))
        if client.wake_at < 100:
            break
    assert len(client.sent) == 1 + len(NODES)


def test_pauses_double_up_to_their_limit() -> None:
    client = Scripted()
    client.begin(WRITE)
    pauses = []
    for _ in range(5):
        client.tell(NOT_LEADER)
        pauses.append(client.wake_at - client.now)
        client.wake()
    assert pauses == [10, 20, 40, 40, 40]


def test_every_operation_begins_at_the_contact() -> None:
    client = Scripted()
    client.begin(WRITE)
    client.tell(NotLeader(NodeId("n2")))
    client.tell(RESULTS)
    client.begin(READ)
    assert client.targets() == ["n0", "n2", "n0"]


@pytest.mark.parametrize("request_", [WRITE, READ])
def test_without_retries_nothing_of_unknown_fate_is_transmitted_again(request_: Request) -> None:
    broken, lost, silent = (Scripted(policy=ClientPolicy(retries=Retries.NONE)) for _ in range(3))
    for client in (broken, lost, silent):
        client.begin(request_)
    broken.tell(Undelivered.BROKE)
    lost.tell(LOST)
    silent.wake()
    assert silent.now == TIMEOUTS.operation
    for client in (broken, lost, silent):
        assert isinstance(client.ending, TimedOut)
        assert client.targets() == ["n0"]
        assert client.session.dead


def test_without_retries_what_was_refused_is_asked_elsewhere() -> None:
    client = Scripted(policy=ClientPolicy(retries=Retries.NONE))
    client.begin(WRITE)
    client.tell(NotLeader(NodeId("n2")))
    client.tell(Undelivered.NEVER_LEFT)
    client.tell(RESULTS)
    assert client.targets() == ["n0", "n2", "n0"]
    assert client.ending == Answered(RESULTS)


def test_without_retries_an_answer_counts_until_the_deadline() -> None:
    client = Scripted(policy=ClientPolicy(retries=Retries.NONE))
    client.begin(WRITE)
    client.now = Nanos(499)
    client.tell(RESULTS)
    assert client.ending == Answered(RESULTS)


def test_a_client_that_roams_begins_at_the_next_node_each_time() -> None:
    client = Scripted(contact="n1", policy=ClientPolicy(roams=True))
    for _ in range(4):
        client.begin(WRITE)
        client.tell(RESULTS)
    assert client.targets() == ["n1", "n2", "n0", "n1"]


def test_a_log_is_read_from_whoever_is_asked() -> None:
    client = Scripted()
    client.begin(ReadLog(LogIndex(1), 10))
    page = LogEntries((), LogIndex(3))
    client.tell(VALUES)
    assert client.ending is None, "that is no answer to the question"
    client.tell(page)
    assert client.ending == Answered(page)
    assert client.targets() == ["n0"]


def test_an_early_wake_keeps_the_alarm_and_a_late_one_is_harmless() -> None:
    client = Scripted()
    client.begin(WRITE)
    assert client.session.wake(Nanos(1)) == (WakeAt(Nanos(100)),)
    client.tell(RESULTS)
    assert client.session.wake(Nanos(1000)) == ()


def test_a_dead_session_accepts_nothing_more() -> None:
    client = Scripted()
    client.begin(WRITE)
    client.expire()
    with pytest.raises(AssertionError, match="retired"):
        client.session.begin(READ, client.now)


def test_a_busy_session_accepts_no_second_operation() -> None:
    client = Scripted()
    client.begin(WRITE)
    with pytest.raises(AssertionError, match="in flight"):
        client.session.begin(READ, client.now)


class World(Enum):
    """The truth about one transmission, which the session never sees."""

    UNDER_WAY = "may be executed yet"
    EXECUTED = "executed"
    DEAD = "never will be executed"


@dataclass
class Transmission:
    message: Message
    truth: World = World.UNDER_WAY


class AnyTransport(RuleBasedStateMachine):
    """Truthful nodes, an arbitrary transport: endings must agree with the truth."""

    indices = st.integers(0, 2**16)

    @initialize(write=st.booleans(), contact=st.sampled_from(NODES))
    def start(self, write: bool, contact: NodeId) -> None:
        self.session = ClientSession(ClientId("c1"), NODES, contact, TIMEOUTS)
        self.now = Nanos(0)
        self.sent: list[Transmission] = []
        self.wake_at = Nanos(0)
        self.ending: Ending | None = None
        self.write = write
        self.obey(self.session.begin(WRITE if write else READ, self.now))

    def obey(self, effects: tuple[SessionEffect, ...]) -> None:
        for effect in effects:
            assert self.ending is None, "nothing follows an ending"
            match effect:
                case Transmit(message=message):
                    self.sent.append(Transmission(message))
                case WakeAt(time=time):
                    assert self.now < time <= 500
                    self.wake_at = time
                case Answered() | Refused() | TimedOut():
                    self.ending = effect

    def pick(self, index: int) -> Transmission:
        return self.sent[index % len(self.sent)]

    def deliver(self, one: Transmission, body: ClientReply) -> None:
        sent = one.message
        message = Message(sent.target, sent.source, sent.request, Term(1), (), body)
        self.obey(self.session.receive(message, self.now))

    @rule(index=indices)
    def execute(self, index: int) -> None:
        one = self.pick(index)
        if one.truth is World.UNDER_WAY:
            one.truth = World.EXECUTED

    @rule(index=indices, lost=st.booleans())
    def answer(self, index: int, lost: bool) -> None:
        one = self.pick(index)
        if one.truth is World.EXECUTED:
            self.deliver(one, LOST if lost else RESULTS if self.write else VALUES)

    @rule(index=indices)
    def lose_after_acceptance(self, index: int) -> None:
        one = self.pick(index)
        if one.truth is World.UNDER_WAY:
            self.deliver(one, LOST)

    @rule(
        index=indices,
        body=st.sampled_from([NOT_LEADER, UNAVAILABLE, *map(NotLeader, NODES)]),
        heard=st.booleans(),
    )
    def refuse(self, index: int, body: ClientReply, heard: bool) -> None:
        one = self.pick(index)
        if one.truth is not World.EXECUTED:
            one.truth = World.DEAD
            if heard:
                self.deliver(one, body)

    @rule(index=indices)
    def never_left(self, index: int) -> None:
        one = self.pick(index)
        if one.truth is World.UNDER_WAY:
            one.truth = World.DEAD
            self.obey(self.session.undelivered(one.message.request, self.now))

    @rule(index=indices)
    def broke(self, index: int) -> None:
        self.obey(self.session.unknown_fate(self.pick(index).message.request, self.now))

    @rule(nanos=st.integers(0, 150))
    def pass_time(self, nanos: int) -> None:
        self.now = Nanos(self.now + nanos)

    @precondition(lambda self: self.ending is None)
    @rule()
    def wake(self) -> None:
        self.now = max(self.now, self.wake_at)
        self.obey(self.session.wake(self.now))

    @invariant()
    def endings_agree_with_the_truth(self) -> None:
        truths = {one.truth for one in self.sent}
        match self.ending:
            case Answered():
                assert World.EXECUTED in truths
            case Refused():
                assert truths == {World.DEAD}
            case TimedOut():
                assert self.now >= 500
                assert self.session.dead
            case _:
                assert self.session.busy

    def teardown(self) -> None:
        if self.ending is None:
            self.now = Nanos(max(self.now, 500))
            self.obey(self.session.wake(self.now))
            assert self.ending is not None, "every operation ends by its deadline"
            self.endings_agree_with_the_truth()


AnyTransport.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestAnyTransport = AnyTransport.TestCase


def test_a_refusal_for_good_ends_the_operation_at_once() -> None:
    client = Scripted()
    client.begin(WRITE)
    client.tell(Unavailable("too large", permanent=True))
    assert client.ending == Refused("n0: too large")
    assert not client.session.dead


def test_a_refusal_for_good_does_not_settle_an_earlier_transmission() -> None:
    client = Scripted()
    client.begin(WRITE)
    client.wake()
    client.tell(Unavailable("too large", permanent=True))
    assert client.ending is None
    client.expire()
    assert isinstance(client.ending, TimedOut)


@pytest.mark.parametrize("request_", [WRITE, READ])
def test_every_transmission_says_how_much_time_is_left(request_: Request) -> None:
    client = Scripted()
    client.begin(request_)
    client.wake()
    bodies = [message.body for message in client.sent]
    assert all(isinstance(body, PutEntries | ReadKeys) for body in bodies)
    left = [body.expires_in for body in bodies if isinstance(body, PutEntries | ReadKeys)]
    assert left == [500, 500 - client.now]
