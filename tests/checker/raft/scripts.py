"""Writes a node's trace by what it does, so that a test says only what matters."""

from __future__ import annotations

from checker.base import Budget
from checker.raft.chain import chain
from checker.raft.invariants import check_traces
from checker.verdict import Anomaly, Invalid, Verdict
from histories.trace import (
    Answered,
    Appended,
    Applied,
    Booted,
    Committed,
    MembershipChanged,
    NodeEvent,
    Persisted,
    PositionTold,
    RoleChanged,
    SnapshotInstalled,
    SnapshotTaken,
    Stopped,
    TermAdopted,
    Truncated,
    Voted,
    VoteTold,
)

Log = tuple[tuple[int, int], ...]
"""(term, digest) from index 1 on."""

THREE = ("n0", "n1", "n2")


def digest_of(index: int, term: int) -> int:
    """What an entry holds unless the test says otherwise."""
    return 1_000 * index + term


class Script:
    """One node.  Methods append the event and keep what the node then has in memory."""

    def __init__(self, name: str, members: tuple[str, ...] = THREE, at: int = 0) -> None:
        self.name = name
        self.members = members
        self.at = at
        self.events: list[NodeEvent] = []
        self.incarnation = 0
        self.term = 0
        self.vote: str | None = None
        self.log: Log = ()
        self.commit = 0
        self.applied = 0
        self.durable: tuple[int, str | None, Log] = (0, None, ())
        self.snapshot: tuple[int, int] = (0, 0)  # index, image
        self.known: dict[int, Log] = {}
        """Of the snapshots installed: what they stand for, by digest."""

    def now(self) -> int:
        self.at += 10
        return self.at

    def boot(self, commit: int = 0) -> None:
        """Start with what the disk holds for certain."""
        self.boot_with(*self.durable, commit=commit)

    def boot_with(self, term: int, vote: str | None, log: Log, commit: int = 0) -> None:
        self.incarnation += 1
        if self.snapshot[0] > len(log):
            self.snapshot = (0, 0)
        index, image = self.snapshot
        commit = max(commit, index)
        self.term, self.vote, self.log, self.commit, self.applied = term, vote, log, commit, index
        self.durable = (term, vote, log)
        self.events.append(
            Booted(
                at=self.now(),
                incarnation=self.incarnation,
                term=term,
                vote=vote,
                last_term=self.last_term,
                last_index=len(log),
                commit_index=commit,
                log_digest=chain(log),
                members=self.members,
                snapshot_index=index,
                image_digest=image,
            )
        )

    def wiped(self) -> None:
        """Start without anything, knowing so."""
        self.incarnation += 1
        self.term, self.vote, self.log, self.commit, self.applied = 0, None, (), 0, 0
        self.durable, self.snapshot = (0, None, ()), (0, 0)
        self.events.append(
            Booted(
                at=self.now(),
                incarnation=self.incarnation,
                term=0,
                vote=None,
                last_term=0,
                last_index=0,
                commit_index=0,
                log_digest=0,
                members=self.members,
                recovering=True,
            )
        )

    def take_snapshot(self, index: int | None = None, image: int | None = None) -> None:
        """Of what is applied, unless the test says otherwise."""
        index = self.applied if index is None else index
        part = self.log[:index]
        image = chain(part) + 1 if image is None else image
        self.snapshot = (index, image)
        self.events.append(
            SnapshotTaken(
                at=self.now(),
                index=index,
                term=part[-1][0],
                log_digest=chain(part),
                image_digest=image,
            )
        )

    def install(self, log: Log, image: int | None = None) -> None:
        """A snapshot of all of ``log``."""
        index, image = len(log), chain(log) + 1 if image is None else image
        if self.log[:index] != log:
            self.log = log
        self.known[chain(log)] = log
        self.snapshot = (index, image)
        self.commit = self.applied = index
        self.events.append(
            SnapshotInstalled(
                at=self.now(),
                index=index,
                term=log[-1][0],
                log_digest=chain(log),
                image_digest=image,
            )
        )

    @property
    def last_term(self) -> int:
        return self.log[-1][0] if self.log else 0

    def adopt(self, term: int) -> None:
        self.term, self.vote = term, None
        self.events.append(TermAdopted(at=self.now(), term=term))

    def become(self, role: str) -> None:
        self.events.append(RoleChanged(at=self.now(), role=role, term=self.term))

    def vote_for(self, candidate: str) -> None:
        self.vote = candidate
        self.events.append(Voted(at=self.now(), term=self.term, candidate=candidate))

    def tell_vote(self) -> None:
        assert self.vote is not None
        self.events.append(VoteTold(at=self.now(), term=self.term, candidate=self.vote))

    def grant(self, term: int, candidate: str) -> None:
        """Adopt ``term``, vote, persist, tell."""
        self.adopt(term)
        self.vote_for(candidate)
        self.persist()
        self.tell_vote()

    def lead(self, term: int, *voters: Script) -> None:
        """Be elected in ``term`` by oneself and ``voters``, by the book."""
        for voter in voters:
            voter.grant(term, self.name)
        self.adopt(term)
        self.become("candidate")
        self.vote_for(self.name)
        self.persist()
        self.become("leader")

    def append(self, term: int, digest: int | None = None) -> None:
        index = len(self.log) + 1
        digest = digest_of(index, term) if digest is None else digest
        self.log = (*self.log, (term, digest))
        self.events.append(Appended(at=self.now(), index=index, term=term, digest=digest))

    def copy(self, other: Script) -> None:
        """Append what ``other`` has more."""
        for term, digest in other.log[len(self.log) :]:
            self.append(term, digest)

    def truncate(self, from_index: int) -> None:
        self.log = self.log[: from_index - 1]
        self.events.append(Truncated(at=self.now(), from_index=from_index))

    def persist(self) -> None:
        self.durable = (self.term, self.vote, self.log)
        self.events.append(
            Persisted(
                at=self.now(),
                term=self.term,
                vote=self.vote,
                last_term=self.last_term,
                last_index=len(self.log),
            )
        )

    def tell_position(self) -> None:
        self.tell_position_of(self.term, self.last_term, len(self.log))

    def tell_position_of(self, term: int, last_term: int, last_index: int) -> None:
        self.events.append(
            PositionTold(at=self.now(), term=term, last_term=last_term, last_index=last_index)
        )

    def commit_to(self, index: int, *, leads: bool = False) -> None:
        self.commit = index
        term = self.log[index - 1][0] if 0 < index <= len(self.log) else 0
        self.events.append(
            Committed(
                at=self.now(), index=index, term=term, leader_term=self.term if leads else None
            )
        )

    def apply(self, index: int | None = None, *, result: int | None = None) -> None:
        index = self.applied + 1 if index is None else index
        self.applied = index
        term, digest = self.log[index - 1]
        self.events.append(
            Applied(
                at=self.now(),
                index=index,
                term=term,
                digest=digest,
                result_digest=digest + 7 if result is None else result,
            )
        )

    def answer(self, index: int, client: str = "c1", sequence: int = 1) -> None:
        term = self.log[index - 1][0]
        self.events.append(
            Answered(at=self.now(), index=index, term=term, client=client, sequence=sequence)
        )

    def change(self, *voters: str, digest: int | None = None) -> None:
        """Append an entry that makes ``voters`` the ones who count."""
        self.append(self.term, digest)
        self.take_voters(len(self.log), *voters)

    def take_voters(self, index: int, *voters: str) -> None:
        self.members = voters
        self.events.append(MembershipChanged(at=self.now(), index=index, voters=voters))

    def stop(self) -> None:
        self.events.append(Stopped(at=self.now(), reason="told to"))


