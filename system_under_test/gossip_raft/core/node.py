"""One consensus node: a pure machine that turns messages and time into a ``Ready``."""

from __future__ import annotations

import random
from typing import assert_never

from system_under_test.gossip_raft.core.changes import Changes
from system_under_test.gossip_raft.core.config import NodeConfig
from system_under_test.gossip_raft.core.digest import entry_digest, results_digest
from system_under_test.gossip_raft.core.election import Elections
from system_under_test.gossip_raft.core.gossip import Gossip
from system_under_test.gossip_raft.core.messages import (
    BETWEEN_NODES,
    FROM_CLIENTS,
    HEARTBEAT_REPLY,
    AckEntries,
    AddServer,
    Body,
    Forwarded,
    GetStatus,
    Heartbeat,
    HeartbeatReply,
    LogEntries,
    Lost,
    Message,
    NotLeader,
    PulledEntries,
    PullEntries,
    PullMismatch,
    PullSnapshot,
    PullTooOld,
    PutEntries,
    ReadKeys,
    ReadLog,
    RemoveServer,
    RequestVote,
    Results,
    SnapshotChunk,
    Status,
    TimeoutNow,
    TimeoutNowReply,
    TransferLeadership,
    Unavailable,
    UpdatePosition,
    UpdatePositionReply,
    Values,
    Vote,
)
from system_under_test.gossip_raft.core.quorum import Quorum
from system_under_test.gossip_raft.core.reads import Reads
from system_under_test.gossip_raft.core.ready import Ready
from system_under_test.gossip_raft.core.recovery import Recovery
from system_under_test.gossip_raft.core.replication import Puller, Source
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.state import NodeState, Role
from system_under_test.gossip_raft.core.state_machine import StateMachine
from system_under_test.gossip_raft.core.trace import Applied, PositionTold, TraceEvent, VoteTold
from system_under_test.gossip_raft.core.transfer import Transfer
from system_under_test.gossip_raft.core.types import (
    ORIGIN,
    DurableState,
    Entry,
    LogIndex,
    Membership,
    Nanos,
    NodeId,
    Position,
    RequestId,
    Snapshot,
)
from system_under_test.gossip_raft.core.writes import Writes


