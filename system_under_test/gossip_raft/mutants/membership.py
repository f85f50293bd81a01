"""Bugs in who belongs to the cluster and who leads it by appointment."""

from __future__ import annotations

from system_under_test.gossip_raft.core.messages import GossipRecord
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    LogIndex,
    Membership,
    NodeId,
    Position,
    Term,
)
from system_under_test.gossip_raft.mutants.mutant import Mutant, Need


class ChangesBeforeOwnCommit(Rules):
    """A new leader changes the membership before an entry of its own term is committed.

    Mechanism: Raft's membership change as first published: the majorities of two changes,
    begun by leaders of different terms, need not share a node (Ongaro 2015).  Seen: R12.
    Needs: a change appended by a leader that is cut off, another change by its successor,
    and the first leader elected again.  Revealed by: leader completeness; a committed entry
    truncated; the one-change rule.
    """

    def may_change_membership(self, commit: Position, term: Term) -> bool:
        del commit, term
        return True


class ChangesTwiceAtOnce(Rules):
    """Begins a change of the membership while another is not yet committed.

    Mechanism: two changes make a step of two servers, and the majorities before and after
    need not share a node (Ongaro 2014, 4.1).  Seen: R12.  Needs: two changes, quickly, and
    a partition.  Revealed by: the one-change rule; leader completeness.
    """

    def change_is_over(self, since: LogIndex, commit: LogIndex) -> bool:
        del since, commit
        return True


class CountsTheRemoved(Rules):
    """Counts whoever answers, member or not.

    Mechanism: quorums are taken of the nodes heard, not of the membership in force.  Seen:
    R13 (hashicorp/raft pull request 476).  Needs: a removed node that still runs, and a
    partition.  Revealed by: the commit rule; leader completeness; lost writes.
    """

    def is_counted(self, node: NodeId, membership: Membership) -> bool:
        del node, membership
        return True


class HandsOverTooEarly(Rules):
    """Asks its successor to campaign without waiting until it has caught up.

    Mechanism: the wait of Ongaro 2014, 3.10 is left out; the others refuse their votes to a
    log that is behind, so nobody leads.  Seen: R34.  Needs: a transfer under load to a
    lagging node.  Revealed by: unavailability; writes under way are lost.
    """

    def may_take_over(self, record: GossipRecord | None, last: Position, term: Term) -> bool:
        del record, last, term
        return True


MUTANTS = (
    Mutant(
        name="changes-before-own-commit",
        ids=("R12",),
        summary="A leader changes the membership before it has committed an entry of its term.",
        breaks=("leader completeness", "durability"),
        needs=(Need.MEMBERSHIP, Need.FLAPPING, Need.DELAY),
        revealed_by=(
            "leader completeness",
            "state-machine safety",
            "one committed log",
            "acknowledged entries are kept",
            "one membership change at a time",
        ),
        rules=ChangesBeforeOwnCommit,
    ),
    Mutant(
        name="removed-still-counted",
        ids=("R13",),
        summary="Nodes that were removed still count towards quorums.",
        breaks=("leader completeness", "durability"),
        needs=(
            Need.MEMBERSHIP,
            Need.PARTITION,
        ),
        nodes_min=4,
        revealed_by=(
            "leader completeness",
            "state-machine safety",
            "commit rule",
            "one committed log",
            "acknowledged entries are kept",
        ),
        rules=CountsTheRemoved,
    ),
    Mutant(
        name="transfer-to-behind",
        ids=("R34",),
        summary="Leadership is transferred to a node that lacks the leader's last entries.",
        breaks=("availability",),
        needs=(
            Need.TRANSFER,
            Need.PEACE,
        ),
        revealed_by=("claim",),
        rules=HandsOverTooEarly,
    ),
    Mutant(
        name="two-changes-at-once",
        ids=("R12",),
        summary="A change of the membership begins before the one before is committed.",
        breaks=("one membership change at a time", "election safety"),
        needs=(Need.MEMBERSHIP,),
        revealed_by=("one membership change at a time",),
        rules=ChangesTwiceAtOnce,
    ),
)
