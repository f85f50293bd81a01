"""Bugs in terms, votes and elections."""

from __future__ import annotations

import random

from system_under_test.gossip_raft.core.messages import (
    GossipRecord,
    Message,
    PeerReply,
    RequestVote,
    Vote,
)
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    InvariantViolation,
    Nanos,
    NodeId,
    Position,
    RequestId,
    Term,
)
from system_under_test.gossip_raft.mutants.mutant import Mutant, Need


class VotesForAnyLog(Rules):
    """Gives its vote whatever the candidate's log ends with.

    Mechanism: the comparison of Raft 5.4.1 is left out, so a node that lags, or came back
    empty, is elected and the others roll back to it.  Seen: S01 (the original
    implementation).  Needs: a follower that lags, and an election.  Revealed by: leader
    completeness; lost writes.
    """

    def log_is_up_to_date(self, candidate_last: Position, own_last: Position) -> bool:
        del candidate_last, own_last
        return True


class ComparesLogsByIndex(Rules):
    """Takes the longer log for the newer one.

    Mechanism: the last index is compared and the last term is not, so a long tail that was
    never committed beats a short committed one.  Seen: M08 (model checking).  Needs: a
    deposed leader with a longer tail, and an election.  Revealed by: leader completeness.
    """

    def log_is_up_to_date(self, candidate_last: Position, own_last: Position) -> bool:
        return candidate_last.index >= own_last.index


class ObeysLowerTerms(Rules):
    """Follows whoever announces itself as the leader, also of a term that is over.

    Mechanism: an announcement is obeyed unseen, and its term adopted, although it is lower.
    Seen: S07 (the original implementation).  Needs: a leader that was cut off when the next
    one was elected.  Revealed by: terms that go back; two leaders.
    """

    def highest_term_seen(self, message: Message) -> Term:
        announced = _announced_term(message)
        return super().highest_term_seen(message) if announced is None else announced

    def adopts_term(self, message: Message, seen: Term, term: Term) -> bool:
        if _announced_term(message) is not None:
            return seen != term
        return super().adopts_term(message, seen, term)


def _announced_term(message: Message) -> Term | None:
    own = (r for r in message.gossip if r.node == message.source and r.leader == r.node)
    return next((record.term for record in own), None)


class VotesTwice(Rules):
    """Gives its vote to everybody who asks in its term.

    Mechanism: a vote given, the candidate's own included, is not looked at again.  Seen:
    S08 (the original implementation: a candidate did not record its own).  Needs: two
    candidates in one term.  Revealed by: two votes, and two leaders, in one term.
    """

    def grants_vote(
        self,
        request: RequestVote,
        candidate: NodeId,
        term: Term,
        vote: NodeId | None,
        last: Position,
    ) -> bool:
        del candidate, vote
        return request.term == term and self.log_is_up_to_date(request.last, last)


class CountsStaleVotes(Rules):
    """Counts every vote that comes in, whatever election it was given in.

    Mechanism: neither the term of an answer nor the request it belongs to is compared with
    the election under way.  Seen: S09 (the original implementation, where a candidate's
    term changed under a running election), R14.  Needs: delayed answers, and two elections
    of the same candidate.  Revealed by: a leader that no majority elected.
    """

    def is_of_election(self, request: RequestId, first: RequestId) -> bool:
        del request, first
        return True

    def counts_vote(self, vote: Vote, term: Term) -> bool:
        del term
        return vote.granted


class KeepsLeading(Rules):
    """Goes on leading after it has given another candidate its vote.

    Mechanism: the new term is adopted and the role is not given up, so the old leader
    appends entries of a term that another was elected in.  Seen: S10 (the original
    implementation).  Needs: a candidate that the leader hears.  Revealed by: log matching;
    commits of a node that was not elected in the term.
    """

    def steps_down(self, message: Message, *, leads: bool) -> bool:
        return not (leads and isinstance(message.body, RequestVote))


class IgnoresTermsOfAnswers(Rules):
    """Never looks at the term of an answer.

    Mechanism: answers carry no term, so a deposed leader takes the answers to its
    heartbeats for the agreement of its followers, who are in another term by now.  Seen:
    S11 (the original implementation).  Needs: requests to the old leader lost while its own
    are answered.  Revealed by: stale reads.
    """

    def highest_term_seen(self, message: Message) -> Term:
        if isinstance(message.body, PeerReply):
            return Term(0)
        return super().highest_term_seen(message)

    def is_confirmation(self, answer: Message, term: Term) -> bool:
        del answer, term
        return True


class NeverElectsAgain(Rules):
    """Elects once, at the beginning, and never again.

    Mechanism: nobody watches the leader after the first election.  Seen: S23 (the original
    implementation).  Needs: the leader crashes or is cut off.  Revealed by: no leader.
    """

    def minds_silence(self, term: Term) -> bool:
        return term == 0


