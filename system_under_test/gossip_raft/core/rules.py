"""Every decision of the protocol, one small method each, with its source.

The node asks here and nowhere else, so a wrong variant (the bug zoo) is a subclass
that overrides one method.  No method keeps state or changes an argument.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from system_under_test.gossip_raft.core.image import Answer
from system_under_test.gossip_raft.core.messages import (
    Consistency,
    GossipRecord,
    Lost,
    Message,
    PutEntries,
    RequestVote,
    Results,
    Unavailable,
    Vote,
)
from system_under_test.gossip_raft.core.types import (
    ClientId,
    Entry,
    Incarnation,
    LogIndex,
    Membership,
    Nanos,
    NodeId,
    Position,
    RequestId,
    Term,
    Value,
)

PPM: Final = 1_000_000
GAIN_MIN: Final = Nanos(1_000_000)
"""Of round trips: less is what scheduling alone makes of them."""


class Rules:
    """The correct ones."""

    # --- terms and votes -------------------------------------------------------

    def highest_term_seen(self, message: Message) -> Term:
        """A term counts wherever it stands: envelope or any record (PROTOCOL rule 3)."""
        highest = message.term
        for record in message.gossip:
            if record.term > highest:  # noqa: PLR1730  # A call of ``max`` takes twice as long.
                highest = record.term
        return highest

    def adopts_term(self, message: Message, seen: Term, term: Term) -> bool:
        """``seen`` is the highest in ``message``; terms only grow (Raft 5.1)."""
        del message
        return seen > term

    def steps_down(self, message: Message, *, leads: bool) -> bool:
        """Whoever led or campaigned does not in the new term, which ``message`` told of
        (PROTOCOL rule 3)."""
        del message, leads
        return True

    def quorum_size(self, members: int) -> int:
        """A majority; any two of them share a node (Raft 5.2)."""
        return members // 2 + 1

    def log_is_up_to_date(self, candidate_last: Position, own_last: Position) -> bool:
        """Compared by term first, then by index (Raft 5.4.1)."""
        return candidate_last >= own_last

    def grants_vote(
        self,
        request: RequestVote,
        candidate: NodeId,
        term: Term,
        vote: NodeId | None,
        last: Position,
    ) -> bool:
        """One vote a term, for a log as good as one's own (Raft 5.2, 5.4.1)."""
        return (
            request.term == term
            and vote in {None, candidate}
            and self.log_is_up_to_date(request.last, last)
        )

    def grants_pre_vote(
        self, request: RequestVote, term: Term, last: Position, *, leader_is_recent: bool
    ) -> bool:
        """Would vote, and has itself no sign of a live leader (Ongaro 2014, 9.6 and 4.2.3)."""
        return (
            request.term > term
            and not leader_is_recent
            and self.log_is_up_to_date(request.last, last)
        )

    def promises(self, message: Message, term: Term) -> bool:
        """A heartbeat that the leader of our term sent us itself binds us not to elect another
        for a while; what others tell of it does not (PROTOCOL rule 9)."""
        if message.term == term:
            for record in message.gossip:
                if record.node == message.source:
                    return self.is_leader_evidence(record, term)
        return False

    def may_have_promised(self, incarnation: Incarnation) -> bool:
        """Promises are not on disk, so every former life may have left one."""
        return incarnation > 1

    def is_bound(self, request: RequestVote, now: Nanos, promised_until: Nanos) -> bool:
        """A leader may rest its lease on the promise, unless it gave that up itself."""
        return now < promised_until and not request.transfer

    def campaigns_again(self, own_last: Position, others: Iterable[Position]) -> bool:
        """After a pre-vote round that was not won, unless one of those within reach has a longer
        log: it would refuse again, and may have no vote to give; candidates do not pull, so
        pull from it first (PROTOCOL D6)."""
        return all(own_last >= other for other in others)

    def counts_vote(self, vote: Vote, term: Term) -> bool:
        """Only an answer to the election that is running (Raft 5.2)."""
        return vote.granted and vote.term == term

    def is_of_election(self, request: RequestId, first: RequestId) -> bool:
        """An answer to what was asked before this election began is of another (Raft 5.2)."""
        return request >= first

    def wins_election(self, votes: int, members: int) -> bool:
        return votes >= self.quorum_size(members)

    def election_timeout(self, shortest: Nanos, longest: Nanos, rng: random.Random) -> Nanos:
        """Drawn anew each time, so that split votes do not repeat (Raft 5.2)."""
        # As ``rng.randint`` does, but it is drawn whenever the leader is heard.
        span = longest - shortest + 1
        drawn = rng.getrandbits(span.bit_length())
        while drawn >= span:
            drawn = rng.getrandbits(span.bit_length())
        return Nanos(shortest + drawn)

    def minds_silence(self, term: Term) -> bool:
        """A leader that is not heard of for a time-out is replaced, in whatever term (Raft 5.2)."""
        del term
        return True

    def asks_before_campaign(self, *, transfer: bool) -> bool:
        """A pre-vote first, unless the leader itself asked (Ongaro 2014, 9.6 and 3.10)."""
        return not transfer

    def vote_request_postpones(self, *, granted: bool) -> bool:
        """Only for a candidate that got our vote do we wait longer (Raft 5.2)."""
        return granted

    def keeps_leading(self, contacts: int, members: int) -> bool:
        """``contacts``: nodes in touch within an election time-out, the leader included
        (check quorum: Ongaro 2014, 6.2; PROTOCOL D6)."""
        return contacts >= self.quorum_size(members)

    def is_leader_evidence(self, record: GossipRecord, term: Term) -> bool:
        """News that a leader of our term wrote itself, however it came (PROTOCOL 3, D8.3)."""
        return record.term == term and record.leader == record.node

    def is_contact(self, record: GossipRecord | None, term: Term, *, hears: bool) -> bool:
        """A peer that spoke to the leader just now is with it: same term, and hears it too."""
        return (
            record is not None
            and record.term == term
            and hears
            and not self.is_out_of_quorums(record)
        )

    def is_asked_directly(self, silent: Nanos, election_timeout: Nanos) -> bool:
        """A leader that was not in contact with a voter for half a time-out asks it itself:
        whom gossip meets by chance may be missed for a whole one (PROTOCOL D6, D9)."""
        return 2 * silent >= election_timeout

    # --- gossip ----------------------------------------------------------------

    def merge_records(self, old: GossipRecord, new: GossipRecord) -> GossipRecord:
        """The newer one, as a whole: a mixture would state what never was (PROTOCOL D8.2)."""
        if (new.incarnation, new.counter) > (old.incarnation, old.counter):
            return new
        return old

    def retelling_is_news(self) -> bool:
        """A record told again says nothing of whether its owner still lives (PROTOCOL D8.3).

        Asked once in a node's life: most of what gossip tells is known.
        """
        return False

    def suspects(self, silent: Nanos, patience: Nanos) -> bool:
        """Of a live node something new is heard, if only through others (PROTOCOL D9)."""
        return silent > patience

    def is_unreachable(self, waited: Nanos, request_timeout: Nanos) -> bool:
        """``waited``: since it was probed, by us and on our behalf.  That costs it its children,
        and nothing else: quorums never shrink (SWIM, 3.1; PROTOCOL D9)."""
        return waited >= request_timeout

    # --- pulling ---------------------------------------------------------------

    def chooses_sync_source(
        self,
        own_last: Position,
        leader: GossipRecord | None,
        candidates: Collection[GossipRecord],
        distances: Mapping[NodeId, Nanos],
        lag_max: int,
    ) -> NodeId | None:
        """The leader, else of those strictly ahead a fresh one, of these the nearest, of these
        the one with the fewest children (PROTOCOL D3).

        ``leader`` is ``None`` if unknown or out of reach; ``candidates`` are within
        reach and do not pull from us, not even through others; ``distances`` are round trips,
        as far as measured; whoever has ``lag_max`` entries less than the longest log is not
        fresh.
        """
        if leader is not None:
            return leader.node
        ahead = [record for record in candidates if record.last > own_last]
        if not ahead:
            return None
        longest = max(record.last for record in ahead)
        fresh = [
            record
            for record in ahead
            if record.last.term == longest.term and record.last.index > longest.index - lag_max
        ]
        children = {r.node: sum(c.source == r.node for c in candidates) for r in fresh}

        def worth(record: GossipRecord) -> tuple[int, int, Position, NodeId]:
            # In powers of two: where it hardly matters, the children do.
            distance = distances.get(record.node, Nanos(0)).bit_length()
            return -distance, -children[record.node], record.last, record.node

        return max(fresh, key=worth).node

    def is_much_nearer(self, distance: Nanos | None, current: Nanos | None) -> bool:
        """Less than half the way, and not by a hair: a smaller gain is not worth a change of
        sources, and estimates that waver would cause one after the other (PROTOCOL D3)."""
        return (
            distance is not None
            and current is not None
            and 2 * distance < current
            and current - distance >= GAIN_MIN
        )

    def keeps_sync_source(self, own_last: Position, source: GossipRecord) -> bool:
        """One that fell behind has nothing for us (PROTOCOL D3)."""
        return source.last >= own_last

    def pull_patience(self, usual: Nanos | None, least: Nanos, most: Nanos) -> Nanos:
        """For an answer that the source has no reason to hold back; ``usual``: hardly any such
        answer of it took longer so far.  What is later is probably lost (RFC 6298)."""
        return most if usual is None else min(max(usual, least), most)

    def has_room_for_child(self, others: int, children_max: int | None) -> bool:
        """Besides ``others`` that pull from a node (PROTOCOL D3)."""
        return children_max is None or others < children_max

    def may_chain_at(self, depth: int, depth_max: int | None) -> bool:
        """Every step away from the leader costs a round trip (PROTOCOL D9)."""
        return depth_max is None or depth <= depth_max

    def may_pull(self, *, follows: bool) -> bool:
        """Leaders and candidates take no entries from others (Raft 5.3, Leader Append-Only)."""
        return follows

    def may_pull_from(self, *, pulls_from_us: bool) -> bool:
        """Nodes that pull from each other in a circle would wait for ever (PROTOCOL D3)."""
        return not pulls_from_us

    def holds_what_is_asked(self, asked: Position, held: Position | None) -> bool:
        """``held``: where the source has an entry of the same index, its position.  Entries are
        given only after exactly the entry that the puller ends with (PROTOCOL rule 4)."""
        return asked == held

    def batch_limits(self, entries_max: int, bytes_max: int) -> tuple[int, int]:
        """Of one answer: a backlog must not outgrow what a message may hold."""
        return entries_max, bytes_max

    def entries_taken(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """As they came: their identity is their leader's (Raft 5.3)."""
        return entries

    def accepts_pulled_entries(
        self, own_last: Position, previous: Position, source_term: Term, term: Term
    ) -> bool:
        """They must extend the log exactly where it ends (PROTOCOL rule 4).

        The terms do not matter: log matching makes any source safe (D3).
        """
        del source_term, term
        return previous == own_last

    def may_truncate(self, own_last: Position, source_last: Position) -> bool:
        """Only for a log of a higher last term (PROTOCOL rule 5, D2 case b)."""
        return source_last.term > own_last.term

    # --- commitment ------------------------------------------------------------

    def counts_toward_commit(self, record: GossipRecord, term: Term) -> bool:
        """Reported in the leader's term, about an entry of that term (PROTOCOL rule 6, D4)."""
        return (
            record.term == term and record.last.term == term and not self.is_out_of_quorums(record)
        )

    def commit_point_from_positions(
        self, positions: Sequence[Position], members: int
    ) -> Position | None:
        """The highest that a majority reached (PROTOCOL rule 7).

        ``positions`` are those counted, the leader's own durable one included.
        """
        quorum = self.quorum_size(members)
        if len(positions) < quorum:
            return None
        return sorted(positions, reverse=True)[quorum - 1]

    def may_commit(self, entry: Entry, term: Term) -> bool:
        """By counting, only entries of the leader's own term (Raft 5.4.2, Figure 8)."""
        return entry.term == term

    def commit_from_source(self, commit: LogIndex, last: LogIndex) -> LogIndex:
        """Of the source's commit point what we hold, which is its log (PROTOCOL D5 a)."""
        return min(commit, last)

    def advances_commit_from_gossip(self, own_last: Position, commit: Position) -> bool:
        """Only on the same branch: our last entry has the commit point's term (D5 b)."""
        return own_last.term == commit.term

    # --- flow control ----------------------------------------------------------

    def has_room(self, held: int, held_max: int) -> bool:
        """Whether a queue may take one more: none grows without bound."""
        return held < held_max

    def has_room_for_bytes(self, held: int, more: int, held_max: int) -> bool:
        """The same of bytes, except that one request always fits into an empty queue."""
        return held == 0 or held + more <= held_max

    def is_too_large(self, size: int, size_max: int) -> bool:
        return size > size_max

    def has_expired(self, expires_in: Nanos | None) -> bool:
        """After the client's deadline nothing new is begun on its behalf."""
        return expires_in is not None and expires_in <= 0

    # --- snapshots and recovery --------------------------------------------------

    def compaction_point(self, applied: LogIndex, last: LogIndex) -> LogIndex:
        """Where a snapshot taken now stands: at what the state machine holds, which is
        committed (PROTOCOL rule 11; Ongaro 2014, 5.1)."""
        del last
        return applied

    def membership_in_snapshot(self, there: Membership, initial: Membership) -> Membership:
        """The one in force there: the entries that said so will be gone (PROTOCOL rule 11)."""
        del initial
        return there

    def answers_in_snapshot(self, answers: Mapping[ClientId, Answer]) -> Mapping[ClientId, Answer]:
        """All: a repeated request may come after the snapshot (PROTOCOL rules 10 and 11)."""
        return answers

    def installs_snapshot(self, snapshot: Position, commit: LogIndex) -> bool:
        """Only one that moves the commit point forward (PROTOCOL rule 11)."""
        return snapshot.index > commit

    def is_out_of_quorums(self, record: GossipRecord) -> bool:
        """A node that lost its disk may have broken promises that it forgot (PROTOCOL rule 12)."""
        return record.recovering

    def may_vote(self, term: Term, abstains: Term, *, recovering: bool) -> bool:
        """Not while recovering, nor in a term in which a vote may be forgotten (PROTOCOL D8.6)."""
        return not recovering and term > abstains

    # --- clients ---------------------------------------------------------------

    def is_repeat(self, sequence: int, newest: int) -> bool:
        """Sequences of one client only grow (Ongaro 2014, 6.3)."""
        return sequence <= newest

    def awaited(self, position: Position) -> Position:
        """What answers a client that waits for ``position``: the very entry, term included."""
        return position

    def answer_when_deposed(self, position: Position) -> Lost | Results | Unavailable | None:
        """Its entry may be committed by others, or never: nobody knows (Ongaro 2014, 6.3).

        ``None``: keep it waiting.
        """
        del position
        return Lost("leadership ended before the entry was committed")

    def leader_hint(self, leader: NodeId | None) -> NodeId | None:
        """What a client is told that asked the wrong node; during an election there is none."""
        return leader

    def forwarded(self, put: PutEntries) -> PutEntries:
        """The same request: whoever repeats it elsewhere must be recognized."""
        return put

    def entry_applied(self, entry: Entry, now: Nanos) -> Entry:
        """As it stands in the log: nothing else may enter a state machine (Schneider 1990)."""
        del now
        return entry

    def observed_in_txn(self, value: Value, reads_before: int, *, writes: bool) -> Value:
        """All reads of a transaction see the one state that it is executed on.

        ``writes``: whether the transaction also writes.
        """
        del reads_before, writes
        return value

    def changes_of_refused(self, changes: Mapping[str, Value]) -> Mapping[str, Value]:
        """All or nothing: a transaction that is refused changes nothing."""
        del changes
        return {}

    def reads_applied_state(self, consistency: Consistency) -> bool:
        """Which reads any node may serve from what it has applied (PROTOCOL rule 9)."""
        return consistency is Consistency.LOCAL

    def may_use_lease(self, consistency: Consistency) -> bool:
        """Only reads that asked for it rest on clocks (PROTOCOL rule 9)."""
        return consistency is Consistency.LEASE

    def lease_is_judged_at(self, now: Nanos, ticked: Nanos) -> Nanos:
        """By the time it is, not the time of the last tick: the process may have slept."""
        del ticked
        return now

    def lease_length(self, promise: Nanos, clock_drift_max_ppm: int) -> Nanos:
        """So short that it ends before a promise of that length made after it began, even on
        a clock that is faster by the drift: l (1 + d) < p (Ongaro 2014, 6.4.1)."""
        return Nanos(promise * (PPM - clock_drift_max_ppm) // PPM)

    def knows_commit_point(self, commit: Position, term: Term) -> bool:
        """A leader does once an entry of its own term is committed (Ongaro 2014, 6.4)."""
        return commit.term == term

    def is_confirmation(self, answer: Message, term: Term) -> bool:
        """From a node that was in the leader's term when it answered (PROTOCOL D7)."""
        return answer.term == term

    def confirms_leadership(self, confirmations: int, members: int) -> bool:
        """``confirmations``: nodes, the leader included, that answered in its term to a
        heartbeat sent after the read arrived (Ongaro 2014, 6.4)."""
        return confirmations >= self.quorum_size(members)

    # --- membership ------------------------------------------------------------

    def is_counted(self, node: NodeId, membership: Membership) -> bool:
        """Towards any quorum, only voters of the membership in force (Ongaro 2014, 4.1)."""
        return node in membership.voters

    def may_campaign(self, node: NodeId, membership: Membership) -> bool:
        """Neither learners nor those who were removed.

        (Ongaro 2014, 4.2.2 lets the latter campaign, since they may have the longest log;
        here the others pull that log from them.)
        """
        return node in membership.voters

    def heeds_stranger(
        self,
        seen: Term,
        term: Term,
        said_last: Position,
        own_last: Position,
        *,
        leader_is_recent: bool,
    ) -> bool:
        """Nodes that are not members are heard, as our log may be what lags (Ongaro 2014, 4.1).

        But their terms depose no live leader (4.2.3), as they may have been removed; and count
        only if their logs are longer than ours: whoever was added by an entry that is committed
        and that we lack has it, and so a longer log (PROTOCOL D12).
        """
        return seen <= term or (not leader_is_recent and said_last > own_last)

    def change_is_over(self, since: LogIndex, commit: LogIndex) -> bool:
        """One change at a time: the one before is committed (Ongaro 2014, 4.1)."""
        return since <= commit

    def may_change_membership(self, commit: Position, term: Term) -> bool:
        """Only a leader that has committed an entry of its own term (Ongaro 2015)."""
        return commit.term == term

    def has_caught_up(self, took: Nanos, election_timeout: Nanos) -> bool:
        """A learner that got a round of entries within a time-out (Ongaro 2014, 4.2.1)."""
        return took <= election_timeout

    def may_take_over(self, record: GossipRecord | None, last: Position, term: Term) -> bool:
        """Leadership goes only to a node that holds all the leader does (Ongaro 2014, 3.10)."""
        return (
            record is not None
            and record.term == term
            and record.last == last
            and not self.is_out_of_quorums(record)
        )
