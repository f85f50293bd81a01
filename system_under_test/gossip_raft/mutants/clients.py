"""Bugs in what clients are told."""

from __future__ import annotations

from system_under_test.gossip_raft.core.messages import Consistency
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import Nanos
from system_under_test.gossip_raft.mutants.mutant import Mutant, Need


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


class LeaseIgnoresDrift(Rules):
    """Takes its own clock for everybody's when it counts on a lease.

    Mechanism: the lease is as long as the promise it rests on, with nothing taken off for
    clocks that run apart.  Seen: M20.  Needs: reads by lease, a leader whose clock is
    slow but within the stated drift, cut off just before another is elected.
    Revealed by: stale reads.
    """

    def lease_length(self, promise: Nanos, clock_drift_max_ppm: int) -> Nanos:
        del clock_drift_max_ppm
        return promise


class ForgetsSessions(Rules):
    """Takes every request for a new one.

    Mechanism: no request identity, so each retry appends and applies again.  Seen:
    S20.  Needs: a lost or late reply, so that the client tries again.  Revealed by:
    elements appended twice; writes that come back after they were overwritten.
    """

    def is_repeat(self, sequence: int, newest: int) -> bool:
        del sequence, newest
        return False


class TakesEverything(Rules):
    """Queues whatever comes, however much is waiting already.

    Mechanism: no limit on what waits, in number or in bytes.  Seen: R33.  Needs: writes
    that come faster than they are committed; a leader cut off from its followers is
    enough.  Revealed by: memory that grows with the load; answers that come too late.
    """

    def has_room(self, held: int, held_max: int) -> bool:
        del held, held_max
        return True

    def has_room_for_bytes(self, held: int, more: int, held_max: int) -> bool:
        del held, more, held_max
        return True


MUTANTS = (
    Mutant(
        name="stale-read",
        ids=("R24",),
        summary="Any node answers linearizable reads from its applied state.",
        breaks=("linearizability",),
        revealed_by=(),
        rules=ServesStaleReads,
    ),
    Mutant(
        name="unconfirmed-read",
        ids=("M18",),
        summary="The leader answers reads without confirming that it still leads.",
        breaks=("linearizability",),
        needs=(Need.PARTITION,),
        revealed_by=(),
        rules=ReadsUnconfirmed,
    ),
    Mutant(
        name="lease-ignores-drift",
        ids=("M20",),
        summary="The leader's lease is as long as the promises, though clocks may drift.",
        breaks=("linearizability",),
        needs=(
            Need.LEASE_READS,
            Need.CLOCK_DRIFT,
            Need.PARTITION,
        ),
        revealed_by=(),
        rules=LeaseIgnoresDrift,
    ),
    Mutant(
        name="no-dedup",
        ids=("S20",),
        summary="A repeated request is appended and applied again.",
        breaks=("exactly once", "linearizability"),
        needs=(
            Need.LOSS,
            Need.RETRIES,
        ),
        revealed_by=(),
        rules=ForgetsSessions,
    ),
    Mutant(
        name="unbounded-queue",
        ids=("R33",),
        summary="A leader queues every request, however many wait already.",
        breaks=("memory bound",),
        needs=(
            Need.OVERLOAD,
            Need.PARTITION,
        ),
        revealed_by=(),
        rules=TakesEverything,
    ),
)
