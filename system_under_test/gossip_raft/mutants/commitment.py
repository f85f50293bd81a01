"""Bugs in deciding what is committed."""

from __future__ import annotations

from collections.abc import Sequence

from system_under_test.gossip_raft.core.messages import (
    GossipRecord,
    Message,
    PullEntries,
    UpdatePosition,
)
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import Entry, LogIndex, Position, Term
from system_under_test.gossip_raft.mutants.mutant import Mutant, Need


class CommitsAlone(Rules):
    """Commits what the leader itself holds, without waiting for a majority.

    Mechanism: the quorum is taken of the positions counted, not of the members; the extreme
    form of an off-by-one quorum.  Seen: S03 (the original implementation), M10.  Needs: the
    leader killed or cut off after an acknowledgement, then healed.  Revealed by: lost
    writes; a committed entry truncated; two entries committed at one index.
    """

    def commit_point_from_positions(
        self, positions: Sequence[Position], members: int
    ) -> Position | None:
        del members
        return max(positions, default=None)


class CountsAnyTerm(Rules):
    """Counts positions without asking in which term they were reported.

    Mechanism: reports carry no term, so an old leader neither learns from one that it is
    deposed nor leaves it out; a voter of the next term that pulls old entries commits them.
    (A record merged before its term is adopted leaves the same window, for as long as it
    takes to adopt it.)  Seen: M01 (SERVER-22136), S06 (the original implementation), M23.
    Needs: a new leader cut off from a voter that still reaches the old leader.  Revealed
    by: leader completeness; a committed entry truncated; lost writes.
    """

    def highest_term_seen(self, message: Message) -> Term:
        if isinstance(message.body, PullEntries | UpdatePosition):
            return Term(0)
        return message.term

    def counts_toward_commit(self, record: GossipRecord, term: Term) -> bool:
        return record.last.term == term


class GuardsSourceInstead(CountsAnyTerm):
    """Refuses entries from sources of a lower term, in place of terms on reports.

    Mechanism: the guard looks at the last hop only; a node in between that knows the new
    term passes the old entries on.  Seen: M02 (model checking): safe with three nodes.
    Needs: five nodes, chaining, a partition.  Revealed by: as CountsAnyTerm.
    """

    def accepts_pulled_entries(
        self, own_last: Position, previous: Position, source_term: Term, term: Term
    ) -> bool:
        return previous == own_last and source_term >= term


class CommitsOldTerms(Rules):
    """Commits entries of earlier terms by counting replicas.

    Mechanism: Raft's Figure 8.  Seen: S05.  Needs: leaders that come and go, and batches
    small enough to stop before the new leader's no-op.  Revealed by: leader completeness; a
    committed entry truncated.
    """

    def counts_toward_commit(self, record: GossipRecord, term: Term) -> bool:
        return record.term == term

    def may_commit(self, entry: Entry, term: Term) -> bool:
        del entry, term
        return True


class BelievesAnyCommitPoint(Rules):
    """Takes a commit point from gossip without asking whether it is on this branch.

    Mechanism: index alone is compared, so a divergent tail counts as committed.  Seen: M03
    (SERVER-27123).  Needs: a deposed leader with a tail of its own that hears gossip before
    it has rolled back.  Revealed by: state-machine safety; the node stops, since it would
    have to truncate below its commit point.
    """

    def advances_commit_from_gossip(self, own_last: Position, commit: Position) -> bool:
        del own_last, commit
        return True


class CommitsWholeBatches(Rules):
    """Takes a follower that reached a batch for one that holds all of it.

    Mechanism: a batch has one identity, and the commit count cannot see that a part of it
    is missing.  Seen: S18 (the original implementation).  Needs: batches that arrive in
    parts.  Revealed by: a commit that no majority holds; leader completeness.
    """

    def commit_point_from_positions(
        self, positions: Sequence[Position], members: int
    ) -> Position | None:
        reached = super().commit_point_from_positions(positions, members)
        if reached is None:
            return None
        return max(position for position in positions if position.term == reached.term)


class CountsByIndex(Rules):
    """Counts positions by their index alone.

    Mechanism: a tail of another term counts as well as the leader's own entries.  Seen: M09
    (model checking, and walks over a gossip model).  Needs: a node with a long tail that
    was never committed, and a change of leaders.  Revealed by: a commit that no majority
    holds; leader completeness.
    """

    def counts_toward_commit(self, record: GossipRecord, term: Term) -> bool:
        return record.term == term and not self.is_out_of_quorums(record)

    def commit_point_from_positions(
        self, positions: Sequence[Position], members: int
    ) -> Position | None:
        quorum = self.quorum_size(members)
        if len(positions) < quorum:
            return None
        return sorted(positions, key=lambda position: position.index, reverse=True)[quorum - 1]


