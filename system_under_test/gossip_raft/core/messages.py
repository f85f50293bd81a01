"""Everything that crosses a link, as closed unions.

Requests and replies are separate messages, matched by ``Message.request``; either
may be lost, delayed, repeated or reordered.  The names are those of the RPCs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, TypeAlias, get_args

from system_under_test.gossip_raft.core.types import (
    NOTHING_COMPACTED,
    ORIGIN,
    Command,
    Compacted,
    Entry,
    Incarnation,
    LogIndex,
    Membership,
    Nanos,
    NodeId,
    Position,
    RequestId,
    Result,
    Session,
    Term,
    Value,
)


class GossipRecord(NamedTuple):
    """What ``node`` says of itself.  Written by its owner only, replaced as a whole.

    1. It states durable facts only: it leaves the node after they are on disk.
    2. Of two records of one node the one with the greater (incarnation, counter)
       is the newer; the counter grows when what it says changes.
    3. ``term`` is the term ``node`` was in when it wrote this; a leader counts
       ``last`` only together with it.
    4. ``unreachable``: the members that answered neither it nor those it asked to try.
    """

    node: NodeId
    incarnation: Incarnation
    counter: int
    term: Term
    leader: NodeId | None
    last: Position
    commit: Position
    source: NodeId | None
    unreachable: tuple[NodeId, ...]
    recovering: bool = False


class Digest(NamedTuple):
    """Which record of ``node`` somebody has, and how lately its owner stood by it.

    ``beat`` is the owner's count of its departures in this incarnation: a greater one is
    a sign of life that changes nothing of the record.
    """

    node: NodeId
    incarnation: Incarnation
    counter: int
    beat: int


# --- between nodes -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """HeartbeatRPC.  What it says is in the envelope; the answer confirms the link.

    ``probe``: somebody of whom the sender has no news: its receiver asks that node, and sends
    a heartbeat if it answers (SWIM, DSN 2002, 3.1).
    """

    probe: NodeId | None = None


@dataclass(frozen=True, slots=True)
class HeartbeatReply:
    pass


@dataclass(frozen=True, slots=True)
class RequestVote:
    """RequestVoteRPC.  ``term`` is the one to be elected in (own term + 1 if ``pre_vote``).

    ``transfer``: the leader itself asked for it, and had given up its lease before.
    """

    term: Term
    last: Position
    pre_vote: bool
    transfer: bool = False


@dataclass(frozen=True, slots=True)
class Vote:
    """``term`` and ``pre_vote`` repeat the question, so that stale answers show."""

    term: Term
    granted: bool
    pre_vote: bool


@dataclass(frozen=True, slots=True)
class PullEntries:
    """PullEntriesRPC: what comes after ``last``?

    ``commit`` is the puller's commit point.  The source may hold its answer back
    for up to ``wait`` until it has entries or a newer commit point.
    """

    last: Position
    commit: Position
    entries_max: int
    wait: Nanos


@dataclass(frozen=True, slots=True)
class PulledEntries:
    """The source holds ``previous`` exactly, and these follow it (perhaps none).

    ``last`` and ``commit`` are the source's own.
    """

    previous: Position
    entries: tuple[Entry, ...]
    last: Position
    commit: Position


@dataclass(frozen=True, slots=True)
class PullMismatch:
    """The source does not hold the puller's last entry.

    ``runs``: the last position of every term in the source's log, ascending.
    The puller finds the common point from it by itself; if that is below ``base``, the
    source has compacted it, and the puller needs a snapshot.
    """

    last: Position
    runs: tuple[Position, ...]
    base: Position = ORIGIN


@dataclass(frozen=True, slots=True)
class PullTooOld:
    """What follows the puller's last entry is compacted at the source, which holds ``last``.

    ``snapshot`` is where its snapshot stands: take that.
    """

    last: Position
    snapshot: Position


@dataclass(frozen=True, slots=True)
class PullSnapshot:
    """PullSnapshotRPC: the bytes of the image at ``position`` from ``offset`` on.

    With ``ORIGIN``: of whatever snapshot the source has.
    """

    position: Position
    offset: int
    bytes_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotChunk:
    """``chunk`` stands at ``offset`` of the image, which has ``total`` bytes and ``digest``.

    Of another snapshot than was asked for (from its beginning) if the source does not
    have that one any more.  ``log_digest`` and ``membership`` are the snapshot's.
    """

    position: Position
    log_digest: int
    membership: Membership
    total: int
    digest: int
    offset: int
    chunk: bytes


@dataclass(frozen=True, slots=True)
class UpdatePosition:
    """UpdatePositionRPC.  The positions are the records in the envelope."""


@dataclass(frozen=True, slots=True)
class UpdatePositionReply:
    pass


@dataclass(frozen=True, slots=True)
class TimeoutNow:
    """TimeoutNowRPC: the leader of ``term`` asks its successor to campaign at once."""

    term: Term


@dataclass(frozen=True, slots=True)
class TimeoutNowReply:
    pass


# --- from and to clients ---------------------------------------------------------


class Consistency(Enum):
    """``LEASE`` promises what ``LINEARIZABLE`` does, but only while clocks drift no further
    apart than the nodes are configured for (PROTOCOL rule 9)."""

    LINEARIZABLE = "linearizable"
    LOCAL = "local"
    LEASE = "lease"


@dataclass(frozen=True, slots=True)
class PutEntries:
    """PutEntriesRPC: replicate ``commands`` as one entry and answer when applied.

    With ``acknowledge_to`` (an address) the answer goes there as ``AckEntries``, the
    caller gets ``Forwarded`` at once, and a follower forwards the request to the leader
    it knows, once.
    """

    session: Session
    commands: tuple[Command, ...]
    acknowledge_to: str | None = None
    expires_in: Nanos | None = None
    """Counted from arrival: once that is over it is not to be appended any more."""


@dataclass(frozen=True, slots=True)
class ReadKeys:
    """ReadRPC.  ``expires_in`` as in ``PutEntries``."""

    keys: tuple[str, ...]
    consistency: Consistency
    expires_in: Nanos | None = None


@dataclass(frozen=True, slots=True)
class ReadLog:
    """The applied raw entries from ``first`` on: ``GET /log`` of the gateway (local)."""

    first: LogIndex
    entries_max: int


@dataclass(frozen=True, slots=True)
class GetStatus:
    """StatusRPC."""


@dataclass(frozen=True, slots=True)
class AddServer:
    """Let ``node``, which runs at ``address``, join as a learner; once it has caught up
    the leader makes it a voter by itself.  Answered when the joining is committed."""

    node: NodeId
    address: str


@dataclass(frozen=True, slots=True)
class RemoveServer:
    """Let ``node`` belong to the cluster no more.  Answered when that is committed."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class TransferLeadership:
    """Make ``target`` the leader, or whoever is best prepared.

    ``Results`` once it leads; ``Unavailable`` if it was not even asked.
    """

    target: NodeId | None


