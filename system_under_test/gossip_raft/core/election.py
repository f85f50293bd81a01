"""Elections: time-outs, the pre-vote round, votes (Raft 5.2; Ongaro 2014, 9.6)."""

from __future__ import annotations

from system_under_test.gossip_raft.core.gossip import Gossip
from system_under_test.gossip_raft.core.messages import (
    GossipRecord,
    Message,
    RequestVote,
    TimeoutNow,
    TimeoutNowReply,
    Vote,
)
from system_under_test.gossip_raft.core.state import NodeState, Role
from system_under_test.gossip_raft.core.types import Nanos, NodeId, RequestId, Term


class Elections:
    """1. A pre-vote round changes no state but the role.
    2. A vote, our own included, counts once per node, and ours only when it is durable.
    3. Whoever promised the leader not to elect another (PROTOCOL rule 9) does not: neither
       by a vote, nor by a campaign of its own.
    4. Only news that the leader itself wrote postpones an election, never a request.
    """

    def __init__(self, state: NodeState, gossip: Gossip) -> None:
        self._state = state
        self._gossip = gossip
        self._votes: set[NodeId] = set()
        self._first_request = RequestId(0)
        self._leader_heard: Nanos | None = None
        self._promised_until = state.now
        if state.rules.may_have_promised(state.incarnation):
            self._promised_until = Nanos(state.now + state.config.election_timeout_min_ns)
        self.wake_at = state.now
        """When to campaign, unless we lead."""
        self._postpone()
        state.when_leadership_ends.append(self._postpone)

    def tick(self) -> None:
        state = self._state
        if state.leads or state.now < self.wake_at:
            return
        if state.role is Role.PRE_CANDIDATE and not state.rules.campaigns_again(
            state.log.last, self._gossip.lasts_within_reach
        ):
            state.become(Role.FOLLOWER, leader=None)
            self._postpone()
        elif not state.recovering and self._has_a_vote() and state.rules.minds_silence(state.term):
            self._campaign(transfer=False)
        else:
            self._postpone()

    def hear_of_leader(self, record: GossipRecord) -> None:
        """News, perhaps second-hand, of the node that leads or led our term."""
        state = self._state
        if state.leads:
            return
        if state.rules.is_leader_evidence(record, state.term):
            self._leader_heard = state.now
            self._postpone()
            state.become(Role.FOLLOWER, leader=record.node)
        elif record.node == state.leader and record.term == state.term:
            state.leader = None  # It stepped down.

    def on_heartbeat(self, message: Message) -> None:
        """Promise its sender not to elect another for now, if it is our leader."""
        state = self._state
        if state.rules.promises(message, state.term):
            self._promised_until = Nanos(state.now + state.config.election_timeout_min_ns)
            self.wake_at = max(self.wake_at, self._promised_until)

    def on_request_vote(self, message: Message, request: RequestVote) -> None:
        state = self._state
        candidate = NodeId(message.source)
        abstains = not self._has_a_vote() or not state.rules.may_vote(
            request.term, state.abstains, recovering=state.recovering
        )
        if abstains or state.rules.is_bound(request, state.now, self._promised_until):
            granted = False
        elif request.pre_vote:
            granted = state.rules.grants_pre_vote(
                request, state.term, state.log.last, leader_is_recent=self.leader_is_recent
            )
        else:
            granted = state.rules.grants_vote(
                request, candidate, state.term, state.vote, state.log.last
            )
            if granted:
                state.vote_for(candidate)
        if state.rules.vote_request_postpones(granted=granted and not request.pre_vote):
            self._postpone()
        answer = Vote(term=request.term, granted=granted, pre_vote=request.pre_vote)
        state.outbox.answer(candidate, message.request, answer)

    def on_vote(self, message: Message, vote: Vote) -> None:
        state = self._state
        running = {Role.PRE_CANDIDATE: Term(state.term + 1), Role.CANDIDATE: state.term}
        term = running.get(state.role)
        if term is None or vote.pre_vote != (state.role is Role.PRE_CANDIDATE):
            return
        is_of_this = state.rules.is_of_election(message.request, self._first_request)
        if is_of_this and state.rules.counts_vote(vote, term):
            self._votes.add(NodeId(message.source))
            self._count()

    def on_timeout_now(self, message: Message, asked: TimeoutNow) -> None:
        """Campaign at once, without a pre-vote: it is the leader who asks (Ongaro 2014, 3.10)."""
        state = self._state
        state.outbox.answer(message.source, message.request, TimeoutNowReply())
        is_late = state.leads or asked.term != state.term
        if not is_late and not state.recovering and self._has_a_vote():
            self._campaign(transfer=True)

    def persisted(self) -> None:
        """Our vote for ourselves is on disk, if there was one."""
        if self._state.role is Role.CANDIDATE:
            self._votes.add(self._state.id)
            self._count()

    # --- steps -----------------------------------------------------------------

    def _campaign(self, *, transfer: bool) -> None:
        if self._state.rules.asks_before_campaign(transfer=transfer):
            self._begin_pre_vote()
        else:
            self._begin_election(transfer=transfer)

    def _begin_pre_vote(self) -> None:
        state = self._state
        self._postpone()
        self._votes = {state.id}
        state.become(Role.PRE_CANDIDATE, leader=None)
        self._ask_all(RequestVote(Term(state.term + 1), state.log.last, pre_vote=True))
        self._count()

    def _begin_election(self, *, transfer: bool = False) -> None:
        state = self._state
        self._postpone()
        self._votes = set()
        state.enter_term(Term(state.term + 1), Role.CANDIDATE)
        state.vote_for(state.id)
        self._ask_all(RequestVote(state.term, state.log.last, pre_vote=False, transfer=transfer))

    def _count(self) -> None:
        state = self._state
        votes, voters = state.counted(self._votes), len(state.membership.voters)
        if not state.rules.wins_election(votes, voters):
            return
        if state.role is Role.PRE_CANDIDATE:
            if state.now >= self._promised_until:
                self._begin_election()
            return
        state.become(Role.LEADER, leader=state.id)
        # Nothing older can be committed before an entry of this term is (Raft 8).
        state.propose(session=None, commands=())
        self._gossip.broadcast()

    def _ask_all(self, request: RequestVote) -> None:
        self._first_request = self._state.outbox.next_request
        for voter in self._state.membership.voters:
            if voter != self._state.id:
                self._state.outbox.ask(voter, request)

    def _has_a_vote(self) -> bool:
        """Learners and those who were removed have none to give, to themselves either."""
        return self._state.rules.may_campaign(self._state.id, self._state.membership)

    @property
    def leader_is_recent(self) -> bool:
        state = self._state
        if state.leads:
            return True
        heard = self._leader_heard
        return heard is not None and state.now - heard < state.config.election_timeout_min_ns

    def _postpone(self) -> None:
        config = self._state.config
        timeout = self._state.rules.election_timeout(
            config.election_timeout_min_ns, config.election_timeout_max_ns, self._state.rng
        )
        self.wake_at = Nanos(self._state.now + timeout)
