"""Watches nodes' events as they come and says what they break."""

from __future__ import annotations

from collections import deque
from typing import assert_never

from checker.raft.ballot import Ballot
from checker.raft.chain import OutOfRange
from checker.raft.cluster import Cluster, Evidence
from checker.raft.findings import Findings, Invariant, Sighting
from checker.raft.prefix import Prefix
from checker.raft.replica import Replica
from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid, Verdict
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
    SourceChosen,
    Stopped,
    TermAdopted,
    Truncated,
    Voted,
    VoteTold,
)


class MalformedTrace(ValueError):
    """An event that no node can write; the message names node, line and field."""


class RaftMonitor:
    """The invariants of Raft over the events of all nodes (Ongaro & Ousterhout 2014).

    1. A node's events are fed in its own order; nodes may be interleaved in any
       way: which invariants are violated does not depend on it (which violation
       is the first, and how many are counted, may).
    2. What is found while feeding is final; ``finish`` adds what only the end of
       the traces can show, and may be called at any time, repeatedly.
    3. State machines are rebuilt from the log: after each boot a node applies from
       index 1, or from the one after its snapshot.
    4. A node that installs a snapshot is followed on as soon as another node's events
       tell which log that snapshot stands for; until then its events wait.

    Cost: O(log n) per event, well under 1 kB for each distinct log entry.
    """

    def __init__(self) -> None:
        self._findings = Findings()
        self._cluster = Cluster(self._findings)
        self._nodes: dict[str, _Node] = {}
        self._events = 0
        self._waiting: list[_Node] = []

    def feed(self, node: str, event: NodeEvent) -> None:
        """Take the next event of ``node``.

        Raises:
            MalformedTrace: A term or digest is not an unsigned 64-bit number.
        """
        watched = self._nodes.get(node)
        if watched is None:
            watched = self._nodes[node] = _Node(node, self._cluster, self._findings)
        self._events += 1
        try:
            if not watched.feed(event) and watched not in self._waiting:
                self._waiting.append(watched)
            while resumed := [waiting for waiting in self._waiting if waiting.resume()]:
                self._waiting = [w for w in self._waiting if w.awaited is not None]
                watched = resumed[-1]
        except OutOfRange as problem:
            raise MalformedTrace(f"{node} line {watched.line}: {problem}") from problem

    @property
    def violated(self) -> bool:
        return bool(self._findings)

    def anomalies(self) -> tuple[Anomaly, ...]:
        """What is certain already, one for each invariant violated."""
        return self._findings.anomalies()

    def finish(self) -> Verdict:
        """The verdict if nothing more comes."""
        findings = self._findings.copy()
        evidence = self._evidence()
        if evidence.silent <= {waiting.name for waiting in self._waiting}:
            for waiting in self._waiting:
                waiting.report_unknown_snapshot(findings)
        self._cluster.finish(evidence, findings)
        if findings:
            return Invalid(findings.anomalies())
        silent = sorted(evidence.silent)
        if not self._events:
            return Unknown(UnknownCause.NOTHING_TO_CHECK, "the traces hold no event")
        if silent:
            return Unknown(
                UnknownCause.INCOMPLETE_EVIDENCE,
                f"no complete trace of {', '.join(silent)}: missing, or begun after the node's"
                " first start",
            )
        cluster = self._cluster
        if not cluster.leaders:
            return Unknown(UnknownCause.NOTHING_TO_CHECK, "no leader was ever elected")
        if not cluster.committed.index:
            return Unknown(UnknownCause.NOTHING_TO_CHECK, "nothing was ever committed")
        return Valid(
            f"{len(self._nodes)} nodes, {self._events:,} events,"
            f" {cluster.committed.index:,} entries committed,"
            f" terms with a leader: {len(cluster.leaders):,}"
        )

    def _evidence(self) -> Evidence:
        everybody = set(self._nodes).union(*(node.members for node in self._nodes.values()))
        complete = {name for name, node in self._nodes.items() if node.complete}
        return Evidence(frozenset(everybody - complete))


