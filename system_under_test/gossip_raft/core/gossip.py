"""The gossip map: what every node says of itself, as far as it got around (PROTOCOL 3, D8)."""

from __future__ import annotations

from collections import deque
from typing import Final

from system_under_test.gossip_raft.core.config import Heartbeats
from system_under_test.gossip_raft.core.messages import (
    BETWEEN_NODES,
    HEARTBEAT,
    PEER_REPLIES,
    Body,
    Digest,
    GossipRecord,
    Heartbeat,
    HeartbeatReply,
    Message,
)
from system_under_test.gossip_raft.core.round_trips import RoundTrips
from system_under_test.gossip_raft.core.shared_map import SharedMap
from system_under_test.gossip_raft.core.state import NodeState
from system_under_test.gossip_raft.core.suspicion import Suspicion
from system_under_test.gossip_raft.core.types import Nanos, NodeId, Position, RequestId, Term

STRANGERS_MAX: Final = 32
"""Nodes that are no members and are remembered all the same."""


class Gossip:
    """1. Others' records are replaced as a whole and never edited.
    2. Freshness is the local time of a direct message, or of a growth that only the owner
       can have caused: of its record's counter, or of its count of departures under just
       that record.  No clock reading crosses a link.
    3. Only what the target is not known to have is sent; digests bring the rest to light.
    """

    def __init__(self, state: NodeState) -> None:
        self._state = state
        self.records: dict[NodeId, GossipRecord] = {}
        self.suspicion = Suspicion(state)
        self.round_trips = RoundTrips()
        self.peers = frozenset(state.peers)
        self.wake_at = state.now
        self._shared = SharedMap(self.records)
        self._heard: dict[NodeId, Nanos] = {}
        self._hears_us: dict[NodeId, bool] = {}
        """What its last message to us said."""
        self._digests: dict[NodeId, Digest] = {}
        """Of each record of others that we have, with the greatest beat that was told of it."""
        self.news = 0
        """How often the records of others or the round trips to them have changed."""
        self._counter = self._beat = 0
        self._said: tuple[object, ...] = ()
        """What our own record says, without its counter."""
        self._own_digest: tuple[Digest, ...] = ()
        self._whole: tuple[Digest, ...] | None = None
        """Of the whole map, at the departure that is prepared."""
        self._turn: list[NodeId] = []
        self._rounds: deque[tuple[RequestId, Nanos, Term | None]] = deque()
        self._timeout = state.config.election_timeout_min_ns
        self._is_plain = state.config.heartbeats is Heartbeats.PLAIN
        self._retelling_is_news = state.rules.retelling_is_news()
        self._order_members()
        state.when_membership_changes.append(self._meet_peers)

    # --- in --------------------------------------------------------------------

    def has_room_for(self, stranger: NodeId) -> bool:
        """Whether it is remembered, or may be; those that fell silent make room."""
        strangers = [node for node in self._heard if node not in self.peers]
        if stranger in strangers or self._state.rules.has_room(len(strangers), STRANGERS_MAX):
            return True
        silent = [node for node in strangers if not self.hears(node)]
        for node in silent:
            del self._heard[node]
            self.suspicion.forget(node)
            self._forget_record(node)
        return bool(silent)

    def hear(self, message: Message) -> list[tuple[GossipRecord | None, GossipRecord]]:
        """Merge the map of a peer's message; returns of whom there is news, as (old, new):
        what changed, and who stands by it as a leader."""
        state, records, source = self._state, self.records, NodeId(message.source)
        self._heard[source] = state.now
        self.suspicion.note(source)
        changed: list[tuple[GossipRecord | None, GossipRecord]] = []
        is_of_this_life = True
        for new in message.gossip:
            node = new.node
            old = records.get(node)
            if new is old or node == state.id or not (node in self.peers or node == source):
                continue  # Of ourselves nobody knows better; of strangers only their own word.
            merged = new if old is None else state.rules.merge_records(old, new)
            if merged is old:
                is_of_this_life &= node != source or new.incarnation == merged.incarnation
                continue
            beat = 0
            if old is not None and old.incarnation == merged.incarnation:
                beat = self._digests[node].beat
            elif old is not None:
                self._shared.forget(node)
            records[node] = merged
            self.news += 1
            self._digests[node] = Digest(node, merged.incarnation, merged.counter, beat)
            self.suspicion.note(node)
            changed.append((old, merged))
            if state.id in merged.unreachable:
                self.beat_to((node,))  # It is wrong, and hears so from us.
        if is_of_this_life:
            self._hears_us[source] = message.hears
            self._shared.hear(message)
        self._hear_digests(source, message.digest, changed)
        asked = self.suspicion.askers_after(source)
        if asked:
            self.beat_to(asked)
        return changed

    def _hear_digests(
        self,
        source: NodeId,
        digest: tuple[Digest, ...],
        changed: list[tuple[GossipRecord | None, GossipRecord]],
    ) -> None:
        """Signs of life, if they are of the very records that we have."""
        digests, retold = self._digests, self._retelling_is_news
        for known in digest:
            node = known.node
            held = digests.get(node)
            if held is None or (held is known and not retold) or node == self._state.id:
                continue
            if held.counter != known.counter or held.incarnation != known.incarnation:
                continue
            if known.beat > held.beat or retold:
                digests[node] = max(known, held)
                if node != source:
                    self.suspicion.note(node)
                record = self.records[node]
                if record.leader == node and not any(new is record for _, new in changed):
                    changed.append((record, record))

    def on_heartbeat(self, message: Message, heartbeat: Heartbeat) -> None:
        probe = heartbeat.probe
        if probe is not None and self.suspicion.asked_to_probe(probe, NodeId(message.source)):
            self.beat_to((probe,))

    def on_heartbeat_reply(self, message: Message) -> None:
        for first, sent, _ in reversed(self._rounds):
            if first <= message.request:
                self.round_trips.add(NodeId(message.source), Nanos(self._state.now - sent))
                self.news += 1
                return

    # --- out -------------------------------------------------------------------

    def tick(self, silent: tuple[NodeId, ...]) -> None:
        """``silent``: whom to ask in any case."""
        state = self._state
        if state.now < self.wake_at:
            return
        self.wake_at = Nanos(state.now + state.config.heartbeat_interval_ns)
        if self._is_plain:
            # Who lost its disk must hear from everybody, so it asks everybody (D8.6).
            peers = state.peers if state.leads or state.recovering else ()
        else:
            peers = self._next_in_turn()
            peers += tuple(peer for peer in silent if peer not in peers)
        self.beat_to(peers)
        for node, helpers in self.suspicion.tick():
            if node not in peers:
                self.beat_to((node,))
            self.beat_to(helpers, Heartbeat(node))

    def broadcast(self) -> RequestId:
        """A heartbeat to every peer now; returns the number of the first."""
        return self.beat_to(self._state.peers)

    def beat_to(self, peers: tuple[NodeId, ...], heartbeat: Heartbeat = HEARTBEAT) -> RequestId:
        """A heartbeat to each of ``peers`` now; returns the number of the first."""
        state, rounds = self._state, self._rounds
        first = state.outbox.next_request
        rounds.append((first, state.now, state.term if state.leads else None))
        while rounds[0][1] < state.now - self._timeout:
            rounds.popleft()
        for peer in peers:
            state.outbox.ask(peer, heartbeat)
        return first

    def sent_at(self, request: RequestId) -> Nanos | None:
        """A time before which the heartbeat ``request`` was not sent; ``None`` if we did not
        send it as the leader of this term, or too long ago to matter."""
        for first, sent, term in reversed(self._rounds):
            if first <= request:
                return sent if term == self._state.term else None
        return None

    def _next_in_turn(self) -> tuple[NodeId, ...]:
        """All in a random order before anybody again: so everybody is met in bounded time
        (SWIM, 4.3)."""
        state = self._state
        fanout = state.config.fanout
        if len(state.peers) <= fanout:
            return state.peers
        chosen: list[NodeId] = []
        while len(chosen) < fanout:
            if not self._turn:
                self._turn = state.rng.sample(state.peers, len(state.peers))
            peer = self._turn.pop()
            if peer in self.peers and peer not in chosen:
                chosen.append(peer)
        return tuple(chosen)

    def depart(self, source: NodeId | None) -> None:
        """Messages are about to leave: say how we stand now; ``source`` is whom we pull from.

        The log's end is stated as durable: it leaves after the persist of the same Ready.
        """
        state = self._state
        self._beat += 1
        self._whole = None
        said = (
            state.term,
            state.leader,
            state.log.last,
            state.commit_point_at_departure,
            source,
            self.suspicion.unreachable,
            state.recovering,
        )
        if said != self._said or self.records[state.id].incarnation != state.incarnation:
            self._said = said
            self._counter += 1
            self.records[state.id] = GossipRecord(state.id, state.incarnation, self._counter, *said)
        self._own_digest = (Digest(state.id, state.incarnation, self._counter, self._beat),)

    def envelope(self, target: NodeId, request: RequestId, body: Body) -> Message:
        """What leaves for a node, after ``depart``.  With plain heartbeats it says nothing of
        others, but for an answer of whoever asked."""
        state = self._state
        own = self.records[state.id]
        records: tuple[GossipRecord, ...] = (own,)
        digest = self._own_digest
        if not self._is_plain:
            records = self._shared.news_for(target, own, self._others)
            if len(records) > 1 and type(body) not in PEER_REPLIES and type(body) in BETWEEN_NODES:
                self._shared.sent(target, request, records)
            if type(body) is Heartbeat:
                digest = self._whole_digest()
            elif type(body) is HeartbeatReply:
                digest = self._shared.answer_to(target, self._whole_digest())
        elif type(body) is HeartbeatReply and target in self._digests:
            digest = (*digest, self._digests[target])
        heard = self._heard.get(target)
        hears = heard is not None and state.now - heard <= self._timeout
        return Message(state.id, target, request, state.term, records, body, digest, hears)

    def _whole_digest(self) -> tuple[Digest, ...]:
        """Of the map, our own first."""
        if self._whole is None:
            others = filter(None, map(self._digests.get, self._others))
            self._whole = (*self._own_digest, *others)
        return self._whole

    def known(self) -> tuple[GossipRecord, ...]:
        """The map in the members' order; strangers are not passed on."""
        return tuple(filter(None, map(self.records.get, self._members)))

    # --- questions -------------------------------------------------------------

    def hears(self, node: NodeId) -> bool:
        """Its last message to us came within an election time-out."""
        heard = self._heard.get(node)
        return heard is not None and self._state.now - heard <= self._timeout

    def in_touch(self, peer: NodeId) -> bool:
        """We heard it lately, and it says that it hears us."""
        return self._hears_us.get(peer, False) and peer in self.records and self.hears(peer)

    @property
    def reachable(self) -> tuple[NodeId, ...]:
        """Whom we heard within an election time-out, or twice the time in which gossip meets
        everybody, if that is longer."""
        state, config = self._state, self._state.config
        rounds = 2 * -(-len(state.peers) // config.fanout)
        since = state.now - max(self._timeout, rounds * config.heartbeat_interval_ns)
        heard = ((peer, self._heard.get(peer)) for peer in state.peers)
        return tuple(peer for peer, at in heard if at is not None and at >= since)

    def is_unreachable(self, peer: NodeId) -> bool:
        return peer in self.suspicion.unreachable

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

    def _meet_peers(self) -> None:
        before, self.peers = self.peers, frozenset(self._state.peers)
        for joined in self.peers - before:
            # It may have the name of one who left, and its counters begin anew.
            self._forget_record(joined)
            self.suspicion.note(joined)
        self._order_members()

    def _forget_record(self, node: NodeId) -> None:
        self.records.pop(node, None)
        self._digests.pop(node, None)
        self._shared.forget(node)

    def _order_members(self) -> None:
        """The order in which we tell of nodes, with ourselves and without."""
        state, members = self._state, self._state.membership.members
        self._members = members if state.id in members else (*members, state.id)
        self._others = tuple(member for member in members if member != state.id)