class WaitsForAll(Rules):
    """Takes an election for won only when every node has voted.

    Mechanism: all votes are awaited where a majority would do.  Seen: S24 (the original
    implementation, also at its start).  Needs: one node down.  Revealed by: no leader.
    """

    def wins_election(self, votes: int, members: int) -> bool:
        return votes == members


class CrashesWithoutLeader(Rules):
    """Dies of a client's request when it knows no leader.

    Mechanism: the handler takes for granted that there is somebody to name.  Seen: S27 (the
    original implementation).  Needs: a request during an election.  Revealed by: the node
    stops.
    """

    def leader_hint(self, leader: NodeId | None) -> NodeId | None:
        if leader is None:
            raise InvariantViolation("no leader to name")
        return leader


class QuorumOffByOne(Rules):
    """Takes half of the nodes for a majority.

    Mechanism: rounding down, or a configuration that names fewer nodes than there are, so
    two quorums need not share a node.  Seen: M10 (model checking), S33 (the original
    implementation's configuration).  Needs: a partition.  Revealed by: two leaders in a
    term; commits without a majority.
    """

    def quorum_size(self, members: int) -> int:
        return max(1, members // 2)


class BelievesOldNews(Rules):
    """Takes an old record that is told again for a sign of life.

    Mechanism: every mention of the leader postpones the election, not only a newer record,
    so nodes that gossip of a dead leader keep each other waiting.  Seen: M16.  Needs: the
    leader crashes.  Revealed by: no leader.
    """

    def retelling_is_news(self) -> bool:
        return True


class WaitsForFormerLeader(Rules):
    """Lets the word of a leader of an earlier term postpone an election.

    Mechanism: that somebody leads is looked at, the term is not.  Seen: M22 (butane oracles
    pull request 32).  Needs: a leader that was deposed without hearing of it and is still
    heard, and whoever was elected after it gone.  Revealed by: no leader for longer than
    time-outs allow.
    """

    def is_leader_evidence(self, record: GossipRecord, term: Term) -> bool:
        return record.term <= term and record.leader == record.node


class NoCheckQuorum(Rules):
    """Leads on without hearing from a majority.

    Mechanism: a leader steps down for a higher term only, which does not reach it.  Seen:
    R15 (Howard & Abraham 2020 describe the outages that follow).  Needs: a leader cut off.
    Revealed by: a leader without followers that takes requests and answers none.
    """

    def keeps_leading(self, contacts: int, members: int) -> bool:
        del contacts, members
        return True


class NoPreVote(Rules):
    """Raises its term and campaigns at once when its time-out is over.

    Mechanism: the round that asks whether an election has a chance is left out, so a node
    that was cut off comes back with a higher term and deposes a leader in good health.
    Seen: R16 (Ongaro 2014, 9.6; etcd issue 9333).  Needs: a node cut off for a while.
    Revealed by: needless elections.
    """

    def asks_before_campaign(self, *, transfer: bool) -> bool:
        del transfer
        return False


class AnyRequestPostpones(Rules):
    """Waits anew whenever anybody asks for a vote, given or not.

    Mechanism: the request itself is taken for a sign that somebody will lead.  Seen: R17.
    Needs: a candidate that cannot win but asks again and again.  Revealed by: no leader.
    """

    def vote_request_postpones(self, *, granted: bool) -> bool:
        del granted
        return True


class SameTimeout(Rules):
    """Waits equally long on every node before it campaigns.

    Mechanism: no chance in the election time-out, so nodes that begin together divide the
    votes again and again.  Seen: R18 (Raft 5.2 says why it is drawn).  Needs: nodes that
    start at the same time.  Revealed by: no leader.
    """

    def election_timeout(self, shortest: Nanos, longest: Nanos, rng: random.Random) -> Nanos:
        del longest, rng
        return shortest


MUTANTS = (
    Mutant(
        name="vote-ignores-log",
        ids=("S01",),
        summary="A node votes for candidates whose log is behind its own.",
        breaks=("leader completeness", "durability"),
        needs=(Need.ELECTION, Need.PARTITION),
        revealed_by=(
            "leader completeness",
            "acknowledged entries are kept",
            "in-node assertion",
        ),
        rules=VotesForAnyLog,
    ),
    Mutant(
        name="index-only-vote",
        ids=("M08",),
        summary="Of two logs the longer one counts as newer, whatever its last term.",
        breaks=("leader completeness", "durability"),
        needs=(
            Need.ELECTION,
            Need.FLAPPING,
            Need.DELAY,
        ),
        revealed_by=("leader completeness",),
        rules=ComparesLogsByIndex,
    ),
    Mutant(
        name="obeys-lower-term",
        ids=("S07",),
        summary="A node follows a leader of a lower term, and goes back to that term.",
        breaks=("terms never go back", "election safety"),
        needs=(Need.ELECTION, Need.PARTITION),
        revealed_by=("terms never go back",),
        rules=ObeysLowerTerms,
    ),
    Mutant(
        name="votes-twice",
        ids=("S08",),
        summary="A node votes for every candidate of its term, also when it is one itself.",
        breaks=("one vote a term", "election safety"),
        needs=(Need.ELECTION,),
        revealed_by=(
            "election safety",
            "one vote a term",
            "durable before acknowledged",
        ),
        rules=VotesTwice,
    ),
    Mutant(
        name="stale-votes",
        ids=("S09", "R14"),
        summary="Votes given in an earlier election count in the one under way.",
        breaks=("election safety",),
        needs=(
            Need.ELECTION,
            Need.STRAGGLING,
        ),
        revealed_by=("elected by a majority",),
        rules=CountsStaleVotes,
    ),
    Mutant(
        name="keeps-leading",
        ids=("S10",),
        summary="A leader adopts a candidate's higher term and goes on leading.",
        breaks=("election safety", "log matching"),
        needs=(Need.ELECTION,),
        revealed_by=("log matching",),
        rules=KeepsLeading,
    ),
    Mutant(
        name="answers-without-term",
        ids=("S11",),
        summary="A leader counts answers of nodes that are in a later term already.",
        breaks=("linearizability",),
        needs=(
            Need.READS,
            Need.ELECTION,
            Need.STRAGGLING,
        ),
        revealed_by=("linearizability",),
        random=False,
        rules=IgnoresTermsOfAnswers,
    ),
    Mutant(
        name="no-second-election",
        ids=("S23",),
        summary="After the first election nobody watches the leader.",
        breaks=("liveness",),
        needs=(Need.CRASH, Need.PEACE),
        revealed_by=("claim",),
        rules=NeverElectsAgain,
    ),
    Mutant(
        name="waits-for-all",
        ids=("S24",),
        summary="An election is won only with the votes of all nodes.",
        breaks=("liveness",),
        needs=(Need.CRASH, Need.PEACE),
        revealed_by=("claim",),
        rules=WaitsForAll,
    ),
    Mutant(
        name="crashes-without-leader",
        ids=("S27",),
        summary="A client's request during an election stops the node.",
        breaks=("liveness",),
        needs=(Need.ELECTION,),
        revealed_by=(
            "in-node assertion",
            "claim",
        ),
        rules=CrashesWithoutLeader,
    ),
    Mutant(
        name="quorum-off-by-one",
        ids=("M10", "S33"),
        summary="Half of the nodes are taken for a majority.",
        breaks=("election safety", "leader completeness"),
        needs=(Need.PARTITION,),
        revealed_by=(
            "leader completeness",
            "state-machine safety",
            "commit rule",
            "one committed log",
            "acknowledged entries are kept",
        ),
        rules=QuorumOffByOne,
    ),
    Mutant(
        name="old-news-postpones",
        ids=("M16",),
        summary="Old gossip of a dead leader, told again, postpones the election.",
        breaks=("liveness",),
        needs=(Need.CRASH, Need.PEACE),
        revealed_by=("claim",),
        rules=BelievesOldNews,
    ),
    Mutant(
        name="former-leader-postpones",
        ids=("M22",),
        summary="The word of a leader of an earlier term postpones an election.",
        breaks=("liveness",),
        needs=(Need.ELECTION, Need.ONE_WAY_PARTITION, Need.CRASH, Need.PEACE),
        nodes_min=5,
        revealed_by=("claim",),
        random=False,
        rules=WaitsForFormerLeader,
    ),
    Mutant(
        name="no-check-quorum",
        ids=("R15",),
        summary="A leader that hears from no majority goes on leading.",
        breaks=("liveness",),
        needs=(Need.PARTITION, Need.PEACE),
        revealed_by=("claim",),
        rules=NoCheckQuorum,
    ),
    Mutant(
        name="no-pre-vote",
        ids=("R16",),
        summary="A node raises its term for an election that it cannot win.",
        breaks=("liveness",),
        needs=(Need.PARTITION, Need.PEACE),
        revealed_by=("claim",),
        rules=NoPreVote,
    ),
    Mutant(
        name="any-request-postpones",
        ids=("R17",),
        summary="A request for a vote that is refused postpones an election.",
        breaks=("liveness",),
        needs=(Need.CRASH, Need.PARTITION, Need.PEACE),
        nodes_min=5,
        revealed_by=("claim",),
        random=False,
        rules=AnyRequestPostpones,
    ),
    Mutant(
        name="same-timeout",
        ids=("R18",),
        summary="Every node waits equally long before it campaigns.",
        breaks=("liveness",),
        needs=(Need.PEACE,),
        revealed_by=("claim",),
        rules=SameTimeout,
    ),
)
