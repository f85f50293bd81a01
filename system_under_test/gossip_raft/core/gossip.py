"""The gossip map: what every node says of itself, as far as it got around (PROTOCOL 3, D8)."""

from __future__ import annotations

from system_under_test.gossip_raft.core.messages import GossipRecord, Heartbeat, Message
from system_under_test.gossip_raft.core.state import NodeState
from system_under_test.gossip_raft.core.types import Nanos, NodeId, RequestId


class Gossip:
    """1. Others' records are replaced as a whole and never edited.
    2. Freshness is the local time of a direct message or of a counter's increase; no
       clock reading crosses a link.
    """

    def __init__(self, state: NodeState) -> None:
        self._state = state
        self._heard: dict[NodeId, Nanos] = {}
        self._counter = 0
        self._heartbeat_due = state.now
        self.records: dict[NodeId, GossipRecord] = {}
        self._peers = frozenset(state.peers)
        state.when_membership_changes.append(self._meet_peers)

    @property
    def wake_at(self) -> Nanos:
        return self._heartbeat_due

    # --- in --------------------------------------------------------------------

    def is_peer(self, source: str) -> bool:
        return source in self._peers

    def hear(self, message: Message) -> list[tuple[GossipRecord | None, GossipRecord]]:
        """Merge the map of a peer's message; returns what changed, as (old, new)."""
        self._heard[NodeId(message.source)] = self._state.now
        changed: list[tuple[GossipRecord | None, GossipRecord]] = []
        for new in message.gossip:
            if new.node == self._state.id or not (
                self.is_peer(new.node) or new.node == message.source
            ):
                continue  # Of ourselves nobody knows better; of strangers only their own word.
            old = self.records.get(new.node)
            merged = new if old is None else self._state.rules.merge_records(old, new)
            if merged is not old:
                self.records[new.node] = merged
                changed.append((old, merged))
        return changed

    # --- out -------------------------------------------------------------------

    def tick(self) -> None:
        state = self._state
        if state.now < self._heartbeat_due:
            return
        self._heartbeat_due = Nanos(state.now + state.config.heartbeat_interval_ns)
        peers = state.peers
        if len(peers) > state.config.fanout:
            peers = tuple(state.rng.sample(peers, state.config.fanout))
        for peer in peers:
            state.outbox.ask(peer, Heartbeat())

    def broadcast(self) -> RequestId:
        """A heartbeat to every peer now; returns the number of the first."""
        first = self._state.outbox.next_request
        for peer in self._state.peers:
            self._state.outbox.ask(peer, Heartbeat())
        return first

    def stamp(self, source: NodeId | None) -> tuple[GossipRecord, ...]:
        """The map as it leaves, with a new record of our own; ``source`` is whom we pull from.

        The log's end is stated as durable: it leaves after the persist of the same Ready.
        """
        state = self._state
        self._counter += 1
        self.records[state.id] = GossipRecord(
            node=state.id,
            incarnation=state.incarnation,
            counter=self._counter,
            term=state.term,
            leader=state.leader,
            last=state.log.last,
            commit=state.commit_point_at_departure,
            source=source,
            reachable=self._reachable(),
        )
        return self.known()

    def known(self) -> tuple[GossipRecord, ...]:
        """The map in the members' order; strangers are not passed on."""
        records, members = self.records, self._state.membership.members
        if self._state.id not in members:
            members = (*members, self._state.id)
        return tuple(records[m] for m in members if m in records)

    # --- questions -------------------------------------------------------------

    def in_touch(self, peer: NodeId) -> bool:
        """We heard it lately, and it says that it hears us."""
        record = self.records.get(peer)
        return record is not None and self._state.id in record.reachable and self._hears(peer)

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
            if voter != state.id and self.in_touch(voter)
        ]
        best = max(fit, key=lambda record: (record.term, record.last, record.node), default=None)
        return None if best is None else best.node

    def _reachable(self) -> tuple[NodeId, ...]:
        peers = self._state.peers
        strangers = sorted(node for node in self._heard if node not in peers)
        return tuple(node for node in (*peers, *strangers) if self._hears(node))

    def _meet_peers(self) -> None:
        before, self._peers = self._peers, frozenset(self._state.peers)
        for joined in self._peers - before:
            # It may have the name of one who left, and its counters begin anew.
            self.records.pop(joined, None)

    def _hears(self, peer: NodeId) -> bool:
        heard = self._heard.get(peer)
        if heard is None:
            return False
        return self._state.now - heard <= self._state.config.election_timeout_min_ns
