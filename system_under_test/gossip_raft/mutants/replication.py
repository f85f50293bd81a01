"""Bugs in gossip and in pulling."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from system_under_test.gossip_raft.core.messages import GossipRecord
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    ClientId,
    Entry,
    LogIndex,
    Nanos,
    NodeId,
    Position,
    Raw,
    Session,
    Term,
)
from system_under_test.gossip_raft.mutants.mutant import Mutant, Need


class MergesByField(Rules):
    """Merges gossip records field by field, taking the greatest of each.

    Mechanism: the result states a position that never existed: term of the new, index of
    the old.  Seen: M15.  Needs: a node that rolls back a long tail and pulls little of the
    new one (directed schedules; random walks miss it).  Revealed by: leader completeness; a
    committed entry lost.
    """

    def merge_records(self, old: GossipRecord, new: GossipRecord) -> GossipRecord:
        if (new.incarnation, new.counter) <= (old.incarnation, old.counter):
            return old
        term = Term(max(old.last.term, new.last.term))
        index = LogIndex(max(old.last.index, new.last.index))
        return new._replace(last=Position(term, index))


class TruncatesOnMismatch(Rules):
    """Cuts its log back for any source that lacks its last entry.

    Mechanism: "mismatch" is taken for "I diverged", although the source may only be behind.
    Seen: M06 (model checking), R20.  Needs: a lagging source.  Revealed by: positions told
    and then lost; the node stops at its commit point, as it would truncate below it (R20).
    """

    def may_truncate(self, own_last: Position, source_last: Position) -> bool:
        del own_last, source_last
        return True


class LeaderRollsBack(TruncatesOnMismatch):
    """Pulls, and cuts its log back, although it leads.

    Mechanism: an answer that was asked for as a follower is obeyed as the leader.  Seen:
    M07 (model checking; the published RaftMongo.tla has no guard against it).  Needs: a
    delayed answer of a source that is behind, and an election.  Revealed by: the node
    stops, as a leader never truncates; leader append-only.
    """

    def may_pull(self, *, follows: bool) -> bool:
        del follows
        return True


class IgnoresIncarnation(Rules):
    """Takes the record with the greater counter for the newer one, of whatever life.

    Mechanism: a node that lost its disk counts from the beginning, so what it said in its
    former life stays in the map and counts.  Seen: M17.  Needs: a wiped disk.  Revealed by:
    a commit that no majority holds; leader completeness.
    """

    def merge_records(self, old: GossipRecord, new: GossipRecord) -> GossipRecord:
        return new if new.counter > old.counter else old


class PullsUnchecked(Rules):
    """Gives the entries after an index, whatever entry the puller has there.

    Mechanism: index alone is compared, so different histories are joined together.  Seen:
    S12 (the original implementation).  Needs: a node with a tail of its own, and a change
    of leaders.  Revealed by: log matching; state-machine safety.
    """

    def holds_what_is_asked(self, asked: Position, held: Position | None) -> bool:
        del asked
        return held is not None


class NeverRollsBack(Rules):
    """Keeps its own tail for ever.

    Mechanism: there is no rollback, so whoever diverged once never takes part again.  Seen:
    S13 (the original implementation), R19.  Needs: a leader cut off with entries of its
    own.  Revealed by: nodes that never converge.
    """

    def may_truncate(self, own_last: Position, source_last: Position) -> bool:
        del own_last, source_last
        return False


class TakesLastTwice(Rules):
    """Appends the last entry of every batch twice.

    Mechanism: the slice that is pulled includes its end.  Seen: S14 (the original
    implementation).  Needs: nothing.  Revealed by: log matching; a write executed twice.
    """

    def entries_taken(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        if not entries:
            return ()
        last = entries[-1]
        return (*entries, replace(last, index=LogIndex(last.index + 1)))


class FirstIndexIsNone(Rules):
    """Takes the number of the first entry for "none".

    Mechanism: the first entry has the number 0 in a list, which is false, so a follower
    that holds just that one is refused.  Seen: S15 (the original implementation).  Needs:
    batches of one.  Revealed by: nodes that never converge.
    """

    def holds_what_is_asked(self, asked: Position, held: Position | None) -> bool:
        number = asked.index - 1
        return bool(number) and super().holds_what_is_asked(asked, held)


class WrapsEmptyAnew(Rules):
    """Gives an empty entry a new identity when it pulls it.

    Mechanism: ``{}`` is false, so it is taken for an entry without identity.  Seen: S16
    (the original implementation).  Needs: a client that writes ``{}``.  Revealed by: log
    matching.
    """

    def entries_taken(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        return tuple(
            replace(entry, session=Session(ClientId("anew"), entry.index))
            if entry.commands == (Raw("{}"),)
            else entry
            for entry in entries
        )


class UnlimitedBatches(Rules):
    """Answers a pull with all that it has.

    Mechanism: no limit on a batch, so a long backlog outgrows the largest message, for
    ever.  Seen: S26 (the original implementation; raft-grpc-transport pull request 9).
    Needs: a node that was away while much was written; a transport that limits messages.
    Revealed by: a node that never converges.
    """

    def batch_limits(self, entries_max: int, bytes_max: int) -> tuple[int, int]:
        del entries_max, bytes_max
        return 2**40, 2**60


class PullsInCircles(Rules):
    """Pulls from nodes that are no further than itself, also from those that pull from it.

    Mechanism: nodes that lost the leader choose each other and are content.  Seen: M05
    (Schultz, TLA+ conference 2019: MongoDB).  Needs: five nodes; two of them without the
    leader.  Revealed by: nodes that never converge.
    """

    def may_pull_from(self, *, pulls_from_us: bool) -> bool:
        del pulls_from_us
        return True

    def chooses_sync_source(
        self,
        own_last: Position,
        leader: GossipRecord | None,
        candidates: Collection[GossipRecord],
        distances: Mapping[NodeId, Nanos],
        lag_max: int,
    ) -> NodeId | None:
        del distances, lag_max
        if leader is not None:
            return leader.node
        enough = [record for record in candidates if record.last >= own_last]
        return min((record.node for record in enough), default=None)


MUTANTS = (
    Mutant(
        name="field-merge",
        ids=("M15",),
        summary="Gossip records are merged field by field instead of as a whole.",
        breaks=("leader completeness",),
        needs=(
            Need.PARTITION,
            Need.DELAY,
            Need.SMALL_BATCHES,
        ),
        revealed_by=(
            "state-machine safety",
            "one committed log",
        ),
        rules=MergesByField,
    ),
    Mutant(
        name="truncate-on-mismatch",
        ids=("M06", "R20"),
        summary="A node rolls back for a source that is merely behind.",
        breaks=("durability", "leader completeness"),
        needs=(
            Need.ELECTION,
            Need.DELAY,
            Need.WIPED_DISK,
            Need.CHAINS,
        ),
        revealed_by=("in-node assertion",),
        rules=TruncatesOnMismatch,
    ),
    Mutant(
        name="leader-rolls-back",
        ids=("M07",),
        summary="A leader obeys an answer to what it asked as a follower, and truncates.",
        breaks=("leader append-only",),
        needs=(
            Need.ELECTION,
            Need.DELAY,
            Need.WIPED_DISK,
            Need.CHAINS,
        ),
        revealed_by=("in-node assertion",),
        rules=LeaderRollsBack,
    ),
    Mutant(
        name="ignores-incarnation",
        ids=("M17",),
        summary="What a node said before its disk was lost stays in the map and counts.",
        breaks=("leader completeness", "durability"),
        needs=(Need.CRASH, Need.PEACE),
        revealed_by=(
            "leader completeness",
            "acknowledged entries are kept",
        ),
        rules=IgnoresIncarnation,
    ),
    Mutant(
        name="unchecked-pull",
        ids=("S12",),
        summary="Entries are given after an index, whatever entry the puller has there.",
        breaks=("log matching", "state-machine safety"),
        needs=(
            Need.ELECTION,
            Need.PARTITION,
        ),
        revealed_by=(
            "log matching",
            "state-machine safety",
            "commit rule",
            "one committed log",
        ),
        rules=PullsUnchecked,
    ),
    Mutant(
        name="no-rollback",
        ids=("S13", "R19"),
        summary="A node never gives up a tail that was not committed.",
        breaks=("liveness",),
        needs=(
            Need.ELECTION,
            Need.PARTITION,
        ),
        revealed_by=("claim",),
        rules=NeverRollsBack,
    ),
    Mutant(
        name="last-entry-twice",
        ids=("S14",),
        summary="A follower appends the last entry of a batch twice.",
        breaks=("log matching", "exactly once"),
        revealed_by=(
            "log matching",
            "commit rule",
        ),
        rules=TakesLastTwice,
    ),
    Mutant(
        name="first-index-is-none",
        ids=("S15",),
        summary="A follower that holds just the first entry is taken for one that holds none.",
        breaks=("liveness",),
        needs=(Need.SMALL_BATCHES,),
        revealed_by=("claim",),
        rules=FirstIndexIsNone,
    ),
    Mutant(
        name="wraps-empty-anew",
        ids=("S16",),
        summary="A follower gives an empty entry another identity than its leader did.",
        breaks=("log matching",),
        needs=(Need.EMPTY,),
        revealed_by=("log matching",),
        rules=WrapsEmptyAnew,
    ),
    Mutant(
        name="unlimited-batch",
        ids=("S26",),
        summary="A source answers a pull with its whole backlog, however large.",
        breaks=("liveness",),
        needs=(
            Need.PARTITION,
            Need.OVERLOAD,
        ),
        revealed_by=("claim",),
        rules=UnlimitedBatches,
    ),
    Mutant(
        name="source-circle",
        ids=("M05",),
        summary="Nodes without a leader pull from each other, and from nobody who has more.",
        breaks=("liveness",),
        needs=(Need.SHUNNED, Need.PEACE),
        nodes_min=5,
        revealed_by=("claim",),
        rules=PullsInCircles,
    ),
)
