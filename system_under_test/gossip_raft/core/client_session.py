"""The client's side of the protocol, as a pure machine: one operation at a time.

Laws, in the order in which a reader of histories needs them:

1.  ``Answered`` carries a definite answer to the current operation, given to one
    of its transmissions and received before the operation's deadline.
2.  ``Refused`` means: no transmission was executed or ever will be.  It is said
    only when each one was refused (``NotLeader``, ``Unavailable``) or never left.
3.  Everything else ends as ``TimedOut``: the operation may have been executed, may
    be later, at most once.  One transmission of unknown fate is enough, whatever
    was answered to those after it; without retries it is the last one.
4.  After ``TimedOut`` the session is dead: its client may still have a request
    under way, and must never be heard of again under the same name.
5.  All transmissions of one write carry the same (client, sequence), so that the
    cluster executes it once (Ongaro 2014, section 6.3), and each a fresh
    ``RequestId``, so that its answer is not taken for another's.
6.  A definite answer to an earlier transmission ends the operation as well as one
    to the latest; a late refusal settles that transmission's fate and disturbs
    nothing else.
7.  From the deadline on answers are not looked at.
8.  Every transmission says how much time the operation has left when it is sent.
9.  A reply that does not fit the question is not an answer: the fate stays unknown.

Law 2 relies on a transport that does not repeat *requests* (gRPC does not): of a
request that arrives twice one copy could be executed and the other refused.
Replies may be lost, late, repeated and reordered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, TypeAlias, assert_never

from system_under_test.gossip_raft.core.messages import (
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
    ClientId,
    Command,
    Nanos,
    NodeId,
    RequestId,
    Session,
    Term,
)

ATTEMPT_TIMEOUT: Final = Nanos(1_000_000_000)
OPERATION_TIMEOUT: Final = Nanos(5_000_000_000)
BACKOFF_MIN: Final = Nanos(10_000_000)
BACKOFF_MAX: Final = Nanos(320_000_000)
NO_TERM: Final = Term(0)
"""Clients are in none."""


@dataclass(frozen=True, slots=True)
class Execute:
    """Replicate and apply ``commands`` as one entry; answered with ``Results``."""

    commands: tuple[Command, ...]


Request: TypeAlias = Execute | ReadKeys | ReadLog
"""What a client can ask for.  ``ReadKeys`` is answered with ``Values``, ``ReadLog`` by any node
with ``LogEntries``."""

Body: TypeAlias = PutEntries | ReadKeys | ReadLog


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send this, once, to ``message.target``.

    The transport tells what it learns of it: a reply (``receive``), that it surely
    never left (``undelivered``), or that the connection broke (``unknown_fate``).
    """

    message: Message


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Call ``wake`` at ``time``; replaces every earlier ``WakeAt``."""

    time: Nanos


@dataclass(frozen=True, slots=True)
class Answered:
    """The operation took effect exactly once and this is its answer (law 1)."""

    reply: Results | Values | LogEntries


@dataclass(frozen=True, slots=True)
class Refused:
    """The operation has not been executed and never will be (law 2)."""

    reason: str


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The operation may have been executed, or may yet be (law 3); the session is dead."""

    reason: str


Ending: TypeAlias = Answered | Refused | TimedOut
SessionEffect: TypeAlias = Transmit | WakeAt | Ending


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTimeouts:
    """How long a session waits, in nanoseconds.

    ``attempt`` bounds the wait for one transmission, ``operation`` the whole.
    Between rounds of attempts that were refused it pauses for ``backoff_min``,
    then twice as long each time, up to ``backoff_max``.
    """

    attempt: Nanos = ATTEMPT_TIMEOUT
    operation: Nanos = OPERATION_TIMEOUT
    backoff_min: Nanos = BACKOFF_MIN
    backoff_max: Nanos = BACKOFF_MAX

    def __post_init__(self) -> None:
        assert 0 < self.attempt <= self.operation, self
        assert 0 < self.backoff_min <= self.backoff_max, self


