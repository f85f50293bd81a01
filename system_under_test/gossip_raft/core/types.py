"""Plain data of the protocol.  No I/O, no clock, no randomness.

What every message is made of is a ``NamedTuple``: made three times as fast as a frozen
dataclass, and compared in C.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple, NewType, TypeAlias

NodeId = NewType("NodeId", str)
ClientId = NewType("ClientId", str)
Term = NewType("Term", int)
LogIndex = NewType("LogIndex", int)
Incarnation = NewType("Incarnation", int)
RequestId = NewType("RequestId", int)
Nanos = NewType("Nanos", int)
"""Nanoseconds on the node's own monotonic clock; only differences mean anything."""

NEVER: Final = Nanos(2**63 - 1)
"""When what is not due will be."""


class InvariantViolation(AssertionError):
    """The core reached a state its rules exclude.  Always a bug; never caught inside."""


class Position(NamedTuple):
    """A place in a log, MongoDB's optime.  Compared by term first, then by index."""

    term: Term
    index: LogIndex  # type: ignore[assignment]  # Nobody looks for something in a position.


ORIGIN: Final = Position(Term(0), LogIndex(0))
"""Before the first entry: what an empty log ends with."""

Scalar: TypeAlias = int | str | None
Value: TypeAlias = Scalar | tuple[Scalar, ...]
"""Lists, queues and sets are sequences alike: a queue is taken from at the front, a set
holds nothing twice and is in the order of first addition."""


@dataclass(frozen=True, slots=True)
class Get:
    """Only inside ``Txn``: reads alone do not go through the log."""

    key: str


@dataclass(frozen=True, slots=True)
class Put:
    key: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class Cas:
    """Answers what ``key`` held; it replaced that exactly if it equals ``expected``."""

    key: str
    expected: Scalar
    replacement: Scalar


@dataclass(frozen=True, slots=True)
class Delete:
    key: str


@dataclass(frozen=True, slots=True)
class Append:
    """Adds to the list at ``key``; an absent key is an empty list."""

    key: str
    element: Scalar


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Adds to the end of the queue at ``key``; an absent key is an empty queue."""

    key: str
    element: Scalar


@dataclass(frozen=True, slots=True)
class Dequeue:
    """Takes the first element of the queue at ``key`` and answers it; no value if empty."""

    key: str


@dataclass(frozen=True, slots=True)
class AddToSet:
    """Adds to the set at ``key`` unless it is in it; an absent key is an empty set."""

    key: str
    element: Scalar


@dataclass(frozen=True, slots=True)
class Increment:
    """Adds ``by`` to the counter at ``key`` and answers the sum; an absent key holds 0."""

    key: str
    by: int


@dataclass(frozen=True, slots=True)
class Txn:
    """Executed atomically, in order; all of it or, if one is refused, none."""

    micro: tuple[Get | Put | Append, ...]


@dataclass(frozen=True, slots=True)
class Raw:
    """An uninterpreted log entry (``put_all``): one JSON text, kept as it came."""

    json: str


Command: TypeAlias = (
    Put | Cas | Delete | Append | Txn | Raw | Enqueue | Dequeue | AddToSet | Increment
)


@dataclass(frozen=True, slots=True)
class Membership:
    """Who belongs to the cluster.

    Voters vote, campaign and count; learners only pull, until they have caught up.
    ``addresses`` holds where those are who were added to a running cluster.
    """

    voters: tuple[NodeId, ...] = ()
    learners: tuple[NodeId, ...] = ()
    addresses: tuple[tuple[NodeId, str], ...] = ()

    @property
    def members(self) -> tuple[NodeId, ...]:
        return self.voters + self.learners


@dataclass(frozen=True, slots=True)
class SetMembership:
    """In force from the moment it is appended (Ongaro 2014, 4.1); only leaders make it."""

    membership: Membership


LogCommand: TypeAlias = Command | SetMembership
"""What entries hold: what clients may ask for, and what leaders decide by themselves."""


@dataclass(frozen=True, slots=True)
class Applied:
    """``values``: one per observation (cas, get, increment, and dequeue unless the queue was
    empty), in order; none for blind writes."""

    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The state machine changed nothing, on every node alike ("append to a number")."""

    reason: str


Result: TypeAlias = Applied | Refused
APPLIED: Final = Applied()
"""The answer to whatever observes nothing."""


@dataclass(frozen=True, slots=True)
class Session:
    """Names one request of one client for ever (Ongaro 2014, section 6.3)."""

    client: ClientId
    sequence: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One slot of the replicated log: the commands of one request, applied together.

    ``session`` is ``None`` and ``commands`` empty in the no-op that opens a term; a
    change of the membership is the only command of its entry and has no session either.

    ``digest_memo`` is for ``core.digest`` alone, which works out once what never changes.
    """

    term: Term
    index: LogIndex
    session: Session | None
    commands: tuple[LogCommand, ...]
    digest_memo: list[int] = field(default_factory=list, init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Compacted:
    """Raw commands that are not kept any more: how many, all in entries up to ``index``."""

    index: LogIndex
    commands: int


NOTHING_COMPACTED: Final = Compacted(LogIndex(0), 0)


@dataclass(frozen=True, slots=True)
class HardState:
    """What a node must never forget.

    ``commit`` is a hint, written along with other things: it may be older than
    the commit point reached, never newer.

    ``recovering``: what this node had on disk was lost; it neither votes nor counts until
    it has caught up (PROTOCOL rule 12).  ``abstains``: it may have voted in terms up to
    this one and forgotten for whom, so it never votes in them.
    """

    incarnation: Incarnation = Incarnation(0)
    term: Term = Term(0)
    vote: NodeId | None = None
    commit: LogIndex = LogIndex(0)
    recovering: bool = False
    abstains: Term = Term(0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the entries up to ``position`` amount to (PROTOCOL rule 11).

    ``log_digest`` is the chain H of those entries; ``image`` is the state machine,
    sessions included, in its one canonical encoding: equal positions, equal bytes.
    ``membership`` is the one in force at ``position``.
    """

    position: Position
    log_digest: int
    membership: Membership
    image: bytes


@dataclass(frozen=True, slots=True)
class DurableState:
    """What is on disk.

    1. ``log[i]`` has index ``base.index`` + i + 1: entries up to ``base`` are compacted.
    2. ``base.index`` <= ``snapshot.position.index``, 0 without a snapshot.
    """

    hard: HardState = HardState()
    log: tuple[Entry, ...] = ()
    snapshot: Snapshot | None = None
    base: Position = ORIGIN