def cluster(size: int = 3) -> tuple[Script, ...]:
    """Nodes n0, n1, ... that have booted for the first time."""
    members = tuple(f"n{number}" for number in range(size))
    nodes = tuple(Script(name, members) for name in members)
    for node in nodes:
        node.boot()
    return nodes


def new_leader(leader: Script, voter: Script, term: int) -> None:
    voter.grant(term, leader.name)
    leader.lead(term)
    leader.append(term)


def replicate(leader: Script, *followers: Script) -> None:
    """What the leader has reaches its disk and the followers', who say so."""
    leader.persist()
    for follower in followers:
        if follower.term < leader.term:
            follower.adopt(leader.term)
        follower.copy(leader)
        follower.persist()
        follower.tell_position()


def settle(leader: Script, *followers: Script) -> None:
    """Replicate, commit and apply all the leader has."""
    replicate(leader, *followers)
    leader.commit_to(len(leader.log), leads=True)
    for node in (leader, *followers):
        if node is not leader:
            node.commit_to(len(leader.log))
        while node.applied < node.commit:
            node.apply()


def healthy() -> tuple[Script, Script, Script]:
    """n0 leads term 1 and has committed and applied three entries everywhere."""
    n0, n1, n2 = cluster(3)
    n0.lead(1)
    n1.grant(1, "n0")
    for _ in range(3):
        n0.append(1)
    settle(n0, n1, n2)
    return n0, n1, n2


def judge(*nodes: Script) -> Verdict:
    return check_traces({node.name: node.events for node in nodes}, budget=Budget())


def kinds(verdict: Verdict) -> set[str]:
    return (
        {anomaly.kind for anomaly in verdict.anomalies} if isinstance(verdict, Invalid) else set()
    )


def found(verdict: Verdict, kind: str) -> Anomaly:
    """The anomaly of that kind, which must be there."""
    assert isinstance(verdict, Invalid), verdict
    (anomaly,) = [anomaly for anomaly in verdict.anomalies if anomaly.kind == kind]
    return anomaly