class Retries(Enum):
    """What a client transmits again.

    What was refused is transmitted to the next node under either: it was not executed.
    """

    NONE = "none"
    """Nothing else: a transmission of unknown fate ends the operation, at once if that is
    known (a broken connection), or when its time is over."""
    EXACTLY_ONCE = "exactly-once"
    """Also what may have been executed, under the same name (law 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPolicy:
    """``roams``: whether each operation begins at the node after that of the one before."""

    retries: Retries = Retries.EXACTLY_ONCE
    roams: bool = False


CAREFUL: Final = ClientPolicy()
"""Whoever is no test wants its requests to be repeated until they are answered."""


class ClientSession:
    """The session of one client, which is one logical process for its whole life.

    Every operation begins at ``contact``, although the leader may be known: a
    client that moved to the leader for good would never ask the node that
    wrongly believes to be one.  One that roams has another contact each time.
    Effects are to be obeyed in order.
    """

    def __init__(
        self,
        client: ClientId,
        nodes: tuple[NodeId, ...],
        contact: NodeId,
        timeouts: SessionTimeouts = SessionTimeouts(),
        policy: ClientPolicy = CAREFUL,
    ) -> None:
        assert contact in nodes, (contact, nodes)
        self.client: Final = client
        self._nodes = nodes
        self._contact = contact
        self._timeouts = timeouts
        self._policy = policy
        self._repeats = policy.retries is Retries.EXACTLY_ONCE
        self._attempt = timeouts.attempt if self._repeats else timeouts.operation
        self._operation: _Operation | None = None
        self._request = RequestId(0)
        self._sequence = 0
        self._dead = False

    @property
    def busy(self) -> bool:
        """Whether an operation has begun and not ended."""
        return self._operation is not None

    @property
    def dead(self) -> bool:
        """Whether an operation timed out (law 4)."""
        return self._dead

    def begin(self, request: Request, now: Nanos) -> tuple[SessionEffect, ...]:
        """Start an operation.  The session must be neither busy nor dead."""
        assert not self._dead, f"{self.client} timed out and is retired"
        assert self._operation is None, f"{self.client} has an operation in flight"
        match request:
            case Execute(commands=commands):
                self._sequence += 1
                body: Body = PutEntries(Session(self.client, self._sequence), commands)
            case ReadKeys() | ReadLog():
                body = request
            case _:
                assert_never(request)
        self._operation = _Operation(
            body=body,
            target=self._contact,
            deadline=Nanos(now + self._timeouts.operation),
            wake_at=now,
            backoff=self._timeouts.backoff_min,
        )
        if self._policy.roams:
            self._contact = self._after(self._contact)
        return self._transmit(self._operation, now)

    def receive(self, message: Message, now: Nanos) -> tuple[SessionEffect, ...]:
        """A reply came.  Those to transmissions of other operations are ignored."""
        operation = self._operation
        if operation is None or message.request not in operation.sent:
            return ()
        if now >= operation.deadline:
            return self._give_up(operation)
        match message.body:
            case (Results() | Values() | LogEntries()) as reply if _fits(operation.body, reply):
                self._operation = None
                return (Answered(reply),)
            case NotLeader(leader=leader):
                return self._refused(
                    message.request, f"{message.source} does not lead", leader, now
                )
            case Unavailable(reason=reason, permanent=permanent):
                if permanent:
                    return self._refused_for_good(
                        operation, message.request, f"{message.source}: {reason}", now
                    )
                return self._refused(message.request, f"{message.source}: {reason}", None, now)
            case Lost(reason=reason):
                operation.lost = True
                operation.problem = f"{message.source}: {reason}"
                if message.request != operation.awaited:
                    return ()
                if not self._repeats:
                    return self._give_up(operation)
                return self._back_off(operation, self._after(operation.target), now)
            case _:
                return ()  # Not an answer to this question (law 9).

    def undelivered(self, request: RequestId, now: Nanos) -> tuple[SessionEffect, ...]:
        """The transmission certainly never left: there was no connection."""
        operation = self._operation
        if operation is None or request not in operation.sent:
            return ()
        if now >= operation.deadline:
            return self._give_up(operation)
        operation.unsettled.discard(request)
        if request != operation.awaited:
            return ()
        operation.problem = f"{operation.target} cannot be reached"
        return self._hop(operation, self._after(operation.target), now)

    def unknown_fate(self, request: RequestId, now: Nanos) -> tuple[SessionEffect, ...]:
        """The connection broke, and some of the request may have left before it did."""
        operation = self._operation
        if operation is None or request not in operation.sent:
            return ()
        if now >= operation.deadline:
            return self._give_up(operation)
        if request != operation.awaited:
            return ()
        operation.problem = f"connection to {operation.target} broke"
        if not self._repeats:
            return self._give_up(operation)
        return self._hop(operation, self._after(operation.target), now)

    def wake(self, now: Nanos) -> tuple[SessionEffect, ...]:
        """Time has passed.  Harmless when nothing is due."""
        operation = self._operation
        if operation is None:
            return ()
        if now >= operation.deadline:
            return self._give_up(operation)
        if now < operation.wake_at:
            return (WakeAt(operation.wake_at),)
        operation.hops = 0
        if operation.awaited is not None:
            operation.problem = f"no answer from {operation.target}"
            operation.target = self._after(operation.target)
        return self._transmit(operation, now)

    def _transmit(self, operation: _Operation, now: Nanos) -> tuple[SessionEffect, ...]:
        request = self._request = operation.awaited = RequestId(self._request + 1)
        operation.sent.add(request)
        operation.unsettled.add(request)
        operation.wake_at = Nanos(min(now + self._attempt, operation.deadline))
        body = _expiring(operation.body, Nanos(operation.deadline - now))
        message = Message(self.client, operation.target, request, NO_TERM, (), body)
        return (Transmit(message), WakeAt(operation.wake_at))

    def _refused(
        self, request: RequestId, problem: str, leader: NodeId | None, now: Nanos
    ) -> tuple[SessionEffect, ...]:
        operation = self._operation
        assert operation is not None
        operation.unsettled.discard(request)
        operation.problem = problem
        if request != operation.awaited:
            return ()
        if leader in self._nodes and leader != operation.target:
            return self._hop(operation, leader, now)
        return self._back_off(operation, self._after(operation.target), now)

    def _refused_for_good(
        self, operation: _Operation, request: RequestId, problem: str, now: Nanos
    ) -> tuple[SessionEffect, ...]:
        """No retry can help: the end, unless an earlier transmission may yet be executed."""
        operation.unsettled.discard(request)
        if operation.lost or operation.unsettled:
            return self._refused(request, problem, None, now)
        operation.problem = problem
        return self._give_up(operation)

    def _hop(self, operation: _Operation, target: NodeId, now: Nanos) -> tuple[SessionEffect, ...]:
        """Try ``target`` at once, unless every node could have had its turn by now.

        Two nodes that each believe the other leads would else be asked in a loop.
        """
        if operation.hops >= len(self._nodes):
            return self._back_off(operation, target, now)
        operation.hops += 1
        operation.target = target
        return self._transmit(operation, now)

    def _back_off(
        self, operation: _Operation, target: NodeId, now: Nanos
    ) -> tuple[SessionEffect, ...]:
        operation.awaited = None
        operation.target = target
        operation.wake_at = Nanos(min(now + operation.backoff, operation.deadline))
        operation.backoff = Nanos(min(2 * operation.backoff, self._timeouts.backoff_max))
        return (WakeAt(operation.wake_at),)

    def _give_up(self, operation: _Operation) -> tuple[SessionEffect, ...]:
        self._operation = None
        if operation.lost or operation.unsettled:
            self._dead = True
            return (TimedOut(operation.problem or f"no answer from {operation.target}"),)
        return (Refused(operation.problem),)

    def _after(self, node: NodeId) -> NodeId:
        return self._nodes[(self._nodes.index(node) + 1) % len(self._nodes)]


@dataclass(slots=True, kw_only=True)
class _Operation:
    """The operation in flight.

    ``unsettled`` are the transmissions that may have been executed as far as we
    know; ``lost`` that one was accepted by a leader, which no later refusal of the
    same transmission undoes.  ``awaited`` is the latest transmission while its
    attempt lasts, and ``None`` during a pause; ``target`` is then the next node.
    """

    body: Body
    target: NodeId
    deadline: Nanos
    wake_at: Nanos
    backoff: Nanos
    awaited: RequestId | None = None
    sent: set[RequestId] = field(default_factory=set)
    unsettled: set[RequestId] = field(default_factory=set)
    lost: bool = False
    hops: int = 0
    problem: str = ""


def _expiring(body: Body, expires_in: Nanos) -> Body:
    """``replace`` would take five times as long."""
    match body:
        case PutEntries(session=session, commands=commands, acknowledge_to=address):
            return PutEntries(session, commands, address, expires_in)
        case ReadKeys(keys=keys, consistency=consistency):
            return ReadKeys(keys, consistency, expires_in)
        case ReadLog():
            return body
        case _:
            assert_never(body)


def _fits(question: Body, reply: Results | Values | LogEntries) -> bool:
    match question, reply:
        case PutEntries(commands=commands), Results(results=results):
            return len(results) == len(commands)
        case ReadKeys(keys=keys, consistency=asked), Values(consistency=given, values=values):
            return given is asked and len(values) == len(keys)
        case ReadLog(), LogEntries():
            return True
        case _:
            return False
