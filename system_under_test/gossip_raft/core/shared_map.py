"""What of our gossip map others are known to have, so that only the rest is sent (PROTOCOL D9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from system_under_test.gossip_raft.core.messages import (
    PEER_REPLIES,
    Digest,
    GossipRecord,
    Heartbeat,
    Message,
)
from system_under_test.gossip_raft.core.types import NodeId, RequestId

NOBODY: Final[Mapping[NodeId, GossipRecord]] = {}


class SharedMap:
    """1. A peer is known to have a record if it sent it, told its digest, or answered the
       request that brought it; that something was sent to it proves nothing.
    2. Being wrong costs bytes or time: digests are told again and again, and what a peer
       then turns out to lack is sent.
    """

    def __init__(self, records: Mapping[NodeId, GossipRecord]) -> None:
        """``records``: our map, which others change."""
        self._records = records
        self._has: dict[NodeId, dict[NodeId, GossipRecord]] = {}
        """By peer: those of our records of which it has this version or a newer one."""
        self._sent: dict[NodeId, tuple[RequestId, tuple[GossipRecord, ...]]] = {}
        self._told: dict[NodeId, dict[NodeId, int]] = {}
        """By peer that is not yet answered: which beat of whom it told."""

    def forget(self, peer: NodeId) -> None:
        """It begins a new life, with an empty map, or is no member any more."""
        self._has.pop(peer, None)
        self._sent.pop(peer, None)
        self._told.pop(peer, None)

    def hear(self, message: Message) -> None:
        """A message of a peer, in its present life; its records are merged."""
        peer, records = NodeId(message.source), self._records
        is_heartbeat = type(message.body) is Heartbeat
        if not is_heartbeat and peer not in self._sent and len(message.gossip) <= 1:
            return  # It speaks of itself alone, which it is never told.
        has = self._has.get(peer)
        if has is None:
            has = self._has[peer] = {}
        if is_heartbeat:
            told = self._told[peer] = {}
            has.clear()  # All of its map is told anew.
            for node, incarnation, counter, beat in message.digest:
                told[node] = beat
                held = records.get(node)
                if held is not None and (
                    (counter == held.counter and incarnation == held.incarnation)
                    or (incarnation, counter) > held[1:3]
                ):
                    has[node] = held
        elif peer in self._sent and type(message.body) in PEER_REPLIES:
            request, sent = self._sent[peer]
            if request == message.request:
                del self._sent[peer]
                for record in sent:
                    if records.get(record.node) is record:
                        has[record.node] = record
        for record in message.gossip:
            held = records.get(record.node)
            if held is record or (held is not None and record[1:3] >= held[1:3]):
                has[record.node] = held

    def news_for(
        self, peer: NodeId, own: GossipRecord, members: Iterable[NodeId]
    ) -> tuple[GossipRecord, ...]:
        """Our own record, and those of ``members`` that ``peer`` is not known to have."""
        has, records = self._has.get(peer, NOBODY), self._records
        news = [own]
        for node in members:
            record = records.get(node)
            if record is not None and has.get(node) is not record and node != peer:
                news.append(record)  # Our own, which is first, is told always.
        return tuple(news)

    def sent(self, peer: NodeId, request: RequestId, records: tuple[GossipRecord, ...]) -> None:
        """``request`` brings them to ``peer``, if it arrives."""
        self._sent[peer] = request, records

    def answer_to(self, peer: NodeId, digest: tuple[Digest, ...]) -> tuple[Digest, ...]:
        """Of our ``digest`` what is news to ``peer`` after its heartbeat, and what concerns it."""
        told = self._told.pop(peer, {})
        # Of another life or record the same beat may be news; another round will tell.
        news = [k for k in digest if k.beat > told.get(k.node, -1) or k.node == peer]
        return tuple(news)
