"""Bugs in gossip and in pulling."""

from __future__ import annotations

from dataclasses import replace

from system_under_test.gossip_raft.core.messages import GossipRecord
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import LogIndex, Position, Term
from system_under_test.gossip_raft.mutants.mutant import Mutant, Need


class MergesByField(Rules):
    """Merges gossip records field by field, taking the greatest of each.

    Mechanism: the result states a position that never existed: term of the new,
    index of the old.  Seen: M15.  Needs: a node that rolls back a long tail and pulls
    little of the new one (directed schedules; random walks miss it).  Revealed by:
    leader completeness; a committed entry lost.
    """

    def merge_records(self, old: GossipRecord, new: GossipRecord) -> GossipRecord:
        if (new.incarnation, new.counter) <= (old.incarnation, old.counter):
            return old
        term = Term(max(old.last.term, new.last.term))
        index = LogIndex(max(old.last.index, new.last.index))
        return replace(new, last=Position(term, index))


class TruncatesOnMismatch(Rules):
    """Cuts its log back for any source that lacks its last entry.

    Mechanism: "mismatch" is taken for "I diverged", although the source may only be
    behind.  Seen: M06.  Needs: a lagging source.  Revealed by: positions told and
    then lost; committed entries truncated, or the node stops at its commit point.
    """

    def may_truncate(self, own_last: Position, source_last: Position) -> bool:
        del own_last, source_last
        return True


MUTANTS = (
    Mutant(
        name="field-merge",
        ids=("M15",),
        summary="Gossip records are merged field by field instead of as a whole.",
        breaks=("leader completeness",),
        needs=(Need.PARTITION,),
        revealed_by=(),
        rules=MergesByField,
    ),
    Mutant(
        name="truncate-on-mismatch",
        ids=("M06", "R20"),
        summary="A node rolls back for a source that is merely behind.",
        breaks=("durability", "leader completeness"),
        needs=(Need.PARTITION,),
        revealed_by=(),
        rules=TruncatesOnMismatch,
    ),
)
