"""The gossip map: what every node says of itself, as far as it got around (PROTOCOL 3, D8)."""

from __future__ import annotations

from collections import deque
from typing import Final

from system_under_test.gossip_raft.core.config import Heartbeats
from system_under_test.gossip_raft.core.messages import HEARTBEAT, GossipRecord, Message
from system_under_test.gossip_raft.core.state import NodeState
from system_under_test.gossip_raft.core.types import Nanos, NodeId, Position, RequestId, Term

STRANGERS_MAX: Final = 32
"""Nodes that are no members and are remembered all the same."""


class Gossip:
    """1. Others' records are replaced as a whole and never edited.
    2. Freshness is the local time of a direct message or of a counter's increase; no
       clock reading crosses a link.
    """

    def __init__(self, state: NodeState) -> None:
        self._state = state
        self._heard: dict[NodeId, Nanos] = {}
        self._news: dict[NodeId, Nanos] = dict.fromkeys(state.peers, state.now)
        self._counter = 0
        self.wake_at = state.now
        self._rounds: deque[tuple[RequestId, Nanos, Term]] = deque()
        self.records: dict[NodeId, GossipRecord] = {}
        self._timeout = state.config.election_timeout_min_ns
        self._told_reachable: tuple[NodeId, ...] = ()
        self._reachable_until = state.now
        """As long as nobody who was out of reach is heard."""
        self.peers = frozenset(state.peers)
        self._order_members()
        self._retelling_is_news = state.rules.retelling_is_news()
        state.when_membership_changes.append(self._meet_peers)

    # --- in --------------------------------------------------------------------

    def has_room_for(self, stranger: NodeId) -> bool:
        """Whether it is remembered, or may be; those that fell silent make room."""
        strangers = [node for node in self._heard if node not in self.peers]
        if stranger in strangers or self._state.rules.has_room(len(strangers), STRANGERS_MAX):
            return True
        silent = [node for node in strangers if not self._hears(node)]
        for node in silent:
            del self._heard[node], self._news[node]
            self.records.pop(node, None)
        self._order_members()
        return bool(silent)

    def hear(self, message: Message) -> list[tuple[GossipRecord | None, GossipRecord]]:
        """Merge the map of a peer's message; returns what changed, as (old, new)."""
        state, records, source = self._state, self.records, NodeId(message.source)
        heard, now = self._heard.get(source), state.now
        self._heard[source] = self._news[source] = now
        if heard is None:
            self._order_members()
        elif heard + self._timeout < now:
            self._reachable_until = now  # ``source`` was not, and is again.
        changed: list[tuple[GossipRecord | None, GossipRecord]] = []
        retold = self._retelling_is_news
        for new in message.gossip:
            node = new.node
            old = records.get(node)
            is_known = new is old and not retold
            if is_known or node == state.id or not (node in self.peers or node == source):
                continue  # Of ourselves nobody knows better; of strangers only their own word.
            merged = new if old is None else state.rules.merge_records(old, new)
            if merged is not old or retold:
                records[node] = merged
                self._news[node] = now
                changed.append((old, merged))
        return changed

    # --- out -------------------------------------------------------------------

    def tick(self) -> None:
        state = self._state
        if state.now < self.wake_at:
            return
        self.wake_at = Nanos(state.now + state.config.heartbeat_interval_ns)
        self._note_round()
        peers = state.peers
        if state.config.heartbeats is Heartbeats.PLAIN:
            peers = peers if state.leads else ()
        elif len(peers) > state.config.fanout:
            peers = tuple(state.rng.sample(peers, state.config.fanout))
        for peer in peers:
            state.outbox.ask(peer, HEARTBEAT)

    def broadcast(self) -> RequestId:
        """A heartbeat to every peer now; returns the number of the first."""
        first = self._note_round()
        for peer in self._state.peers:
            self._state.outbox.ask(peer, HEARTBEAT)
        return first

    def sent_at(self, request: RequestId) -> Nanos | None:
        """A time before which the heartbeat ``request`` was not sent; ``None`` if we did not
        send it as the leader of this term, or too long ago to matter."""
        for first, sent, term in reversed(self._rounds):
            if first <= request:
                return sent if term == self._state.term else None
        return None

    def _note_round(self) -> RequestId:
        state, rounds = self._state, self._rounds
        first = state.outbox.next_request
        if state.leads:
            rounds.append((first, state.now, state.term))
            while rounds[0][1] < state.now - state.config.election_timeout_min_ns:
                rounds.popleft()
        return first

    def stamp(self, source: NodeId | None) -> tuple[GossipRecord, ...]:
        """The map as it leaves, with a new record of our own; ``source`` is whom we pull from.

        With plain heartbeats our record is all that leaves.

        The log's end is stated as durable: it leaves after the persist of the same Ready.
        """
        state = self._state
        self._counter += 1
        own = self.records[state.id] = GossipRecord(
            state.id,
            state.incarnation,
            self._counter,
            state.term,
            state.leader,
            state.log.last,
            state.commit_point_at_departure,
            source,
            self._reachable(),
            state.recovering,
        )
        if state.config.heartbeats is Heartbeats.PLAIN:
            return (own,)
        return self.known()

    def known(self) -> tuple[GossipRecord, ...]:
        """The map in the members' order; strangers are not passed on."""
        return tuple(filter(None, map(self.records.get, self._members)))

    # --- questions -------------------------------------------------------------

    def in_touch(self, peer: NodeId) -> bool:
        """We heard it lately, and it says that it hears us."""
        record = self.records.get(peer)
        return record is not None and self._state.id in record.reachable and self._hears(peer)

    def suspects(self, peer: NodeId) -> bool:
        """Nothing new of it for long; anything new, even through others, refutes it."""
        state = self._state
        patience = state.config.suspicion_intervals * state.config.heartbeat_interval_ns
        silent = Nanos(state.now - self._news[peer])
        return state.rules.suspects(silent, Nanos(patience))

    @property
    def suspected(self) -> tuple[NodeId, ...]:
        return tuple(peer for peer in self._state.peers if self.suspects(peer))

    @property
    def lasts_within_reach(self) -> tuple[Position, ...]:
        """Where the logs of those end with whom we are in touch."""
        return tuple(r.last for node, r in self.records.items() if self.in_touch(node))

    def pulls_from_us(self, peer: NodeId) -> bool:
        """Directly or through others, as far as known."""
        node: NodeId | None = peer
        for _ in self.records:
            record = None if node is None else self.records.get(node)
            if record is None:
                return False
            node = record.source
            if node == self._state.id:
                return True
        return False  # A cycle of others.

    def best_prepared(self) -> NodeId | None:
        """The other voter within reach that has the longest log, to lead instead of us."""
        state = self._state
        fit = [
            self.records[voter]
            for voter in state.membership.voters
            if voter != state.id
            and self.in_touch(voter)
            and not state.rules.is_out_of_quorums(self.records[voter])
        ]
        best = max(fit, key=lambda record: (record.term, record.last, record.node), default=None)
        return None if best is None else best.node

    def _reachable(self) -> tuple[NodeId, ...]:
        heard, now, timeout = self._heard, self._state.now, self._timeout
        if now >= self._reachable_until:
            reachable = [node for node in self._sources if heard[node] + timeout >= now]
            self._told_reachable = tuple(reachable)
            # Those in it may be heard again meanwhile, which only makes it hold for longer.
            oldest = min((heard[node] for node in reachable), default=now)
            self._reachable_until = Nanos(oldest + timeout)
        return self._told_reachable

    def _meet_peers(self) -> None:
        before, self.peers = self.peers, frozenset(self._state.peers)
        for joined in self.peers - before:
            # It may have the name of one who left, and its counters begin anew.
            self.records.pop(joined, None)
            self._news[joined] = self._state.now
        self._order_members()

    def _order_members(self) -> None:
        """The orders in which we tell of nodes: ``_members`` of whose records, ``_sources`` of
        whom we have heard."""
        state, heard, members = self._state, self._heard, self._state.membership.members
        self._members = members if state.id in members else (*members, state.id)
        strangers = sorted(node for node in heard if node not in self.peers)
        self._sources = (*(peer for peer in state.peers if peer in heard), *strangers)
        self._reachable_until = state.now

    def _hears(self, peer: NodeId) -> bool:
        heard = self._heard.get(peer)
        if heard is None:
            return False
        return self._state.now - heard <= self._state.config.election_timeout_min_ns