@dataclass(frozen=True, slots=True)
class Results:
    """Committed and applied, at ``position``; one result per command."""

    position: Position
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Values:
    """One value per key, as of ``index``; ``None`` for an absent key."""

    index: LogIndex
    consistency: Consistency
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class LogEntries:
    """Of what is kept; ``compacted`` is what was before."""

    entries: tuple[Entry, ...]
    applied: LogIndex
    compacted: Compacted = NOTHING_COMPACTED


@dataclass(frozen=True, slots=True)
class NotLeader:
    """Definitely not executed; ``leader`` is a hint."""

    leader: NodeId | None


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Definitely not executed, and never will be.

    ``permanent``: no node will ever accept such a request, so there is no use in retrying.
    """

    reason: str
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """Accepted once, then leadership was lost: may take effect, or not, or already did."""

    reason: str


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The leader was asked; it will tell ``acknowledge_to``."""

    leader: NodeId


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    role: str
    term: Term
    leader: NodeId | None
    last: Position
    commit: Position
    applied: LogIndex
    source: NodeId | None
    records: tuple[GossipRecord, ...]
    membership: Membership
    suspected: tuple[NodeId, ...] = ()
    reachable: tuple[NodeId, ...] = ()
    """Whom it has heard lately, without others in between."""


@dataclass(frozen=True, slots=True)
class AckEntries:
    """AckEntriesRPC, leader to gateway: the answer to the request named by ``session``."""

    session: Session
    answer: Results | Lost | Unavailable | NotLeader


PeerRequest: TypeAlias = (
    Heartbeat | RequestVote | PullEntries | UpdatePosition | PullSnapshot | TimeoutNow
)
PeerReply: TypeAlias = (
    HeartbeatReply
    | Vote
    | PulledEntries
    | PullMismatch
    | UpdatePositionReply
    | PullTooOld
    | SnapshotChunk
    | TimeoutNowReply
)
Administration: TypeAlias = AddServer | RemoveServer | TransferLeadership
ClientRequest: TypeAlias = PutEntries | ReadKeys | ReadLog | GetStatus | Administration
ClientReply: TypeAlias = (
    Results | Values | LogEntries | NotLeader | Unavailable | Lost | Forwarded | Status
)
Body: TypeAlias = PeerRequest | PeerReply | ClientRequest | ClientReply | AckEntries

BETWEEN_NODES: Final = frozenset(get_args(PeerRequest | PeerReply))
PEER_REPLIES: Final = frozenset(get_args(PeerReply))
FROM_CLIENTS: Final = frozenset(get_args(ClientRequest))
"""The classes of those unions: to look a body's up costs less than ``isinstance``."""

HEARTBEAT: Final = Heartbeat()
HEARTBEAT_REPLY: Final = HeartbeatReply()


class Message(NamedTuple):
    """An envelope.

    1. ``request`` is chosen by whoever asks, unique for that source (nodes number from
       incarnation * 2**32 + 1, in 64 bits); a reply repeats it.
    2. ``term`` and ``gossip`` are durable at departure, whatever the body was written for;
       clients send 0 and nothing, and are sent no gossip.
    3. ``gossip`` holds the sender's own record, and of its map what the target is not known
       to have.  ``digest`` begins with the sender's own; heartbeats bring those of the whole
       map, their answers those that are news, and always what is known of the target.
    4. ``hears``: the sender has heard the target lately, without others in between.
    """

    source: str
    target: str
    request: RequestId
    term: Term
    gossip: tuple[GossipRecord, ...]
    body: Body
    digest: tuple[Digest, ...] = ()
    hears: bool = False
