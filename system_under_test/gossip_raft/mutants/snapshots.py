"""Bugs in compaction and snapshots."""

from __future__ import annotations

from collections.abc import Mapping

from system_under_test.gossip_raft.core.image import Answer
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    ClientId,
    LogIndex,
    Membership,
    Position,
)
from system_under_test.gossip_raft.mutants.mutant import Mutant, Need


class LabelsOneAhead(Rules):
    """Labels a snapshot with the index after the last one that is in it.

    Mechanism: "applied" is taken for "the next to apply".  Seen: R05.  Needs: compaction
    while the next entry is in the log, then a restart or a follower far behind.  Revealed
    by: the snapshot is not the replayed log; an entry that one node never applied.
    """

    def compaction_point(self, applied: LogIndex, last: LogIndex) -> LogIndex:
        return LogIndex(min(applied + 1, last))


class CompactsBeyondCommit(Rules):
    """Compacts all of its log, committed or not.

    Mechanism: the length of the log decides, not the commit point.  Seen: R10.  Needs: a
    leader in a minority, and a small threshold.  Revealed by: a snapshot of what is not
    committed; after a restart the node takes it for committed.
    """

    def compaction_point(self, applied: LogIndex, last: LogIndex) -> LogIndex:
        del applied
        return last


class LeavesOutSessions(Rules):
    """Takes snapshots without the table of sessions.

    Mechanism: only keys and values are thought of as state.  Seen: R06, M21.  Needs:
    compaction, a restart or a follower far behind, then a repeated request.  Revealed by: a
    request that takes effect twice; states that differ between nodes.
    """

    def answers_in_snapshot(self, answers: Mapping[ClientId, Answer]) -> Mapping[ClientId, Answer]:
        del answers
        return {}


class InstallsOlder(Rules):
    """Installs whatever snapshot arrives, also one older than its own state.

    Mechanism: nobody compares it with the commit point.  Seen: R09 (openraft pull request
    560; NuRaft pull request 407, found by Jepsen tests).  Needs: a repeated or delayed
    chunk.  Revealed by: a commit point that goes back.
    """

    def installs_snapshot(self, snapshot: Position, commit: LogIndex) -> bool:
        del snapshot, commit
        return True


class LeavesOutMembership(Rules):
    """Takes snapshots without the membership.

    Mechanism: after a restart the members are those of the configuration file again, as the
    entries that changed them are compacted.  Seen: R07 (SwarmKit pull request 238).  Needs:
    a membership change, compaction and a restart.  Revealed by: nodes that differ in who is
    counted; two quorums without a common node.
    """

    def membership_in_snapshot(self, there: Membership, initial: Membership) -> Membership:
        del there
        return initial


class AppliesTwice(Rules):
    """Labels a snapshot with the index before the last one that is in it.

    Mechanism: the note of how far the state goes is written before the last entry is
    applied, so that one is applied again after a restart.  Seen: R11 (etcd 3.5: issue
    13766, its index was not saved together with the state).  Needs: compaction and a
    restart.  Revealed by: the snapshot is not the replayed log.
    """

    def compaction_point(self, applied: LogIndex, last: LogIndex) -> LogIndex:
        del last
        return LogIndex(max(applied - 1, 0))


MUTANTS = (
    Mutant(
        name="snapshot-index-ahead",
        ids=("R05",),
        summary="A snapshot is labelled one index ahead of its state.",
        breaks=("snapshot equals replayed log", "durability"),
        needs=(
            Need.COMPACTION,
            Need.CRASH,
        ),
        revealed_by=("a snapshot equals the replayed log",),
        rules=LabelsOneAhead,
    ),
    Mutant(
        name="sessions-not-in-snapshot",
        ids=("R06", "M21"),
        summary="A snapshot is taken without the table of sessions.",
        breaks=("exactly once",),
        needs=(
            Need.COMPACTION,
            Need.CRASH,
            Need.POWER_LOSS,
            Need.RETRIES,
        ),
        revealed_by=("linearizability",),
        rules=LeavesOutSessions,
    ),
    Mutant(
        name="older-snapshot-installed",
        ids=("R09",),
        summary="A snapshot older than the node's own state is installed.",
        breaks=("commit points never go back",),
        needs=(
            Need.COMPACTION,
            Need.DUPLICATION,
        ),
        revealed_by=("commit points never go back",),
        rules=InstallsOlder,
    ),
    Mutant(
        name="compacts-beyond-commit",
        ids=("R10",),
        summary="The log is compacted beyond the commit point.",
        breaks=("leader completeness", "one committed log"),
        needs=(
            Need.COMPACTION,
            Need.PARTITION,
        ),
        revealed_by=(
            "commit rule",
            "one committed log",
            "recovery",
            "a snapshot equals the replayed log",
            "in-node assertion",
        ),
        rules=CompactsBeyondCommit,
    ),
    Mutant(
        name="membership-not-in-snapshot",
        ids=("R07",),
        summary="A snapshot is taken without the membership.",
        breaks=("election safety",),
        needs=(
            Need.MEMBERSHIP,
            Need.COMPACTION,
            Need.CRASH,
            Need.POWER_LOSS,
        ),
        revealed_by=(
            "leader completeness",
            "state-machine safety",
            "one committed log",
            "acknowledged entries are kept",
        ),
        rules=LeavesOutMembership,
    ),
    Mutant(
        name="applies-twice",
        ids=("R11",),
        summary="The last entry in a snapshot is applied again after a restart.",
        breaks=("exactly once", "snapshot equals replayed log"),
        needs=(
            Need.COMPACTION,
            Need.CRASH,
        ),
        revealed_by=(
            "recovery",
            "a snapshot equals the replayed log",
        ),
        rules=AppliesTwice,
    ),
)
