"""What only a leader does: count positions, and make sure that a majority is with it."""

from __future__ import annotations

from system_under_test.gossip_raft.core.gossip import Gossip
from system_under_test.gossip_raft.core.state import NodeState, Role
from system_under_test.gossip_raft.core.types import Nanos, NodeId, Term


class Quorum:
    def __init__(self, state: NodeState, gossip: Gossip) -> None:
        self._state = state
        self._gossip = gossip
        self._contacts: dict[NodeId, Nanos] = {}
        self._leads_term = Term(0)
        self._since = state.now
        self.wake_at = state.now
        """When to check the quorum, if we lead."""

    def hear(self, peer: NodeId, *, hears: bool) -> None:
        """A message came directly from ``peer``, which says whether it ``hears`` us, and its
        records are merged."""
        state = self._state
        if self._leads_term != state.term:
            self._begin_term()
        if state.leads and state.rules.is_contact(
            self._gossip.records.get(peer), state.term, hears=hears
        ):
            self._contacts[peer] = state.now

    def tick(self) -> None:
        """Check quorum: without a majority for an election time-out, step down (D6)."""
        state = self._state
        self._begin_term()
        if not state.leads or state.now < self.wake_at:
            return
        timeout = state.config.election_timeout_min_ns
        since = state.now - timeout
        contacts = [peer for peer, contact in self._contacts.items() if contact >= since]
        voters = len(state.membership.voters)
        if not state.rules.keeps_leading(state.counted((*contacts, state.id)), voters):
            state.become(Role.FOLLOWER, leader=None)
        self.wake_at = Nanos(state.now + state.config.heartbeat_interval_ns)

    def to_be_asked(self) -> tuple[NodeId, ...]:
        """Voters that a leader has to ask directly, lest it misses them."""
        state = self._state
        if not state.leads:
            return ()
        self._begin_term()
        timeout = state.config.election_timeout_min_ns
        voters = (voter for voter in state.membership.voters if voter != state.id)
        silent = ((v, state.now - self._contacts.get(v, self._since)) for v in voters)
        return tuple(v for v, s in silent if state.rules.is_asked_directly(Nanos(s), timeout))

    def count(self) -> None:
        """Commit what a majority holds (PROTOCOL rules 6 and 7)."""
        state = self._state
        if not state.leads or state.commit == state.log.last.index:
            return
        rules, membership = state.rules, state.membership
        positions = [
            record.last
            for node, record in self._gossip.records.items()
            if node != state.id
            and rules.is_counted(node, membership)
            and rules.counts_toward_commit(record, state.term)
        ]
        if rules.is_counted(state.id, membership):
            positions.append(state.durable)
        reached = rules.commit_point_from_positions(positions, len(membership.voters))
        if reached is None or not state.commit < reached.index <= len(state.log):
            return
        if rules.may_commit(state.log[reached.index], state.term):
            state.decide_commit(reached.index)

    def _begin_term(self) -> None:
        """A new leader gets one election time-out to gather its majority."""
        state = self._state
        if state.leads and self._leads_term != state.term:
            self._leads_term = state.term
            self._contacts = {}
            self._since = state.now
            self.wake_at = Nanos(state.now + state.config.election_timeout_min_ns)