class _Node:
    """Numbers the events of one node and hands each to whom it concerns."""

    def __init__(self, name: str, cluster: Cluster, findings: Findings) -> None:
        self.line = 0
        self.members: set[str] = set()
        self.name = name
        self._cluster = cluster
        self._findings = findings
        self._ballot = Ballot(name, findings)
        self._replica = Replica(name, cluster, findings)
        self._boots = 0
        self._incarnation = 0
        self._durable_incarnation = 0
        self._from_the_start = True
        self._queue: deque[NodeEvent] = deque()

    @property
    def awaited(self) -> NodeEvent | None:
        """The event that waits for other nodes' events, and all later ones with it."""
        return self._queue[0] if self._queue else None

    @property
    def complete(self) -> bool:
        """Whether all that the node ever did is known."""
        return self._from_the_start and self._replica.tracked and not self._queue

    def feed(self, event: NodeEvent) -> bool:
        """Whether it could be judged; if not, it waits for ``resume``."""
        if not self._queue and self._take(event):
            return True
        self._queue.append(event)
        return False

    def resume(self) -> bool:
        """Go on with the events that wait, as far as possible; whether any was judged."""
        before = len(self._queue)
        while self._queue and self._take(self._queue[0]):
            self._queue.popleft()
        return len(self._queue) < before

    def report_unknown_snapshot(self, findings: Findings) -> None:
        event = self.awaited
        assert isinstance(event, SnapshotInstalled)
        findings.report(
            Invariant.SNAPSHOT,
            f"{self.name} installed a snapshot at index {event.index} of term {event.term} of a"
            " log that no node ever had",
            Sighting(self.name, self.line + 1, event),
        )

    def _take(self, event: NodeEvent) -> bool:
        log = None
        if isinstance(event, SnapshotInstalled) and self._boots:
            log = self._cluster.find(event.index, event.log_digest)
            if log is None:
                return False
        self._judge(event, log)
        return True

    def _judge(self, event: NodeEvent, log: Prefix | None) -> None:
        """``log``: what an installed snapshot stands for."""
        self.line += 1
        if not self._boots and not isinstance(event, Booted):
            self._from_the_start = False  # What the node held here is unknown.
            return
        here = Sighting(self.name, self.line, event)
        ballot, replica = self._ballot, self._replica
        match event:
            case Appended():
                replica.appended(event, here)
            case Applied():
                replica.applied(event, here)
            case Persisted():
                # A start that died before its first write may be numbered again.
                self._durable_incarnation = max(self._durable_incarnation, self._incarnation)
                ballot.persisted(event, here)
                replica.persisted(event, here)
            case PositionTold():
                ballot.told_term(event.term, here)
                replica.told_position(event, here)
            case Committed():
                replica.committed(event, here)
            case Answered():
                replica.answered(event, ballot.term, here)
            case Truncated():
                replica.truncated(event, here)
            case TermAdopted():
                ballot.entered(event, here)
                replica.adopted(event.term)
            case Voted():
                ballot.voted(event, here)
            case VoteTold():
                ballot.told_vote(event, here)
                self._cluster.voted(event.term, self.name, event.candidate)
            case RoleChanged():
                self._role_changed(event, here)
            case MembershipChanged():
                self.members.update(event.voters)
                replica.changed_membership(event, here)
            case Booted():
                self._booted(event, here)
            case Stopped():
                replica.follows()
            case SourceChosen():
                pass  # Whom a node asks is advice (PROTOCOL D3).
            case SnapshotTaken():
                replica.snapshot_taken(event, here)
            case SnapshotInstalled():
                assert log is not None
                replica.snapshot_installed(event, log, here)
            case _:
                assert_never(event)

    def _role_changed(self, event: RoleChanged, here: Sighting) -> None:
        self._ballot.entered(event, here)
        if event.role != "leader":
            self._replica.follows()
            return
        self._replica.leads(event.term)
        self._ballot.leads(event.term, here)
        log = self._replica.last if self._replica.tracked else None
        self._cluster.elected(event.term, log, self._replica.voters, here)

    def _booted(self, event: Booted, here: Sighting) -> None:
        first = not self._boots
        self._boots += 1
        if event.incarnation <= self._durable_incarnation:
            self._findings.report(
                Invariant.RECOVERY,
                f"{self.name} started as incarnation {event.incarnation} although incarnation"
                f" {self._durable_incarnation} had been durable",
                here,
            )
        self._incarnation = event.incarnation
        self.members.update(event.members)
        if first and (event.term or event.vote is not None or event.recovering):
            self._from_the_start = False
        self._ballot.booted(event, here, first=first)
        self._replica.booted(event, here, first=first)
