"""Reads: linearizable ones by ReadIndex (Ongaro 2014, 6.4) or by lease (6.4.1), local ones from
any node."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from system_under_test.gossip_raft.core.admission import Admission, deadline_of, is_over
from system_under_test.gossip_raft.core.gossip import Gossip
from system_under_test.gossip_raft.core.lease import Lease
from system_under_test.gossip_raft.core.log import bytes_of_commands
from system_under_test.gossip_raft.core.messages import (
    LogEntries,
    Message,
    NotLeader,
    ReadKeys,
    ReadLog,
    Unavailable,
    Values,
)
from system_under_test.gossip_raft.core.state import NodeState
from system_under_test.gossip_raft.core.state_machine import StateMachine
from system_under_test.gossip_raft.core.types import (
    Entry,
    LogIndex,
    Nanos,
    NodeId,
    RequestId,
)


@dataclass(slots=True)
class WaitingRead:
    """1. Only heartbeats from number ``after`` on were sent after it arrived.
    2. ``index`` is the commit point to wait for, once the leader knows one.
    """

    source: str
    request: RequestId
    read: ReadKeys
    after: RequestId
    deadline: Nanos | None
    index: LogIndex | None = None


class Reads:
    """A read is answered only if, at some instant after it arrived, a majority held this
    node for the leader of its term; so nobody could have committed anything behind it.
    Usually it asks that majority; a read that asked for it may rest on a lease instead.
    """

    def __init__(self, state: NodeState, machine: StateMachine, gossip: Gossip) -> None:
        self._state = state
        self._machine = machine
        self._gossip = gossip
        self._admission = Admission(state)
        self.lease = Lease(state, gossip)
        self.waiting: deque[WaitingRead] = deque()
        """While there are any, a leader has to ``proceed``."""
        self._confirmed: dict[NodeId, RequestId] = {}
        self._round: RequestId | None = None
        state.when_leadership_ends.append(self._abandon)

    def on_read(self, message: Message, read: ReadKeys) -> None:
        state, refusal = self._state, self._admission.refuses(read)
        if refusal is not None:
            state.outbox.answer(message.source, message.request, refusal)
        elif state.rules.reads_applied_state(read.consistency):
            self._answer(message.source, message.request, read)
        elif not state.leads:
            hint = state.rules.leader_hint(state.leader)
            state.outbox.answer(message.source, message.request, NotLeader(hint))
        elif (refusal := self._admission.refuses_read(len(self.waiting))) is not None:
            state.outbox.answer(message.source, message.request, refusal)
        else:
            after, deadline = state.outbox.next_request, deadline_of(read, state.now)
            waiting = WaitingRead(message.source, message.request, read, after, deadline)
            self.waiting.append(waiting)

    def on_read_log(self, message: Message, read: ReadLog) -> None:
        state = self._state
        entries: list[Entry] = []
        room = state.config.batch_bytes_max
        for entry in self._machine.raw_entries(read.first, read.entries_max):
            room -= bytes_of_commands(entry.commands)
            if entries and room < 0:
                break
            entries.append(entry)
        answer = LogEntries(tuple(entries), state.applied, self._machine.raw_compacted)
        state.outbox.answer(message.source, message.request, answer)

    def on_heartbeat_reply(self, message: Message) -> None:
        """Counts only if the peer was in our term when it answered (PROTOCOL D7)."""
        state = self._state
        if not state.leads or not state.rules.is_confirmation(message, state.term):
            return
        if message.source not in self._gossip.peers:
            return  # Nobody that could count.
        peer = NodeId(message.source)
        record = self._gossip.records.get(peer)
        if record is not None and state.rules.is_out_of_quorums(record):
            return
        self.lease.on_heartbeat_reply(message)
        self._confirmed[peer] = max(self._confirmed.get(peer, RequestId(0)), message.request)

    def tick(self) -> None:
        """Ask again: a lost heartbeat must not hold up a read.  Give up what is too late."""
        if self.waiting:
            self._give_up_late()
        if self.waiting:
            self._round = self._gossip.broadcast()

    def proceed(self) -> None:
        """Start the next round, if reads wait for one; answer those that may be."""
        if not self.waiting or not self._state.leads:
            return
        self._note_index()
        self._answer_by_lease()
        if not self.waiting:
            return
        if self._needs_round():
            self._round = self._gossip.broadcast()
        while self.waiting and self._is_answerable(self.waiting[0]):
            self._settle(self.waiting.popleft())

    def _answer_by_lease(self) -> None:
        """Those that asked for it do not wait behind others."""
        rules = self._state.rules
        for waiting in self.waiting:
            if rules.may_use_lease(waiting.read.consistency):
                break
        else:
            return
        if not self.lease.is_held:
            return
        waiting_still: deque[WaitingRead] = deque()
        for waiting in self.waiting:
            if rules.may_use_lease(waiting.read.consistency) and self._is_applied(waiting):
                self._settle(waiting)
            else:
                waiting_still.append(waiting)
        self.waiting = waiting_still

    def _settle(self, waiting: WaitingRead) -> None:
        if is_over(waiting.deadline, self._state.now):
            self._refuse_late(waiting)
        else:
            self._answer(waiting.source, waiting.request, waiting.read)

    def _give_up_late(self) -> None:
        now = self._state.now
        for waiting in self.waiting:
            if is_over(waiting.deadline, now):
                self._refuse_late(waiting)
        self.waiting = deque(w for w in self.waiting if not is_over(w.deadline, now))

    def _refuse_late(self, waiting: WaitingRead) -> None:
        unavailable = Unavailable("deadline passed before the read was confirmed")
        self._state.outbox.answer(waiting.source, waiting.request, unavailable)

    def _needs_round(self) -> bool:
        """One round is under way at a time; it serves all reads that came before it."""
        if self._round is None:
            return True
        return self.waiting[-1].after > self._round and self._is_confirmed(self._round)

    def _note_index(self) -> None:
        state = self._state
        if not state.rules.knows_commit_point(state.commit_point, state.term):
            return
        for waiting in reversed(self.waiting):
            if waiting.index is not None:
                break
            waiting.index = state.commit

    def _is_answerable(self, waiting: WaitingRead) -> bool:
        return self._is_applied(waiting) and self._is_confirmed(waiting.after)

    def _is_applied(self, waiting: WaitingRead) -> bool:
        return waiting.index is not None and self._state.applied >= waiting.index

    def _is_confirmed(self, after: RequestId) -> bool:
        state = self._state
        confirming = [peer for peer, request in self._confirmed.items() if request >= after]
        confirmations = state.counted((*confirming, state.id))
        return state.rules.confirms_leadership(confirmations, len(state.membership.voters))

    def _answer(self, source: str, request: RequestId, read: ReadKeys) -> None:
        values = self._machine.read(read.keys)
        answer = Values(self._state.applied, read.consistency, values)
        self._state.outbox.answer(source, request, answer)

    def _abandon(self) -> None:
        for waiting in self.waiting:
            unavailable = Unavailable("leadership ended before the read was confirmed")
            self._state.outbox.answer(waiting.source, waiting.request, unavailable)
        self.waiting.clear()
        self._confirmed.clear()
        self._round = None
