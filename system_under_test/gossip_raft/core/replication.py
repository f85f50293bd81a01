"""Replication by pulling: both ends of PullEntries, and UpdatePosition (PROTOCOL D2 to D5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from system_under_test.gossip_raft.core.config import Shape
from system_under_test.gossip_raft.core.gossip import Gossip
from system_under_test.gossip_raft.core.image import MalformedImage
from system_under_test.gossip_raft.core.log import common_point
from system_under_test.gossip_raft.core.messages import (
    GossipRecord,
    Message,
    PulledEntries,
    PullEntries,
    PullMismatch,
    PullSnapshot,
    PullTooOld,
    SnapshotChunk,
    UpdatePosition,
)
from system_under_test.gossip_raft.core.round_trips import RoundTrips
from system_under_test.gossip_raft.core.snapshot_transfer import SnapshotSource, Transfer
from system_under_test.gossip_raft.core.state import NodeState, Role
from system_under_test.gossip_raft.core.sync_source import Chains, choose_within_limits
from system_under_test.gossip_raft.core.trace import SourceChosen
from system_under_test.gossip_raft.core.types import (
    NEVER,
    LogIndex,
    Nanos,
    NodeId,
    Position,
    RequestId,
    Snapshot,
    Term,
)


class Pull(NamedTuple):
    """A request under way, to be answered by ``deadline``.

    ``patience``: after how long it is repeated, if the source is known to have an answer, until
    the ``deadline``; ``None`` if it may hold it back.
    """

    source: NodeId
    request: RequestId
    asked: Nanos
    deadline: Nanos
    patience: Nanos | None
    due: Nanos
    """When something is to be done about it, unless the answer comes before."""


NOT_DENIED: Final = (Nanos(0), Nanos(0))


class Puller:
    """The follower's end.

    1. One pull at a time; a lost one is given up at its deadline.  If the source had an answer
       it is repeated before, since it was only lost, with twice the patience each time.
    2. Entries are taken only from the pull under way, and only where the log ends.
    3. The log is cut only for a source with a higher last term.
    4. Where the source has compacted what we need, its snapshot is pulled instead, chunk
       by chunk; ``install`` gets it when it is whole, and raises ``MalformedImage``.
    """

    def __init__(
        self, state: NodeState, gossip: Gossip, install: Callable[[Snapshot], None]
    ) -> None:
        self._state = state
        self._gossip = gossip
        self._pull: Pull | None = None
        self._lost: Pull | None = None
        """What the pull under way repeats; its answer may still come, and tell how long it took."""
        self._answer_times = RoundTrips()
        self._denied: dict[NodeId, tuple[Nanos, Nanos]] = {}
        self._report = False
        self._report_due = state.now
        self._term = state.term
        self._install = install
        self._transfer = Transfer()
        self._limits_chains = state.config.limits_chains
        self._placed: tuple[object, ...] = ()
        """What was known when the source was last found to be the right one."""
        self._role: Role | None = None
        self._pulls = False
        """What ``_may_pull`` was in ``_role``."""
        self.source: NodeId | None = None
        self._recorded_source: NodeId | None = None
        self.wake_at = NEVER

    @property
    def _may_pull(self) -> bool:
        return self._state.rules.may_pull(follows=self._state.role is Role.FOLLOWER)

    # --- requests --------------------------------------------------------------

    def report(self) -> None:
        """Positions changed, ours or those of nodes that pull from us: tell our source."""
        self._report = True

    def request(self) -> None:
        """Ask for what is due: called last before messages leave, so all they state is so."""
        state, pull = self._state, self._pull
        if state.role is not self._role:
            self._role, self._pulls = state.role, self._may_pull
            if not self._pulls:
                self.source, self._pull, self.wake_at = None, None, NEVER
                self._transfer.forget()
        if not self._pulls or (
            pull is not None
            and not self._report
            and state.now < self.wake_at
            and self._term == state.term
            and not self._is_due_by_now(pull)
            and not self._overtaken(pull.source)
        ):
            return
        self._request_what_is_due()
        if self._pull is not None:
            self.wake_at = min(self._pull.due, self._report_due)
        else:
            waits = (until for until, _ in self._denied.values() if until > state.now)
            self.wake_at = min(waits, default=NEVER)

    def _request_what_is_due(self) -> None:
        state = self._state
        if self._term != state.term:
            self._term = state.term
            self._denied.clear()  # What was wrong with them may be over; so may their role.
        if self._pull is not None:
            if state.now >= self._pull.deadline:
                self._deny(self._pull.source)
            elif self._overtaken(self._pull.source):
                self._pull = None
            elif self._is_due_by_now(self._pull):
                # From now on counts how long it takes.
                deadline = min(self._pull.deadline, state.now + state.config.request_timeout_ns)
                patience = self._patience(self._pull.source)
                due = min(deadline, state.now + patience)
                self._pull = self._pull._replace(
                    asked=state.now, deadline=Nanos(deadline), patience=patience, due=Nanos(due)
                )
            elif state.now >= self._pull.due:
                self._lost = self._pull
                self._ask(self._pull.source, self._pull)
        if self._pull is None:
            self._choose_source()
        if self.source is None:
            return
        if self._report or state.now >= self._report_due:
            self._report = False
            # A lost report must not stall the commit point for ever (D6).
            self._report_due = Nanos(state.now + state.config.election_timeout_min_ns // 2)
            if self._pull is not None:  # Else the pull's own envelope brings the records.
                state.outbox.ask(self.source, UpdatePosition())
        if self._pull is None and not state.disk_is_full:
            self._ask(self.source)

    def _ask(self, source: NodeId, repeated: Pull | None = None) -> None:
        state, config = self._state, self._state.config
        if source != self._recorded_source:
            self._recorded_source = source
            state.outbox.decided.append(SourceChosen(source))
        wait, patience = config.pull_wait_ns, None
        commit = state.commit_point_at_departure
        body: PullEntries | PullSnapshot = PullEntries(
            state.log.last, commit, config.entries_max, wait
        )
        if repeated is not None and repeated.patience is not None:
            patience = Nanos(2 * repeated.patience)
        elif self._transfer.is_wanted(source) and state.rules.installs_snapshot(
            self._transfer.position, state.committed_known
        ):
            wait = Nanos(0)
            body = self._transfer.next_pull(config.snapshot_chunk_bytes)
        elif self._is_ahead(source):
            wait, patience = Nanos(0), self._patience(source)
        request, now = state.outbox.ask(source, body), state.now
        deadline = Nanos(now + wait + config.request_timeout_ns)
        if repeated is not None:
            deadline = repeated.deadline
        due = deadline if patience is None else Nanos(min(deadline, now + patience))
        self._pull = Pull(source, request, now, deadline, patience, due)

    def _is_ahead(self, source: NodeId) -> bool:
        record = self._gossip.records.get(source)
        return record is not None and record.last > self._state.log.last

    def _is_due_by_now(self, pull: Pull) -> bool:
        """The source, which had no answer when it was asked, is known to have one by now."""
        return (
            pull.patience is None
            and self._is_ahead(pull.source)
            and not self._transfer.is_wanted(pull.source)
        )

    def _patience(self, source: NodeId) -> Nanos:
        config = self._state.config
        return self._state.rules.pull_patience(
            self._answer_times.longest(source),
            least=Nanos(config.heartbeat_interval_ns // 2),
            most=config.request_timeout_ns,
        )

    # --- answers ---------------------------------------------------------------

    def on_pulled_entries(self, message: Message, pulled: PulledEntries) -> None:
        state = self._state
        if not self._take_answer(message):
            return
        if not state.rules.accepts_pulled_entries(
            state.log.last, pulled.previous, message.term, state.term
        ):
            return
        self._denied.pop(NodeId(message.source), None)
        for entry in state.rules.entries_taken(pulled.entries):
            state.append(entry)
        if pulled.entries:
            self.report()
        # Our log is now a prefix of the source's, so its commit point is true of ours.
        state.learn_commit(
            state.rules.commit_from_source(pulled.commit.index, state.log.last.index)
        )

    def on_mismatch(self, message: Message, mismatch: PullMismatch) -> None:
        state = self._state
        if not self._take_answer(message):
            return
        if not state.rules.may_truncate(state.log.last, mismatch.last):
            self._deny(NodeId(message.source))  # It is behind: never a reason to cut (D2 c).
            return
        keep = common_point(state.log.runs, mismatch.runs)
        if keep.index < mismatch.base.index and state.rules.installs_snapshot(
            mismatch.base, state.committed_known
        ):
            # Where we part is compacted there, so what it compacted is not what we hold.
            self._want(NodeId(message.source), mismatch.base)
        else:
            state.truncate(keep)

    def on_too_old(self, message: Message, too_old: PullTooOld) -> None:
        state, source = self._state, NodeId(message.source)
        if not self._take_answer(message):
            return
        if state.rules.installs_snapshot(too_old.snapshot, state.committed_known):
            self._want(source, too_old.snapshot)
        else:
            self._deny(source)  # It has nothing for us.

    def on_snapshot_chunk(self, message: Message, chunk: SnapshotChunk) -> None:
        state, source = self._state, NodeId(message.source)
        is_awaited = self._take_answer(message)
        if not self._may_pull or not (is_awaited or self._transfer.meets(chunk)):
            return
        if not state.rules.installs_snapshot(chunk.position, state.committed_known):
            if is_awaited:  # Otherwise it is only late.
                self._deny(source)
            return
        if not self._transfer.add(chunk):
            self._deny(source)
            return
        self._denied.pop(source, None)
        snapshot = self._transfer.snapshot()
        if snapshot is None:
            return
        self._transfer.forget()
        try:
            self._install(snapshot)
        except MalformedImage:
            self._deny(source)
            return
        self.report()

    def _want(self, source: NodeId, snapshot: Position) -> None:
        state = self._state
        if not state.rules.installs_snapshot(self._transfer.position, state.committed_known):
            self._transfer.forget()  # Begun once, and overtaken by other ways.
        self._transfer.want(source, snapshot)

    def _take_answer(self, message: Message) -> bool:
        """Whether this answers the pull under way, which then is over."""
        pull, lost = self._pull, self._lost
        for asked in (pull, lost):
            if (
                asked is not None
                and asked.request == message.request
                and asked.patience is not None
            ):
                took = Nanos(self._state.now - asked.asked)
                self._answer_times.add(asked.source, took)
        if pull is None or not self._may_pull:
            return False
        if pull.request != message.request or pull.source != message.source:
            return False
        self._pull = None
        return True

    # --- source ----------------------------------------------------------------

    def _choose_source(self) -> None:
        rules, records, last = self._state.rules, self._gossip.records, self._state.log.last
        current, leader = self.source, self._state.leader
        if leader is not None and self._usable(leader):
            if self._limits_chains:
                self.source = self._choose_within_limits(leader)
            else:
                self.source = rules.chooses_sync_source(last, records[leader], (), {}, 1)
        elif self._state.config.shape is Shape.STAR:
            self.source = None
        elif (
            current is None
            or not self._may_chain(current)
            or not rules.keeps_sync_source(last, records[current])
        ):
            others = [node for node in records if node != self._state.id]
            candidates = [records[node] for node in others if self._may_chain(node)]
            self.source = rules.chooses_sync_source(
                last, None, candidates, self._distances(candidates), self._state.config.entries_max
            )
        if self.source != current:
            self.report()

    def _choose_within_limits(self, leader: NodeId) -> NodeId:
        state, gossip = self._state, self._gossip
        config, own = state.config, state.id
        sources = {
            peer: gossip.records[peer].source
            for peer in state.peers
            if peer in gossip.records and not gossip.is_unreachable(peer)
        }
        chains = Chains(
            rules=state.rules,
            members=tuple(sorted({*state.peers, own})),
            sources={**sources, leader: None, own: self.source},
            leader=leader,
            children_max=config.children_max,
            depth_max=config.depth_max,
        )
        usable = [gossip.records[peer] for peer in state.peers if self._usable(peer)]
        return choose_within_limits(chains, own, state.log.last, usable, self._distances(usable))

    def _distances(self, of: Iterable[GossipRecord]) -> dict[NodeId, Nanos]:
        """Round trips, as far as measured."""
        measured = ((r.node, self._gossip.round_trips.typical(r.node)) for r in of)
        return {node: took for node, took in measured if took is not None}

    def _may_chain(self, peer: NodeId) -> bool:
        return self._usable(peer) and self._state.rules.may_pull_from(
            pulls_from_us=self._gossip.pulls_from_us(peer)
        )

    def _usable(self, peer: NodeId) -> bool:
        until, _ = self._denied.get(peer, NOT_DENIED)
        gossip = self._gossip
        is_there = gossip.in_touch(peer) and not gossip.is_unreachable(peer)
        return is_there and self._state.now >= until

    def _overtaken(self, source: NodeId) -> bool:
        """The pull under way asks another node than it should by now, the leader within reach."""
        leader, limits_chains = self._state.leader, self._limits_chains
        if leader is None or (leader == source and not limits_chains):
            return False
        if not self._usable(leader):
            return False
        return not limits_chains or self._is_out_of_place(leader, source)

    def _is_out_of_place(self, leader: NodeId, source: NodeId) -> bool:
        state = self._state
        # Who falls silent is not news; that is noticed with the next tick.
        known = (self._gossip.news, state.ticked, state.log.last, leader, source)
        if known == self._placed:
            return False
        self._placed = () if (is_out := self._choose_within_limits(leader) != source) else known
        return is_out

    def _deny(self, source: NodeId) -> None:
        """Leave ``source`` alone for a while, longer each time."""
        config = self._state.config
        _, wait = self._denied.get(source, NOT_DENIED)
        wait = Nanos(
            min(max(2 * wait, config.heartbeat_interval_ns), config.election_timeout_max_ns)
        )
        self._denied[source] = (Nanos(self._state.now + wait), wait)
        self.source, self._pull = None, None


@dataclass(slots=True)
class HeldPull:
    """A request not yet answered; ``term`` is the one its sender was in.

    ``deadline`` is when it is answered at the latest: earlier than its sender asked once
    the commit point has moved.
    """

    request: RequestId
    asked: PullEntries
    term: Term
    deadline: Nanos


class Source:
    """The other end: any node answers pulls from its log, whatever its role.

    1. An answer is made when it leaves, so it never states what has been cut since.
    2. ``wake_at`` is when the next one is due although there is no news.
    """

    def __init__(self, state: NodeState) -> None:
        self._state = state
        self._snapshots = SnapshotSource(state)
        self._held: dict[NodeId, HeldPull] = {}
        self._seen: tuple[Position, LogIndex, Term] | None = None
        """What stood when all pulls that are held were looked at."""
        self.wake_at = NEVER
        self.is_asked = False
        """Whether there may be something to ``answer``."""

    def on_pull(self, message: Message, asked: PullEntries) -> None:
        """A newer pull of the same node replaces the one that is held."""
        wait = min(asked.wait, self._state.config.pull_wait_ns)  # Held for no longer than that.
        deadline = Nanos(self._state.now + wait)
        held = HeldPull(message.request, asked, message.term, deadline)
        self._held[NodeId(message.source)] = held
        self._seen = None
        self.is_asked = True

    def on_pull_snapshot(self, message: Message, asked: PullSnapshot) -> None:
        self.is_asked = True
        chunk = self._snapshots.chunk_for(NodeId(message.source), asked)
        if chunk is not None:
            self._state.outbox.answer(message.source, message.request, chunk)

    def answer(self) -> None:
        """Answer every pull for which there is news, or no time left."""
        if self._snapshots.serving:
            self._snapshots.tick()
        if not self._held:
            self.is_asked = bool(self._snapshots.serving)
            return
        state, seen = self._state, self._seen
        if (
            seen is not None
            and state.log.last is seen[0]
            and state.committed_known == seen[1]
            and state.term == seen[2]
            and state.now < self.wake_at
        ):
            return
        self._seen = (state.log.last, state.committed_known, state.term)
        news_due = Nanos(state.now + state.config.commit_news_delay_ns)
        for puller, held in tuple(self._held.items()):
            if held.deadline > news_due and state.committed_known > held.asked.commit.index:
                held.deadline = news_due
            if self._is_due(held):
                del self._held[puller]
                state.outbox.answer(puller, held.request, self._answer_to(held.asked))
        self.wake_at = NEVER
        for held in self._held.values():
            self.wake_at = min(self.wake_at, held.deadline)

    def _is_due(self, held: HeldPull) -> bool:
        state = self._state
        return (
            state.log.last != held.asked.last
            or state.now >= held.deadline
            or state.term != held.term  # It must learn our term, or we have just changed it.
        )

    def _answer_to(self, asked: PullEntries) -> PulledEntries | PullMismatch | PullTooOld:
        log, snapshot, rules = self._state.log, self._state.snapshot, self._state.rules
        if asked.last.index < log.base.index:
            assert snapshot is not None, "only a snapshot replaces entries"
            return PullTooOld(log.last, snapshot.position)
        held = log.position_at(asked.last.index) if asked.last.index <= len(log) else None
        if not rules.holds_what_is_asked(asked.last, held):
            return PullMismatch(log.last, log.runs, log.base)
        limits = rules.batch_limits(asked.entries_max, self._state.config.batch_bytes_max)
        entries = log.batch_after(asked.last.index, *limits)
        return PulledEntries(asked.last, entries, log.last, self._state.commit_point_at_departure)
