"""What of our gossip map others are known to have, so that only the rest is sent (PROTOCOL D9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from system_under_test.gossip_raft.core.messages import (
    PEER_REPLIES,
    Digest,
    GossipRecord,
    Heartbeat,
    Message,
)
from system_under_test.gossip_raft.core.types import NodeId, RequestId

Version: TypeAlias = GossipRecord | Digest
"""Of either its node, incarnation and counter count."""
NOTHING: Final[Mapping[NodeId, Version]] = {}


class SharedMap:
    """1. A peer is known to have a record if it sent it, told its digest, or answered the
       request that brought it; that something was sent to it proves nothing.
    2. Being wrong costs bytes or time: digests are told again and again, and what a peer
       then turns out to lack is sent.
    """

    def __init__(self, records: Mapping[NodeId, GossipRecord]) -> None:
        """``records``: our map, which others change."""
        self._records = records
        self._has: dict[NodeId, dict[NodeId, Version]] = {}
        """By peer: what it is known to have."""
        self._sent: dict[NodeId, tuple[RequestId, tuple[GossipRecord, ...]]] = {}
        self._told: dict[NodeId, dict[NodeId, Digest]] = {}
        """By peer that is not yet answered: the digest of its map."""

    def forget(self, peer: NodeId) -> None:
        """It begins a new life, with an empty map, or is no member any more."""
        self._has.pop(peer, None)
        self._sent.pop(peer, None)
        self._told.pop(peer, None)

    def hear(self, message: Message) -> None:
        """A message of a peer, in its present life."""
        peer = NodeId(message.source)
        if type(message.body) is Heartbeat:  # All of its map is told anew.
            told = self._told[peer] = {known.node: known for known in message.digest}
            self._has[peer] = dict(told)
        elif peer not in self._sent and len(message.gossip) <= 1:
            return  # It speaks of itself alone, which it is never told.
        has = self._has.setdefault(peer, {})
        sent = self._sent.get(peer)
        if sent is not None and sent[0] == message.request and type(message.body) in PEER_REPLIES:
            del self._sent[peer]
            for record in sent[1]:
                has[record.node] = record
        for record in message.gossip:
            has[record.node] = record

    def news_for(
        self, peer: NodeId, own: GossipRecord, members: Iterable[NodeId]
    ) -> tuple[GossipRecord, ...]:
        """Our own record, and those of ``members`` that ``peer`` is not known to have."""
        has, records = self._has.get(peer, NOTHING), self._records
        news = [own]
        for node in members:
            record, known = records.get(node), has.get(node)
            if record is None or record is known or node == peer:
                continue
            if known is None or known[1:3] < record[1:3]:
                news.append(record)
        return tuple(news)

    def sent(self, peer: NodeId, request: RequestId, records: tuple[GossipRecord, ...]) -> None:
        """``request`` brings them to ``peer``, if it arrives."""
        self._sent[peer] = request, records

    def answer_to(self, peer: NodeId, digest: tuple[Digest, ...]) -> tuple[Digest, ...]:
        """Of our ``digest`` what is news to ``peer`` after its heartbeat, and what concerns it."""
        told = self._told.pop(peer, NOTHING)
        news = []
        for known in digest:
            there = told.get(known.node)
            # Compared by incarnation, counter and beat, as the node is the same.
            if there is None or known.node == peer or (there is not known and known > there):
                news.append(known)
        return tuple(news)
