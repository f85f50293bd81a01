"""Bugs in what clients are told."""

from __future__ import annotations

from dataclasses import replace

from system_under_test.gossip_raft.core.messages import (
    Consistency,
    Lost,
    PutEntries,
    Results,
    Unavailable,
)
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import (
    Applied,
    ClientId,
    Nanos,
    Position,
    Session,
    Term,
)
from system_under_test.gossip_raft.mutants.mutant import Mutant, Need


class ServesStaleReads(Rules):
    """Answers linearizable reads on any node, from what it happens to have applied.

    Mechanism: a local read labelled linearizable.  Seen: R24.  Needs: nothing; a partition
    or a lagging follower makes it frequent.  Revealed by: stale reads.
    """

    def reads_applied_state(self, consistency: Consistency) -> bool:
        del consistency
        return True


class ReadsUnconfirmed(Rules):
    """The leader answers reads without asking whether it still leads.

    Mechanism: the heartbeat round of ReadIndex is left out.  Seen: M18 (etcd and Consul:
    Jepsen 2014).  Needs: the leader cut off while another is elected, and a client that
    still reaches it; check quorum bounds the time.  Revealed by: stale reads.
    """

    def confirms_leadership(self, confirmations: int, members: int) -> bool:
        del confirmations, members
        return True


class LeaseIgnoresDrift(Rules):
    """Takes its own clock for everybody's when it counts on a lease.

    Mechanism: the lease is as long as the promise it rests on, with nothing taken off for
    clocks that run apart.  Seen: M20 (TiKV issue 964).  Needs: reads by lease, a leader
    whose clock is slow but within the stated drift, cut off just before another is elected.
    Revealed by: stale reads.
    """

    def lease_length(self, promise: Nanos, clock_drift_max_ppm: int) -> Nanos:
        del clock_drift_max_ppm
        return promise


class ForgetsSessions(Rules):
    """Takes every request for a new one.

    Mechanism: no request identity, so each retry appends and applies again.  Seen: S20.
    Needs: a lost or late reply, so that the client tries again.  Revealed by: elements
    appended twice; writes that come back after they were overwritten.
    """

    def is_repeat(self, sequence: int, newest: int) -> bool:
        del sequence, newest
        return False


class TakesEverything(Rules):
    """Queues whatever comes, however much is waiting already.

    Mechanism: no limit on what waits, in number or in bytes.  Seen: R33.  Needs: writes
    that come faster than they are committed; a leader cut off from its followers is enough.
    Revealed by: memory that grows with the load; answers that come too late.
    """

    def has_room(self, held: int, held_max: int) -> bool:
        del held, held_max
        return True

    def has_room_for_bytes(self, held: int, more: int, held_max: int) -> bool:
        del held, more, held_max
        return True


class SaysNotExecuted(Rules):
    """Tells clients of a deposed leader that their requests were not executed.

    Mechanism: an error whose meaning is open is reported as a definite one.  Seen: S21 (the
    original implementation), and NebulaGraph pull request 3880.  Needs: a leader deposed
    with requests under way that are committed after all.  Revealed by: writes that were
    refused and can be read.
    """

    def answer_when_deposed(self, position: Position) -> Lost | Results | Unavailable | None:
        del position
        return Unavailable("leadership ended, not executed")


class SaysExecuted(Rules):
    """Tells clients of a deposed leader that their requests were executed.

    Mechanism: whoever waits is answered when leadership ends, with success.  Seen: R21.
    Needs: a leader cut off with requests under way.  Revealed by: lost writes; entries
    acknowledged that nobody committed.
    """

    def answer_when_deposed(self, position: Position) -> Lost | Results | Unavailable | None:
        return Results(position, (Applied(),))


class AnswersByIndex(Rules):
    """Answers whoever waits for an index, with whatever entry came to stand there.

    Mechanism: requests under way are remembered by index, and kept when leadership ends
    (Raft's student guide warns of it: an index is not an identity).  Seen: R22.  Needs: a
    leader cut off with a request under way, another entry at its index.  Revealed by: lost
    writes; answers to other questions.
    """

    def awaited(self, position: Position) -> Position:
        return Position(Term(0), position.index)

    def answer_when_deposed(self, position: Position) -> Lost | Results | Unavailable | None:
        del position
        return None