class Node:
    """Everything enters by ``step`` and ``tick``, everything leaves by ``take_ready``.

    1. Whoever runs it obeys each ``Ready`` in the order of its effects before anything
       else enters; ``persisted`` and ``apply`` are called as the effects say.
    2. It asks again with ``take_ready`` until one ``is_last``.
    3. ``now`` never goes back.
    4. On ``InvariantViolation`` the node is beyond use: nothing of it may be obeyed.
    """

    def __init__(
        self,
        config: NodeConfig,
        durable: DurableState,
        rng: random.Random,
        now: Nanos,
        rules: Rules | None = None,
    ) -> None:
        rules = Rules() if rules is None else rules
        state = NodeState(config, durable, rng, now, rules)
        self.config = config
        self._state = state
        self._machine = StateMachine(rules)
        self._gossip = Gossip(state)
        self._elections = Elections(state, self._gossip)
        self._quorum = Quorum(state, self._gossip)
        self._puller = Puller(state, self._gossip, self._install)
        self._source = Source(state)
        self._reads = Reads(state, self._machine, self._gossip)
        self._writes = Writes(state, self._machine)
        self._recovery = Recovery(state, self._gossip)
        self._changes = Changes(state, self._gossip)
        self._transfer = Transfer(state, self._gossip, self._reads.lease)
        if state.snapshot is not None:
            self._machine.restore(state.snapshot.image)
        self._handed_over = state.applied
        self._log_seen: tuple[LogIndex, Position | None] = (LogIndex(0), None)
        self._position_told: Position | None = None

    @property
    def status(self) -> Status:
        state = self._state
        return Status(
            role=state.role.value,
            term=state.term,
            leader=state.leader,
            last=state.log.last,
            commit=state.commit_point,
            applied=state.applied,
            source=self._puller.source,
            records=self._gossip.known(),
            suspected=self._gossip.suspicion.suspected,
            reachable=self._gossip.reachable,
            membership=state.membership,
        )

    @property
    def membership(self) -> Membership:
        """The one in force."""
        return self._state.membership

    @property
    def peers(self) -> tuple[NodeId, ...]:
        """The other members of it; of one who is not a member also those it was started with."""
        return self._state.peers

    @property
    def log(self) -> tuple[Entry, ...]:
        """For tests and inspection: the log in memory, without what is compacted."""
        return self._state.log.after(self._state.log.base.index, len(self._state.log))

    @property
    def snapshot(self) -> Snapshot | None:
        """For tests and inspection: the newest snapshot."""
        return self._state.snapshot

    @property
    def recovering(self) -> bool:
        """Whether this node lost its disk and takes no part in decisions yet."""
        return self._state.recovering

    def disk_full(self, full: bool) -> None:
        """While the disk is full, writes are refused and no entries are pulled.

        What little else must be written still is.  For whoever runs the node to tell.
        """
        self._state.disk_is_full = full

    # --- in --------------------------------------------------------------------

    def step(self, message: Message, now: Nanos) -> None:
        """Take in one message; what follows from it is in the next ``Ready``.

        Raises:
            InvariantViolation: See law 4.
        """
        self._state.now = now
        if message.source in self._gossip.peers:
            self._hear(message)
        elif type(message.body) not in FROM_CLIENTS:
            if not self._heeds_stranger(message):
                return
            self._hear(message)
        self._dispatch(message)

    def tick(self, now: Nanos) -> None:
        """Time has passed.  Due at ``Ready.wake_at``; harmless earlier."""
        self._state.now = self._state.ticked = now
        self._quorum.tick()
        self._elections.tick()
        self._transfer.tick()
        if now >= self._gossip.wake_at:
            self._reads.tick()
            self._writes.tick()
            self._gossip.tick(self._quorum.to_be_asked())

    def persisted(self) -> None:
        """The ``Persist`` of the last ``Ready`` is on stable storage."""
        self._state.persisted()
        self._elections.persisted()
        self._quorum.count()

    def apply(self, entry: Entry) -> None:
        """Execute a committed entry; answers to those who wait for it leave next."""
        state = self._state
        assert entry.index == state.applied + 1 <= state.commit, f"applied out of order: {entry}"
        answer = self._machine.apply(state.rules.entry_applied(entry, state.now))
        digest = entry_digest(entry)
        state.note_applied(entry, digest)
        state.outbox.decided.append(
            Applied(
                index=entry.index,
                term=entry.term,
                digest=digest,
                result_digest=results_digest(answer.results),
            )
        )
        self._writes.applied(entry, answer)
        self._changes.applied(entry)

    # --- out -------------------------------------------------------------------

    def take_ready(self) -> Ready:
        """What is to be done now; false if that is nothing."""
        state, outbox = self._state, self._state.outbox
        self._proceed()
        wake_at = min(
            self._gossip.wake_at,
            self._quorum.wake_at if state.leads else self._elections.wake_at,
            self._puller.wake_at,
            self._source.wake_at,
            self._transfer.wake_at,
        )
        persist = state.take_persist() if state.is_unsaved else None
        if not (outbox.decided or outbox.sends or persist or state.commit > self._handed_over):
            return Ready(wake_at)
        decided, outbox.decided = tuple(outbox.decided), []
        sends, outbox.sends = outbox.sends, []
        told, outbox.told = outbox.told, []
        messages = self._sealed(sends, told) if sends else ()
        committed: tuple[Entry, ...] = ()
        if state.commit > self._handed_over:
            committed = state.log.after(self._handed_over, state.commit - self._handed_over)
            self._handed_over = state.commit
        persisted = None if persist is None else state.persisted_event()
        return Ready(wake_at, decided, persist, persisted, tuple(told), messages, committed)

    def _proceed(self) -> None:
        """Let every part do what it may do by now; pulling comes last, as all it states must
        be so when it leaves."""
        state = self._state
        applied, last = self._log_seen
        if state.applied != applied or state.log.last is not last:
            self._log_seen = (state.applied, state.log.last)
            if self._snapshot_is_due():
                state.take_snapshot(self._machine.image())
        if state.recovering:
            self._recovery.proceed()
        if state.leads:
            if self._reads.waiting:
                self._reads.proceed()
            if state.membership.learners:
                self._changes.proceed()
        if self._transfer.handover is not None:
            self._transfer.proceed()
        if self._source.is_asked:
            self._source.answer()
        self._puller.request()

    def _snapshot_is_due(self) -> bool:
        """Enough was applied since the last one (Ongaro 2014, 5.1.2)."""
        state, config = self._state, self._state.config
        since = LogIndex(0) if state.snapshot is None else state.snapshot.position.index
        until = state.rules.compaction_point(state.applied, state.log.last.index)
        return until > since and (
            until - since >= config.snapshot_entries_max
            or state.log.bytes_between(since, until) >= config.snapshot_bytes_max
        )

    def _install(self, snapshot: Snapshot) -> None:
        """
        Raises:
            MalformedImage: Nothing has changed.
        """
        self._machine.restore(snapshot.image)
        self._state.install_snapshot(snapshot)
        self._handed_over = snapshot.position.index

    def _sealed(
        self, sends: list[tuple[str, RequestId, Body]], told: list[TraceEvent]
    ) -> tuple[Message, ...]:
        """Put ``sends`` in envelopes that say how things stand at departure, and add what they
        tell to ``told``."""
        state, peers = self._state, self._gossip.peers
        own, term = state.id, state.term
        has_departed = False
        messages: list[Message] = []
        for target, request, sent in sends:
            body = sent
            if isinstance(body, Vote) and body.granted and not body.pre_vote:
                if (term, state.vote) == (body.term, target):
                    told.append(VoteTold(term=term, candidate=NodeId(target)))
                else:
                    # Overtaken before it was durable: it was never given.
                    body = Vote(term=body.term, granted=False, pre_vote=False)
            if type(body) in BETWEEN_NODES or target in peers:
                if not has_departed:
                    has_departed = True
                    self._gossip.depart(self._puller.source)
                messages.append(self._gossip.envelope(NodeId(target), request, body))
            else:
                messages.append(Message(own, target, request, term, (), body))
        last = state.log.last
        if has_departed and last != self._position_told:
            self._position_told = last
            told.insert(0, PositionTold(term=term, last_term=last.term, last_index=last.index))
        return tuple(messages)

    # --- peers -----------------------------------------------------------------

    def _heeds_stranger(self, message: Message) -> bool:
        state = self._state
        seen = state.rules.highest_term_seen(message)
        if not self._gossip.has_room_for(NodeId(message.source)):
            return False
        said = (record.last for record in message.gossip if record.node == message.source)
        return state.rules.heeds_stranger(
            seen,
            state.term,
            next(said, ORIGIN),
            state.log.last,
            leader_is_recent=self._elections.leader_is_recent,
        )

    def _hear(self, message: Message) -> None:
        """What every message of a peer tells, whatever its body."""
        state, rules = self._state, self._state.rules
        # Term first: nothing else may be read in the light of an old one (D8.4).
        seen = rules.highest_term_seen(message)
        if rules.adopts_term(message, seen, state.term):
            steps_down = rules.steps_down(message, leads=state.leads)
            state.enter_term(seen, Role.FOLLOWER if steps_down else state.role)
        changed = self._gossip.hear(message)
        if state.leads and message.source in self._gossip.peers:
            self._quorum.hear(NodeId(message.source), hears=message.hears)
        if state.recovering:
            self._recovery.hear(message)
        moved = False
        for old, new in changed:
            moved = moved or old is None or old.last != new.last or old.term != new.term
            if state.leads:
                continue
            self._elections.hear_of_leader(new)
            last = state.log.last
            reached = min(new.commit.index, last.index)
            if reached > state.committed_known and rules.advances_commit_from_gossip(
                last, new.commit
            ):
                state.learn_commit(reached)
        if moved:
            self._quorum.count()
            if isinstance(message.body, UpdatePosition | PullEntries):
                self._puller.report()

    def _dispatch(self, message: Message) -> None:
        state, body = self._state, message.body
        match body:  # The frequent ones first.
            case Heartbeat():
                self._elections.on_heartbeat(message)
                self._gossip.on_heartbeat(message, body)
                state.outbox.answer(message.source, message.request, HEARTBEAT_REPLY)
            case HeartbeatReply():
                self._gossip.on_heartbeat_reply(message)
                self._reads.on_heartbeat_reply(message)
            case PulledEntries():
                self._puller.on_pulled_entries(message, body)
            case PullEntries():
                self._source.on_pull(message, body)
            case UpdatePosition():
                state.outbox.answer(message.source, message.request, UpdatePositionReply())
            case PutEntries():
                self._writes.on_put(message, body)
            case ReadKeys():
                self._reads.on_read(message, body)
            case RequestVote():
                self._elections.on_request_vote(message, body)
            case Vote():
                self._elections.on_vote(message, body)
            case PullMismatch():
                self._puller.on_mismatch(message, body)
            case PullTooOld():
                self._puller.on_too_old(message, body)
            case PullSnapshot():
                self._source.on_pull_snapshot(message, body)
            case SnapshotChunk():
                self._puller.on_snapshot_chunk(message, body)
            case TimeoutNow():
                self._elections.on_timeout_now(message, body)
            case AddServer() | RemoveServer():
                self._changes.on_request(message, body)
            case TransferLeadership():
                self._transfer.on_request(message, body)
            case ReadLog():
                self._reads.on_read_log(message, body)
            case GetStatus():
                state.outbox.answer(message.source, message.request, self.status)
            case (
                UpdatePositionReply()
                | TimeoutNowReply()
                | Results()
                | Values()
                | LogEntries()
                | NotLeader()
                | Unavailable()
                | Lost()
                | Forwarded()
                | Status()
                | AckEntries()
            ):
                pass  # Nothing to learn beyond the envelope, or not meant for a node.
            case _:
                assert_never(body)
