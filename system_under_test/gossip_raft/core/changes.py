"""Changes of the membership, as the leader makes them: one server at a time (Ongaro 2014, 4)."""

from __future__ import annotations

from dataclasses import dataclass

from system_under_test.gossip_raft.core.gossip import Gossip
from system_under_test.gossip_raft.core.membership import with_learner, with_promoted, without
from system_under_test.gossip_raft.core.messages import (
    AddServer,
    Lost,
    Message,
    NotLeader,
    RemoveServer,
    Results,
    TimeoutNow,
    Unavailable,
)
from system_under_test.gossip_raft.core.state import NodeState, Role
from system_under_test.gossip_raft.core.types import (
    Applied,
    Entry,
    LogIndex,
    Membership,
    Nanos,
    NodeId,
    Position,
    RequestId,
    SetMembership,
)


@dataclass(frozen=True, slots=True)
class Round:
    """A learner is to get all up to ``target``, which was the leader's log at ``began``."""

    target: LogIndex
    began: Nanos


@dataclass(frozen=True, slots=True)
class Waiter:
    source: str
    request: RequestId
    position: Position


class Changes:
    """1. A change begins only when the one before is committed and the leader has committed
       an entry of its own term (PROTOCOL rule 13); so one is under way at most.
    2. A leader that was removed leads until that is committed, without counting itself.
    """

    def __init__(self, state: NodeState, gossip: Gossip) -> None:
        self._state = state
        self._gossip = gossip
        self._waiter: Waiter | None = None
        self._rounds: dict[NodeId, Round] = {}
        state.when_leadership_ends.append(self._abandon)

    def on_request(self, message: Message, request: AddServer | RemoveServer) -> None:
        state = self._state
        if not state.leads:
            state.outbox.answer(message.source, message.request, NotLeader(state.leader))
            return
        problem = self._obstacle() or self._misfit(request)
        if problem is not None:
            state.outbox.answer(message.source, message.request, Unavailable(problem))
            return
        if isinstance(request, AddServer):
            changed = with_learner(state.membership, request.node, request.address)
        else:
            changed = without(state.membership, request.node)
        position = self._propose(changed)
        self._waiter = Waiter(message.source, message.request, position)

    def proceed(self) -> None:
        """Make a voter of a learner that has caught up (Ongaro 2014, 4.2.1)."""
        state = self._state
        if not state.leads:
            return
        for learner in state.membership.learners:
            began = Round(state.log.last.index, state.now)
            current = self._rounds.setdefault(learner, began)
            record = self._gossip.records.get(learner)
            if (
                record is None
                or record.term != state.term
                or state.rules.is_out_of_quorums(record)
                or not state.log.holds(record.last)
                or record.last.index < current.target
            ):
                continue
            took = Nanos(state.now - current.began)
            caught_up = state.rules.has_caught_up(took, state.config.election_timeout_min_ns)
            if caught_up and self._obstacle() is None:
                del self._rounds[learner]
                self._propose(with_promoted(state.membership, learner))
                return
            self._rounds[learner] = began

    def applied(self, entry: Entry) -> None:
        """``entry`` is committed and applied."""
        state, waiter = self._state, self._waiter
        if waiter is not None and waiter.position == Position(entry.term, entry.index):
            self._waiter = None
            results = Results(waiter.position, (Applied(),))
            state.outbox.answer(waiter.source, waiter.request, results)
        removed = state.id not in state.membership.voters
        if state.leads and removed and entry.index == state.memberships.since:
            successor = self._gossip.best_prepared()
            if successor is not None:
                # Saves the others an election time-out.
                state.outbox.ask(successor, TimeoutNow(state.term))
            state.become(Role.FOLLOWER, leader=None)

    def _propose(self, changed: Membership) -> Position:
        entry = self._state.propose(session=None, commands=(SetMembership(changed),))
        return Position(entry.term, entry.index)

    def _obstacle(self) -> str | None:
        """Why no change may begin now, if so."""
        state = self._state
        if state.hands_over:
            return "leadership is being transferred"
        if not state.rules.change_is_over(state.memberships.since, state.commit):
            return "a change of the membership is under way"
        if not state.rules.may_change_membership(state.commit_point, state.term):
            return "the leader has not yet committed an entry of its term"
        return None

    def _misfit(self, request: AddServer | RemoveServer) -> str | None:
        """Why this change makes no sense, if so."""
        membership, node = self._state.membership, request.node
        if isinstance(request, AddServer):
            return f"{node} is a member already" if node in membership.members else None
        if node not in membership.members:
            return f"{node} is not a member"
        return f"{node} is the last voter" if membership.voters == (node,) else None

    def _abandon(self) -> None:
        self._rounds.clear()
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            lost = Lost("leadership ended before the change was committed")
            self._state.outbox.answer(waiter.source, waiter.request, lost)