class CommitsBeyondLog(Rules):
    """Takes the source's commit point as it is, beyond its own last entry.

    Mechanism: the minimum of Raft's Figure 2 (AppendEntries, rule 5) is left out.  Seen:
    M04.  Needs: a follower that gets its entries in small batches.  Revealed by: the node
    stops, as its commit point is not in its log.
    """

    def commit_from_source(self, commit: LogIndex, last: LogIndex) -> LogIndex:
        del last
        return commit


class AppliesUncommitted(Rules):
    """Applies entries as they come, committed or not.

    Mechanism: what was pulled is taken for committed; no commit point is kept.  Seen: S04
    (the original implementation), R23.  Needs: a leader cut off with entries that only one
    follower has.  Revealed by: the commit rule; state-machine safety; the node stops when
    it would have to truncate what it applied.
    """

    def commit_from_source(self, commit: LogIndex, last: LogIndex) -> LogIndex:
        del commit
        return last


MUTANTS = (
    Mutant(
        name="minority-commit",
        ids=("S03",),
        summary="The leader commits and acknowledges without a majority.",
        breaks=("durability", "linearizability", "state-machine safety"),
        needs=(Need.PARTITION,),
        revealed_by=(
            "leader completeness",
            "state-machine safety",
            "commit rule",
            "one committed log",
            "acknowledged entries are kept",
            "in-node assertion",
        ),
        rules=CommitsAlone,
    ),
    Mutant(
        name="counts-any-term",
        ids=("S06", "M01", "M23"),
        summary="The leader counts positions whatever the term of whoever reports them.",
        breaks=("leader completeness",),
        needs=(
            Need.ELECTION,
            Need.STRAGGLING,
        ),
        revealed_by=(
            "leader completeness",
            "state-machine safety",
            "commit rule",
            "one committed log",
            "committed entries are never truncated",
            "acknowledged entries are kept",
        ),
        random=False,
        rules=CountsAnyTerm,
    ),
    Mutant(
        name="source-guard",
        ids=("M02",),
        summary="Nodes refuse sources of a lower term, and reports carry no term.",
        breaks=("leader completeness",),
        needs=(Need.PARTITION,),
        nodes_min=5,
        revealed_by=(
            "leader completeness",
            "state-machine safety",
            "commit rule",
            "one committed log",
            "committed entries are never truncated",
            "acknowledged entries are kept",
        ),
        random=False,
        rules=GuardsSourceInstead,
    ),
    Mutant(
        name="old-term-commit",
        ids=("S05",),
        summary="The leader commits entries of earlier terms by counting (Figure 8).",
        breaks=("leader completeness",),
        needs=(
            Need.PARTITION,
            Need.CRASH,
            Need.SMALL_BATCHES,
        ),
        nodes_min=5,
        revealed_by=("state-machine safety",),
        rules=CommitsOldTerms,
    ),
    Mutant(
        name="any-branch-commit",
        ids=("M03",),
        summary="A node believes a commit point from gossip that is on another branch.",
        breaks=("state-machine safety",),
        needs=(Need.PARTITION,),
        revealed_by=(
            "state-machine safety",
            "commit rule",
            "one committed log",
            "in-node assertion",
        ),
        rules=BelievesAnyCommitPoint,
    ),
    Mutant(
        name="whole-batch-commit",
        ids=("S18",),
        summary="A follower that holds part of a batch counts as one that holds all of it.",
        breaks=("leader completeness", "durability"),
        needs=(Need.SMALL_BATCHES,),
        revealed_by=(
            "leader completeness",
            "state-machine safety",
            "commit rule",
            "one committed log",
            "acknowledged entries are kept",
        ),
        rules=CommitsWholeBatches,
    ),
    Mutant(
        name="index-only-count",
        ids=("M09",),
        summary="Positions are counted by index, whatever their term.",
        breaks=("leader completeness", "durability"),
        needs=(
            Need.ELECTION,
            Need.PARTITION,
            Need.DELAY,
        ),
        revealed_by=("commit rule",),
        rules=CountsByIndex,
    ),
    Mutant(
        name="commit-beyond-log",
        ids=("M04",),
        summary="A node takes a commit point that lies beyond its own log.",
        breaks=("commit point within the log",),
        needs=(Need.SMALL_BATCHES,),
        revealed_by=("in-node assertion",),
        rules=CommitsBeyondLog,
    ),
    Mutant(
        name="applies-uncommitted",
        ids=("S04", "R23"),
        summary="A follower applies what it pulled before that is committed.",
        breaks=("state-machine safety", "linearizability"),
        needs=(
            Need.ELECTION,
            Need.PARTITION,
        ),
        revealed_by=(
            "state-machine safety",
            "commit rule",
            "one committed log",
        ),
        rules=AppliesUncommitted,
    ),
)
