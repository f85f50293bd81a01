"""Leadership handed over by decision (Ongaro 2014, 3.10)."""

from __future__ import annotations

from dataclasses import dataclass

from system_under_test.gossip_raft.core.gossip import Gossip
from system_under_test.gossip_raft.core.lease import Lease
from system_under_test.gossip_raft.core.messages import (
    Lost,
    Message,
    NotLeader,
    Results,
    TimeoutNow,
    TransferLeadership,
    Unavailable,
)
from system_under_test.gossip_raft.core.state import NodeState
from system_under_test.gossip_raft.core.types import NEVER, Applied, Nanos, NodeId, RequestId


@dataclass(slots=True)
class Handover:
    source: str
    request: RequestId
    target: NodeId
    asked: bool = False


class Transfer:
    """1. While it is under way the leader begins no writes and no changes.
    2. The target is asked once, when its log is as long as the leader's.
    3. After an election time-out the leader, if it still is, resumes.
    """

    def __init__(self, state: NodeState, gossip: Gossip, lease: Lease) -> None:
        self._state = state
        self._gossip = gossip
        self._lease = lease
        self.handover: Handover | None = None
        """While there is one, there may be something to ``proceed`` with."""
        self.wake_at = NEVER
        """When the handover under way is given up."""
        state.when_leadership_ends.append(self._resume)

    def on_request(self, message: Message, request: TransferLeadership) -> None:
        state = self._state
        if not state.leads:
            state.outbox.answer(message.source, message.request, NotLeader(state.leader))
            return
        target = self._gossip.best_prepared() if request.target is None else request.target
        problem = self._problem(target)
        if target is None or problem is not None:
            refusal = Unavailable(problem or "there is nobody to lead instead")
            state.outbox.answer(message.source, message.request, refusal)
            return
        deadline = Nanos(state.now + state.config.election_timeout_min_ns)
        self.handover = Handover(message.source, message.request, target)
        self.wake_at = deadline
        state.hands_over = True

    def proceed(self) -> None:
        """Ask the target as soon as it is ready; tell who waits as soon as it leads."""
        state, handover = self._state, self.handover
        if handover is None:
            return
        if not state.leads:
            if state.leader == handover.target:
                self._end(Results(state.log.last, (Applied(),)))
            elif state.leader is not None:
                self._end(Unavailable(f"{state.leader} leads instead"))
        elif not handover.asked:
            record = self._gossip.records.get(handover.target)
            if state.rules.may_take_over(record, state.log.last, state.term):
                handover.asked = True
                self._lease.give_up()
                state.outbox.ask(handover.target, TimeoutNow(state.term))

    def tick(self) -> None:
        handover = self.handover
        if handover is None or self._state.now < self.wake_at:
            return
        if handover.asked:
            self._end(Lost(f"{handover.target} was asked to lead and is not heard to"))
        else:
            self._end(Unavailable(f"{handover.target} did not catch up in time"))

    def _problem(self, target: NodeId | None) -> str | None:
        state = self._state
        if self.handover is not None:
            return f"leadership is being transferred to {self.handover.target}"
        if target == state.id:
            return f"{target} leads already"
        if target is not None and target not in state.membership.voters:
            return f"{target} is not a voter"
        return None

    def _end(self, answer: Results | Lost | Unavailable) -> None:
        handover, self.handover = self.handover, None
        assert handover is not None
        self.wake_at = NEVER
        self._resume()
        self._state.outbox.answer(handover.source, handover.request, answer)

    def _resume(self) -> None:
        self._state.hands_over = False
