"""The way back of a node that lost its disk (PROTOCOL rule 12 and D8.6).

Such a node may have voted and reported positions, and has forgotten both; old messages
that say so may still be under way.  It takes part in no decision until

1. every other member has shown that it knows this new life: from then on none of them
   counts a record of a former one, and whoever could still win by a forgotten vote is in
   a term that we know; and
2. a leader of our term, after that, told a commit point of its term, and our log has it
   on disk: so it holds all that was committed with the help of forgotten positions.

Then it never votes in a term up to the one it is in.  (After Alagappan et al., FAST 2018.)
"""

from __future__ import annotations

from system_under_test.gossip_raft.core.gossip import Gossip
from system_under_test.gossip_raft.core.messages import Message
from system_under_test.gossip_raft.core.state import NodeState
from system_under_test.gossip_raft.core.types import LogIndex, NodeId


class Recovery:
    def __init__(self, state: NodeState, gossip: Gossip) -> None:
        self._state = state
        self._gossip = gossip
        self._know_us: set[NodeId] = set()
        self._target: LogIndex | None = None

    def hear(self, message: Message) -> None:
        """A message of a peer, whose records are merged and whose term is adopted."""
        state = self._state
        if not state.recovering:
            return
        ours = next((known for known in message.digest if known.node == state.id), None)
        if ours is None:
            return
        if ours.incarnation > state.incarnation:
            state.supersede(ours.incarnation)
            self._know_us.clear()
            self._target = None
        elif ours.incarnation == state.incarnation:
            self._know_us.add(NodeId(message.source))
            self._look_for_target(NodeId(message.source))

    def proceed(self) -> None:
        """Take part again, if that is safe now."""
        if self._target is not None and self._state.commit >= self._target:
            self._target = None
            if self._all_know_us:  # On the way to it others may have joined.
                self._state.recovered()

    @property
    def _all_know_us(self) -> bool:
        """All members that our log names, as far as we have it."""
        return self._know_us.issuperset(self._state.peers)

    def _look_for_target(self, peer: NodeId) -> None:
        state, record = self._state, self._gossip.records.get(peer)
        if self._target is not None or not self._all_know_us:
            return
        if (
            record is not None
            and state.rules.is_leader_evidence(record, state.term)
            and state.rules.knows_commit_point(record.commit, state.term)
        ):
            self._target = record.commit.index
