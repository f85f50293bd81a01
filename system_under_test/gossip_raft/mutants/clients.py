"""Bugs in what clients are told."""

from __future__ import annotations

from system_under_test.gossip_raft.core.messages import Consistency
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.mutants.mutant import Mutant


class ServesStaleReads(Rules):
    """Answers linearizable reads on any node, from what it happens to have applied.

    Mechanism: a local read labelled linearizable.  Seen: R24.  Needs: nothing; a
    partition or a lagging follower makes it frequent.  Revealed by: stale reads.
    """

    def reads_applied_state(self, consistency: Consistency) -> bool:
        del consistency
        return True


class ReadsUnconfirmed(Rules):
    """The leader answers reads without asking whether it still leads.

    Mechanism: the heartbeat round of ReadIndex is left out.  Seen: M18.  Needs: the
    leader cut off while another is elected, and a client that still reaches it; check
    quorum bounds the time.  Revealed by: stale reads.
    """

    def confirms_leadership(self, confirmations: int, members: int) -> bool:
        del confirmations, members
        return True


class ForgetsSessions(Rules):
    """Takes every request for a new one.

    Mechanism: no request identity, so each retry appends and applies again.  Seen:
    S20.  Needs: a lost or late reply, so that the client tries again.  Revealed by:
    elements appended twice; writes that come back after they were overwritten.
    """

    def is_repeat(self, sequence: int, newest: int) -> bool:
        del sequence, newest
        return False


MUTANTS = (
    Mutant(
        name="stale-read",
        summary="Any node answers linearizable reads from its applied state.",
        breaks=("linearizability",),
        rules=ServesStaleReads,
    ),
    Mutant(
        name="unconfirmed-read",
        summary="The leader answers reads without confirming that it still leads.",
        breaks=("linearizability",),
        rules=ReadsUnconfirmed,
    ),
    Mutant(
        name="no-dedup",
        summary="A repeated request is appended and applied again.",
        breaks=("exactly once", "linearizability"),
        rules=ForgetsSessions,
    ),
)
