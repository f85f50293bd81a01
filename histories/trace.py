"""What a consensus node did, one event a line, in the order of its own steps.

The file format between systems and the invariant checkers: systems write it
without importing this module, so any implementation of Raft may.  Only the
order within one node is trusted, never the clocks of different nodes.

A line is one JSON object: ``{"type": "appended", "at": 81200, "index": 3, ...}``.
Every event is written before its effect becomes visible outside the node, and
``persisted`` only after the disk said so.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct


class TraceEvent(Struct, frozen=True, tag_field="type"):
    """``at``: the node's own monotonic nanoseconds.  For people, not for checks."""

    at: int


class Booted(TraceEvent, frozen=True, tag="booted"):
    """The node started with what it found on disk.

    ``incarnation`` counts its starts from 1, except those that ended before their first
    ``persisted``; ``log_digest`` is the chained
    digest of the recovered log (see ``chain`` in ``checker.raft``), 0 if empty.
    ``members`` are the voters as that log has them.

    ``snapshot_index`` and ``image_digest``: the snapshot that the state machine starts
    from, 0 without one.  ``recovering``: all that was on its disk is lost, its votes too,
    and it knows; until it has caught up it takes no part in decisions.
    """

    incarnation: int
    term: int
    vote: str | None
    last_term: int
    last_index: int
    commit_index: int
    log_digest: int
    members: tuple[str, ...]
    snapshot_index: int = 0
    image_digest: int = 0
    recovering: bool = False


class TermAdopted(TraceEvent, frozen=True, tag="term_adopted"):
    term: int


class RoleChanged(TraceEvent, frozen=True, tag="role_changed"):
    """``role`` is one of follower, pre_candidate, candidate, leader."""

    role: str
    term: int


class Voted(TraceEvent, frozen=True, tag="voted"):
    """A vote was decided (one's own included); not yet durable, not yet told."""

    term: int
    candidate: str


class VoteTold(TraceEvent, frozen=True, tag="vote_told"):
    """An answer that grants a vote leaves the node."""

    term: int
    candidate: str


class Appended(TraceEvent, frozen=True, tag="appended"):
    """``digest``: unsigned 64 bits over session and commands, not the position."""

    index: int
    term: int
    digest: int


class Truncated(TraceEvent, frozen=True, tag="truncated"):
    """Entries at ``from_index`` and after were dropped."""

    from_index: int


class Persisted(TraceEvent, frozen=True, tag="persisted"):
    """All of this survives a power loss from here on."""

    term: int
    vote: str | None
    last_term: int
    last_index: int


class PositionTold(TraceEvent, frozen=True, tag="position_told"):
    """A message that states this durable position leaves the node."""

    term: int
    last_term: int
    last_index: int


class Committed(TraceEvent, frozen=True, tag="committed"):
    """The node's commit point moved to (``term``, ``index``).

    ``leader_term`` is the term in which the node, being leader, decided it by
    counting; ``None`` where a follower learnt it.
    """

    index: int
    term: int
    leader_term: int | None


class Applied(TraceEvent, frozen=True, tag="applied"):
    index: int
    term: int
    digest: int
    result_digest: int


class Answered(TraceEvent, frozen=True, tag="answered"):
    """A client's write is acknowledged: entry ``index`` of ``term`` holds it."""

    index: int
    term: int
    client: str
    sequence: int


class Stopped(TraceEvent, frozen=True, tag="stopped"):
    """The node stopped by its own decision: shut down, or an invariant broke."""

    reason: str


class SnapshotTaken(TraceEvent, frozen=True, tag="snapshot_taken"):
    """The state machine as of entry ``index`` of ``term`` was written down.

    ``log_digest`` is the chained digest of the log up to there, ``image_digest`` an
    unsigned 64-bit one of the image: equal logs, equal images.
    """

    index: int
    term: int
    log_digest: int
    image_digest: int


class SnapshotInstalled(TraceEvent, frozen=True, tag="snapshot_installed"):
    """Another node's snapshot replaced the state machine, and of the log all up to it.

    A log that holds that very entry keeps what follows; any other is dropped whole.
    """

    index: int
    term: int
    log_digest: int
    image_digest: int


class MembershipChanged(TraceEvent, frozen=True, tag="membership_changed"):
    """From here on ``voters`` are counted: entry ``index`` of the log says so, or, after a
    truncation, said so before; 0 stands for those with whom the cluster began."""

    index: int
    voters: tuple[str, ...]


class SourceChosen(TraceEvent, frozen=True, tag="source_chosen"):
    """From here on, while it follows, the node pulls entries from ``source``.

    For people: no invariant depends on it.
    """

    source: str


NodeEvent: TypeAlias = (
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
