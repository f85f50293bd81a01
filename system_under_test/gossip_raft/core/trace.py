"""What a node did, as data: the raw material of the invariant checks.

One class for each event of the trace format that ``histories.trace`` documents
(a test keeps the two alike); whoever runs the node adds its clock as ``at``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from system_under_test.gossip_raft.core.types import (
    ClientId,
    Incarnation,
    LogIndex,
    NodeId,
    Term,
)

NO_INDEX: Final = LogIndex(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Booted:
    incarnation: Incarnation
    term: Term
    vote: NodeId | None
    last_term: Term
    last_index: LogIndex
    commit_index: LogIndex
    log_digest: int
    members: tuple[NodeId, ...]
    snapshot_index: LogIndex = NO_INDEX
    image_digest: int = 0
    recovering: bool = False


@dataclass(frozen=True, slots=True)
class TermAdopted:
    term: Term


@dataclass(frozen=True, slots=True)
class RoleChanged:
    role: str
    term: Term


@dataclass(frozen=True, slots=True)
class Voted:
    term: Term
    candidate: NodeId


@dataclass(frozen=True, slots=True)
class VoteTold:
    term: Term
    candidate: NodeId


@dataclass(frozen=True, slots=True)
class Appended:
    index: LogIndex
    term: Term
    digest: int


@dataclass(frozen=True, slots=True)
class Truncated:
    from_index: LogIndex


@dataclass(frozen=True, slots=True)
class Persisted:
    term: Term
    vote: NodeId | None
    last_term: Term
    last_index: LogIndex


@dataclass(frozen=True, slots=True)
class PositionTold:
    term: Term
    last_term: Term
    last_index: LogIndex


@dataclass(frozen=True, slots=True)
class Committed:
    index: LogIndex
    term: Term
    leader_term: Term | None


@dataclass(frozen=True, slots=True)
class Applied:
    index: LogIndex
    term: Term
    digest: int
    result_digest: int


@dataclass(frozen=True, slots=True)
class Answered:
    index: LogIndex
    term: Term
    client: ClientId
    sequence: int


@dataclass(frozen=True, slots=True)
class Stopped:
    reason: str


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    index: LogIndex
    term: Term
    log_digest: int
    image_digest: int


@dataclass(frozen=True, slots=True)
class SnapshotInstalled:
    index: LogIndex
    term: Term
    log_digest: int
    image_digest: int


@dataclass(frozen=True, slots=True)
class MembershipChanged:
    index: LogIndex
    voters: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class SourceChosen:
    source: NodeId


TraceEvent: TypeAlias = (
    Booted
    | TermAdopted
    | RoleChanged
    | Voted
    | VoteTold
    | Appended
    | Truncated
    | Persisted
    | PositionTold
    | Committed
    | Applied
    | Answered
    | Stopped
    | SnapshotTaken
    | SnapshotInstalled
    | MembershipChanged
    | SourceChosen
)
