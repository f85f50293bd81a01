"""Who seems to be down (after SWIM: Das, Gupta & Motivala, DSN 2002)."""

from __future__ import annotations

from system_under_test.gossip_raft.core.config import Heartbeats
from system_under_test.gossip_raft.core.state import NodeState
from system_under_test.gossip_raft.core.types import Nanos, NodeId


class Suspicion:
    """1. A node of which nothing new was heard for long is suspected.  Then it is probed:
       by us, and by a few others on our behalf.
    2. It counts as unreachable if that brings no news of it either.
    3. Anything new of it refutes both: what it says itself, or its later life, or a greater
       count of its departures that others heard of.
    """

    def __init__(self, state: NodeState) -> None:
        self._state = state
        self._news: dict[NodeId, Nanos] = dict.fromkeys(state.peers, state.now)
        self._probed: dict[NodeId, Nanos] = {}
        self._asked: dict[NodeId, dict[NodeId, Nanos]] = {}
        """By whom we were asked to probe a node, and when."""
        self.unreachable: tuple[NodeId, ...] = ()

    @property
    def suspected(self) -> tuple[NodeId, ...]:
        return tuple(peer for peer in self._state.peers if self.suspects(peer))

    def suspects(self, peer: NodeId) -> bool:
        state = self._state
        patience = state.config.suspicion_intervals * state.config.heartbeat_interval_ns
        silent = Nanos(state.now - self._news[peer])
        return state.rules.suspects(silent, Nanos(patience))

    def note(self, node: NodeId) -> None:
        """There is news of ``node``."""
        self._news[node] = self._state.now
        if self._probed and self._probed.pop(node, None) is not None:
            self.unreachable = tuple(n for n in self.unreachable if n != node)

    def forget(self, node: NodeId) -> None:
        """It is no member any more, and not remembered either."""
        self._news.pop(node, None)

    def tick(self) -> list[tuple[NodeId, tuple[NodeId, ...]]]:
        """Look at all members; returns whom to probe now, and whom to ask to do so as well."""
        state, config = self._state, self._state.config
        suspected = self.suspected
        if not suspected and not self.unreachable:
            return []
        for peer in tuple(self._probed):
            if peer not in suspected:
                del self._probed[peer]  # It is no member any more.
        probes = 0 if config.heartbeats is Heartbeats.PLAIN else config.indirect_probes
        others = [peer for peer in state.peers if peer not in suspected]
        unreachable: list[NodeId] = []
        due: list[tuple[NodeId, tuple[NodeId, ...]]] = []
        for peer in suspected:
            probed = self._probed.setdefault(peer, state.now)
            waited = Nanos(state.now - probed)
            if not probes or state.rules.is_unreachable(waited, config.request_timeout_ns):
                unreachable.append(peer)
            elif probed == state.now:
                due.append((peer, tuple(state.rng.sample(others, min(probes, len(others))))))
        self.unreachable = tuple(unreachable)
        return due

    # --- on behalf of others -----------------------------------------------------

    def asked_to_probe(self, node: NodeId, asker: NodeId) -> bool:
        """Whether to do so."""
        if node not in self._state.peers or node == asker:
            return False
        self._asked.setdefault(node, {})[asker] = self._state.now
        return True

    def askers_after(self, node: NodeId) -> tuple[NodeId, ...]:
        """``node`` has spoken to us: who wants to know that."""
        if not self._asked:
            return ()
        state = self._state
        since = state.now - state.config.request_timeout_ns
        asked = self._asked.pop(node, {})
        return tuple(asker for asker, at in asked.items() if at >= since)