class ReadsBeforeOwnCommit(Rules):
    """Lets a new leader read before it has committed an entry of its term.

    Mechanism: its commit point may be older than what the leader before acknowledged
    (Ongaro 2014, 6.4).  Seen: M19 (etcd issue 7331; TiKV pull request 9239).  Needs: an
    election, and a read right after it.  Revealed by: stale reads.
    """

    def knows_commit_point(self, commit: Position, term: Term) -> bool:
        del commit, term
        return True


class ForwardsAsNew(Rules):
    """Forwards a request under a new name.

    Mechanism: the redirect makes a request of its own, so the client's next try is not
    recognized.  Seen: R26.  Needs: a request that a follower forwards, a lost answer and a
    retry.  Revealed by: elements appended twice.
    """

    def forwarded(self, put: PutEntries) -> PutEntries:
        again = Session(ClientId(f"{put.session.client}, forwarded"), put.session.sequence)
        return replace(put, session=again)


class LeaseAfterSleep(Rules):
    """Judges its lease by the time of its last tick.

    Mechanism: a process that was stopped and goes on answers a read before it looks at the
    clock (Kleppmann 2016 tells the same of locks).  Seen: R35.  Needs: reads by lease, a
    leader paused for longer than the lease, a read that waits for it.  Revealed by: stale
    reads.
    """

    def lease_is_judged_at(self, now: Nanos, ticked: Nanos) -> Nanos:
        del now
        return ticked


MUTANTS = (
    Mutant(
        name="stale-read",
        ids=("R24",),
        summary="Any node answers linearizable reads from its applied state.",
        breaks=("linearizability",),
        revealed_by=("linearizability",),
        rules=ServesStaleReads,
    ),
    Mutant(
        name="unconfirmed-read",
        ids=("M18",),
        summary="The leader answers reads without confirming that it still leads.",
        breaks=("linearizability",),
        needs=(
            Need.READS,
            Need.PAUSE,
        ),
        revealed_by=("linearizability",),
        rules=ReadsUnconfirmed,
    ),
    Mutant(
        name="lease-ignores-drift",
        ids=("M20",),
        summary="The leader's lease is as long as the promises, though clocks may drift.",
        breaks=("linearizability",),
        needs=(
            Need.READS,
            Need.LEASE_READS,
            Need.CLOCK_DRIFT,
            # The first to lead has a fast clock: it was the first to campaign.
            Need.TRANSFER,
            Need.FLAPPING,
        ),
        revealed_by=("linearizability",),
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
        revealed_by=("linearizability",),
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
        revealed_by=("claim",),
        rules=TakesEverything,
    ),
    Mutant(
        name="says-not-executed",
        ids=("S21",),
        summary="A deposed leader tells clients that their pending requests were not executed.",
        breaks=("linearizability",),
        needs=(
            Need.ELECTION,
            Need.DELAY,
        ),
        revealed_by=("linearizability",),
        rules=SaysNotExecuted,
    ),
    Mutant(
        name="says-executed",
        ids=("R21",),
        summary="A deposed leader tells clients that their pending requests were executed.",
        breaks=("linearizability", "durability"),
        needs=(Need.PARTITION,),
        revealed_by=(
            "acknowledged entries are kept",
            "linearizability",
        ),
        rules=SaysExecuted,
    ),
    Mutant(
        name="answers-by-index",
        ids=("R22",),
        summary="A request is answered by whatever entry comes to stand at its index.",
        breaks=("linearizability",),
        needs=(Need.PARTITION,),
        revealed_by=("linearizability",),
        rules=AnswersByIndex,
    ),
    Mutant(
        name="reads-before-own-commit",
        ids=("M19",),
        summary="A new leader reads before it has committed an entry of its term.",
        breaks=("linearizability",),
        needs=(
            Need.READS,
            Need.FLAPPING,
            Need.DELAY,
        ),
        revealed_by=("linearizability",),
        rules=ReadsBeforeOwnCommit,
    ),
    Mutant(
        name="forwards-as-new",
        ids=("R26",),
        summary="A follower forwards a request under another name than the client's.",
        breaks=("exactly once",),
        needs=(
            Need.GATEWAY,
            Need.RETRIES,
            Need.LOSS,
        ),
        revealed_by=("linearizability",),
        rules=ForwardsAsNew,
    ),
    Mutant(
        name="lease-after-sleep",
        ids=("R35",),
        summary="A leader that was paused serves a read by a lease that is over.",
        breaks=("linearizability",),
        needs=(
            Need.READS,
            Need.LEASE_READS,
            Need.PAUSE,
        ),
        revealed_by=("linearizability",),
        rules=LeaseAfterSleep,
    ),
)
