"""What the parts of a node share: its term, role, log and commit point, and its outbox.

The only place that changes them; so the only place that marks them for the disk and
writes them to the trace.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from enum import Enum

from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.digest import chain, entry_digest, image_digest, log_digest
from system_under_test.gossip_raft.core.log import Log
from system_under_test.gossip_raft.core.membership import Memberships
from system_under_test.gossip_raft.core.messages import Body
from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.trace import (
    Appended,
    Booted,
    Committed,
    MembershipChanged,
    Persisted,
    RoleChanged,
    SnapshotInstalled,
    SnapshotTaken,
    TermAdopted,
    TraceEvent,
    Truncated,
    Voted,
)
from system_under_test.gossip_raft.core.types import (
    DurableState,
    Entry,
    HardState,
    Incarnation,
    InvariantViolation,
    LogCommand,
    LogIndex,
    Membership,
    Nanos,
    NodeId,
    Position,
    RequestId,
    Session,
    Snapshot,
    Term,
)

REQUESTS_PER_INCARNATION = 2**32


class Role(Enum):
    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre_candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"


class Outbox:
    """What the next ``Ready`` will say; addressed, but not yet stamped."""

    def __init__(self, incarnation: Incarnation) -> None:
        self.decided: list[TraceEvent] = []
        self.told: list[TraceEvent] = []
        self.sends: list[tuple[str, RequestId, Body]] = []
        self.begin(incarnation)

    @property
    def next_request(self) -> RequestId:
        """Every request from now on has this number or a greater one."""
        return RequestId(self._next)

    def begin(self, incarnation: Incarnation) -> None:
        """Number from ``incarnation`` on."""
        # An answer to a former life must not pass for one to this life.
        self._next = incarnation * REQUESTS_PER_INCARNATION + 1

    def ask(self, target: str, body: Body) -> RequestId:
        request = RequestId(self._next)
        self._next += 1
        self.sends.append((target, request, body))
        return request

    def answer(self, target: str, request: RequestId, body: Body) -> None:
        self.sends.append((target, request, body))


class NodeState:
    """1. ``commit`` <= ``durable.index`` and ``commit`` <= ``committed_known``.
    2. ``applied`` <= ``commit``.
    3. ``term``, ``vote``, ``log`` and ``snapshot`` are what memory says; they are on disk
       after the next ``take_persist`` has been obeyed, and nothing leaves before.
    4. ``log.base.index`` <= ``snapshot.position.index`` <= ``applied``.
    5. ``membership`` is the one in force: the latest in the log, committed or not (Ongaro
       2014, 4.1).  ``peers`` are all its other members; of one who is not a member also
       those it was started with.
    """

    def __init__(
        self,
        config: NodeConfig,
        durable: DurableState,
        rng: random.Random,
        now: Nanos,
        rules: Rules,
    ) -> None:
        self.config = config
        self.rng = rng
        self.rules = rules
        self.now = now
        self.ticked = now
        self.incarnation = Incarnation(durable.hard.incarnation + 1)
        self.term = durable.hard.term
        self.vote = durable.hard.vote
        self.id = config.id
        self.role = Role.FOLLOWER
        self.leads = False
        self.leader: NodeId | None = None
        self.recovering = durable.hard.recovering
        self.abstains = durable.hard.abstains
        self.log = Log(durable.log, durable.base)
        self.hands_over = False
        self.durable = self.log.last
        self.snapshot = durable.snapshot
        self.applied = LogIndex(0)
        self.applied_digest = 0
        """H of what is applied."""
        if self.snapshot is not None:
            self.applied = self.snapshot.position.index
            self.applied_digest = self.snapshot.log_digest
        self.memberships = self._recovered_memberships()
        self._meet(self.memberships.in_force)
        self.commit = max(LogIndex(min(durable.hard.commit, len(self.log))), self.applied)
        self.committed_known = self.commit
        self.commit_point_at_departure = self.log.position_at(self.commit)
        """What ``commit_point`` will be once the log is on disk: when messages leave."""
        self.disk_is_full = False
        self.outbox = Outbox(self.incarnation)
        self.when_leadership_ends: list[Callable[[], None]] = []
        self.when_membership_changes: list[Callable[[], None]] = []
        self.is_unsaved = True
        """Whether ``take_persist`` has something to give."""
        self._unsaved_from: LogIndex | None = None
        self._truncate_from: LogIndex | None = None
        self._base_saved = self.log.base
        self._snapshot_unsaved = False
        self._in_flight: Position | None = None
        self.outbox.decided.append(
            Booted(
                incarnation=self.incarnation,
                term=self.term,
                vote=self.vote,
                last_term=self.log.last.term,
                last_index=self.log.last.index,
                commit_index=self.commit,
                log_digest=log_digest(
                    self.log.after(self.applied, len(self.log)), self.applied_digest
                ),
                members=self.membership.voters,
                snapshot_index=self.applied,
                image_digest=0 if self.snapshot is None else image_digest(self.snapshot.image),
                recovering=self.recovering,
            )
        )

    def _meet(self, membership: Membership) -> None:
        """See law 5."""
        members = membership.members
        if self.id not in members:
            members += tuple(m for m in self.config.members if m not in members)
        self.membership = membership
        self.peers = tuple(member for member in members if member != self.id)

    def counted(self, nodes: Iterable[NodeId]) -> int:
        """How many of ``nodes`` count towards a quorum of the membership in force."""
        count = 0
        for node in nodes:
            count += self.rules.is_counted(node, self.membership)
        return count

    @property
    def commit_point(self) -> Position:
        return self.log.position_at(self.commit)

    # --- term, vote, role ------------------------------------------------------

    def enter_term(self, term: Term, role: Role) -> None:
        """A higher term, in which we have not voted and know no leader (Raft 5.1)."""
        self.term = term
        self.vote = None
        self.is_unsaved = True
        self.outbox.decided.append(TermAdopted(term=term))
        self.become(role, leader=None)

    def become(self, role: Role, leader: NodeId | None) -> None:
        led = self.leads
        self.leader = leader
        if role is not self.role:
            self.role = role
            self.leads = role is Role.LEADER
            self.outbox.decided.append(RoleChanged(role=role.value, term=self.term))
        if led and not self.leads:
            for ended in self.when_leadership_ends:
                ended()

    def vote_for(self, candidate: NodeId) -> None:
        if self.vote != candidate:
            self.vote = candidate
            self.is_unsaved = True
            self.outbox.decided.append(Voted(term=self.term, candidate=candidate))

    # --- log -------------------------------------------------------------------

    def propose(self, session: Session | None, commands: tuple[LogCommand, ...]) -> Entry:
        assert self.leads
        index = LogIndex(len(self.log) + 1)
        entry = Entry(self.term, index, session, commands)
        self.append(entry)
        return entry

    def append(self, entry: Entry) -> None:
        self.log.append(entry)
        self.is_unsaved = True
        if self._unsaved_from is None:
            self._unsaved_from = entry.index
        self.outbox.decided.append(
            Appended(index=entry.index, term=entry.term, digest=entry_digest(entry))
        )
        if self.memberships.append(entry):
            self._note_membership()

    def truncate(self, keep: Position) -> None:
        """Drop what follows ``keep``.

        Raises:
            InvariantViolation: That would drop a committed entry, or a leader's own
                (PROTOCOL rule 5).
        """
        if self.leads:
            raise InvariantViolation(f"{self.id} leads term {self.term} and would truncate")
        if keep.index < self.committed_known:
            raise InvariantViolation(
                f"{self.id} would truncate to {keep.index}, below its commit point"
                f" {self.committed_known}"
            )
        start = LogIndex(keep.index + 1)
        self.log.truncate(keep.index)
        self.durable = min(self.durable, keep, key=lambda position: position.index)
        if self._unsaved_from is not None and self._unsaved_from >= start:
            self._unsaved_from = None
        earlier = self._truncate_from
        self._truncate_from = start if earlier is None else min(start, earlier)
        self.is_unsaved = True
        self.outbox.decided.append(Truncated(from_index=start))
        if self.memberships.truncate(keep.index):
            self._note_membership()

    def _recovered_memberships(self) -> Memberships:
        """From the snapshot on: nothing before it is ever truncated."""
        initial = Membership(self.config.members)
        if self.snapshot is not None:
            initial = self.snapshot.membership
        return Memberships(initial, self.log.after(self.applied, len(self.log)), self.applied)

    def _note_membership(self) -> None:
        self._meet(self.memberships.in_force)
        self.outbox.decided.append(
            MembershipChanged(index=self.memberships.since, voters=self.membership.voters)
        )
        for changed in self.when_membership_changes:
            changed()

    # --- snapshots ---------------------------------------------------------------

    def note_applied(self, entry: Entry, digest: int) -> None:
        """``entry``, with ``digest``, has been executed."""
        self.applied = entry.index
        self.applied_digest = chain(self.applied_digest, entry.term, digest)

    def take_snapshot(self, image: bytes) -> None:
        """``image`` is the state machine as of ``applied``: compact what it replaces."""
        index = self.rules.compaction_point(self.applied, LogIndex(len(self.log)))
        rest = self.log.after(self.applied, index - self.applied)
        digest = log_digest(rest, self.applied_digest)
        position = self.log.position_at(index)
        initial = Membership(self.config.members)
        membership = self.rules.membership_in_snapshot(self.memberships.at(index), initial)
        snapshot = Snapshot(position, digest, membership, image)
        self.outbox.decided.append(
            SnapshotTaken(position.index, position.term, digest, image_digest(image))
        )
        self._replace_snapshot(snapshot)

    def install_snapshot(self, snapshot: Snapshot) -> None:
        """Another node's: all up to its position is applied, at one stroke.

        It is committed, so it may be acted upon at once; nothing leaves before it is on
        disk.  The log keeps what extends it, and is dropped whole if it does not hold it.

        Raises:
            InvariantViolation: A leader has all that is committed.
        """
        position = snapshot.position
        if self.leads:
            raise InvariantViolation(f"{self.id} leads term {self.term} and needs no snapshot")
        self.outbox.decided.append(
            SnapshotInstalled(
                position.index, position.term, snapshot.log_digest, image_digest(snapshot.image)
            )
        )
        if self.log.holds(position):
            self.durable = max(self.durable, position, key=lambda reached: reached.index)
        else:
            self.log.restart(position)
            self.durable = position
            self._unsaved_from = None
            self._truncate_from = LogIndex(self._base_saved.index + 1)
            if self.memberships.restart(snapshot.membership, position.index):
                self._note_membership()
        self.applied, self.applied_digest = position.index, snapshot.log_digest
        self.commit = self.committed_known = position.index
        self.commit_point_at_departure = position
        self._replace_snapshot(snapshot)

    def _replace_snapshot(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._snapshot_unsaved = self.is_unsaved = True
        self.memberships.compact(snapshot.position.index)
        # What is not yet applied stays, whatever the snapshot says.
        base = min(snapshot.position.index - self.config.log_keep, self.applied)
        if base > self.log.base.index:
            self.log.compact(self.log.position_at(base))

    # --- recovery ----------------------------------------------------------------

    def supersede(self, incarnation: Incarnation) -> None:
        """A former life had ``incarnation``: ours must be newer than it (PROTOCOL D8.6)."""
        assert self.recovering
        self.incarnation = Incarnation(incarnation + 1)
        self.outbox.begin(self.incarnation)
        self.is_unsaved = True

    def recovered(self) -> None:
        """From now on this node votes and counts, but not in terms it may have voted in."""
        self.recovering = False
        self.abstains = self.term
        self.is_unsaved = True

    # --- commit point ----------------------------------------------------------

    def decide_commit(self, index: LogIndex) -> None:
        """The leader has counted a majority for ``index``."""
        assert self.leads
        self._advance_commit(index, self.term)

    def learn_commit(self, index: LogIndex) -> None:
        """The entry at ``index`` of this very log is committed, somebody says."""
        self._advance_commit(index, None)

    def _advance_commit(self, index: LogIndex, leader_term: Term | None) -> None:
        if index > self.log.last.index:
            raise InvariantViolation(
                f"{self.id} would commit {index}, past its log {len(self.log)}"
            )
        if index > self.committed_known:
            self.committed_known = index
            self.commit_point_at_departure = self.log.position_at(index)
        # What is not yet on disk may be forgotten, so it is not yet acted upon.
        reached = min(self.committed_known, self.durable.index)
        if reached > self.commit:
            self.commit = reached
            term = self.log[reached].term
            self.outbox.decided.append(Committed(index=reached, term=term, leader_term=leader_term))

    # --- disk ------------------------------------------------------------------

    def take_persist(self) -> Persist | None:
        """All that changed since the last time; ``persisted`` must follow."""
        if not self.is_unsaved:
            return None
        unsaved, truncate_from = self._unsaved_from, self._truncate_from
        base = self.log.base
        compact_to = None if base == self._base_saved else base
        snapshot = self.snapshot if self._snapshot_unsaved else None
        assert self._in_flight is None, "the last Ready is not yet persisted"
        self.is_unsaved = False
        self._unsaved_from = self._truncate_from = None
        self._base_saved, self._snapshot_unsaved = base, False
        self._in_flight = self.log.last
        hard = HardState(
            self.incarnation, self.term, self.vote, self.commit, self.recovering, self.abstains
        )
        entries: tuple[Entry, ...] = ()
        if unsaved is not None:
            entries = self.log.after(max(unsaved - 1, self.log.base.index), len(self.log))
        return Persist(hard, truncate_from, entries, snapshot, compact_to)

    def persisted_event(self) -> Persisted:
        """What the trace says when the persist just taken is done."""
        last = self.log.last
        return Persisted(term=self.term, vote=self.vote, last_term=last.term, last_index=last.index)

    def persisted(self) -> None:
        assert self._in_flight is not None, "persisted() without a Persist"
        self.durable = self._in_flight
        self._in_flight = None
        self.learn_commit(self.committed_known)
