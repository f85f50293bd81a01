"""The leader's end of a lease (Ongaro 2014, 6.4.1): when reads need no confirmation round.

The followers' end is a promise, in ``Elections``: whoever hears the leader's heartbeat
directly gives nobody else a vote for ``election_timeout_min_ns`` on its own clock.
"""

from __future__ import annotations

from system_under_test.gossip_raft.core.gossip import Gossip
from system_under_test.gossip_raft.core.messages import Message
from system_under_test.gossip_raft.core.state import NodeState
from system_under_test.gossip_raft.core.types import Nanos, NodeId


class Lease:
    """1. It is held while a majority is bound by its promise, if no clock gains on another
       by more than ``clock_drift_max_ppm``.
    2. A promise counts from when the heartbeat that it answers was sent: the follower
       made it later than that.
    3. Once given up it is not held again in that term.
    """

    def __init__(self, state: NodeState, gossip: Gossip) -> None:
        self._state = state
        self._gossip = gossip
        self._promised: dict[NodeId, Nanos] = {}
        self._given_up = False
        state.when_leadership_ends.append(self._end)

    def on_heartbeat_reply(self, message: Message) -> None:
        """The leader's heartbeat was answered by a peer in its term."""
        peer, sent = NodeId(message.source), self._gossip.sent_at(message.request)
        if sent is not None:
            self._promised[peer] = max(self._promised.get(peer, sent), sent)

    def give_up(self) -> None:
        """Before anybody is asked to campaign on our behalf: such a candidate releases the
        voters from their promise, and its requests may come at any later time."""
        self._given_up = True

    @property
    def is_held(self) -> bool:
        state = self._state
        rules, config = state.rules, state.config
        at = rules.lease_is_judged_at(state.now, state.ticked)
        length = rules.lease_length(config.election_timeout_min_ns, config.clock_drift_max_ppm)
        bound = [peer for peer, start in self._promised.items() if at < start + length]
        count, voters = state.counted((*bound, state.id)), len(state.membership.voters)
        return not self._given_up and rules.confirms_leadership(count, voters)

    def _end(self) -> None:
        self._promised.clear()
        self._given_up = False
