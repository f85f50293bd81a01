"""The invariants between nodes, in whatever order their events are told.

No clock and no order between nodes is used: whatever two facts contradict each
other is found when the second arrives.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from checker.raft.chain import EMPTY
from checker.raft.completeness import Completeness, Gap, Record, add_longest
from checker.raft.findings import Findings, Invariant, Sighting
from checker.raft.membership import Memberships
from checker.raft.prefix import Prefix, common, cut, empty_log, extend, holds
from histories.trace import Answered, Applied

BEFORE_ALL_TERMS: Final = -1
"""When the empty log was committed."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the traces as a whole allow to be concluded at the end.

    ``silent``: members of which nothing, or not everything, is known.
    """

    silent: frozenset[str]


@dataclass(frozen=True, slots=True)
class Election:
    """``leader`` took itself for elected by ``voters``, those in force at it."""

    leader: str
    voters: tuple[str, ...]
    sighting: Sighting


class Cluster:
    """Everything that more than one node must agree on."""

    def __init__(self, findings: Findings) -> None:
        self.root = empty_log()
        self.root.commit_term = BEFORE_ALL_TERMS
        self.leaders: dict[int, Sighting] = {}
        self.committed = self.root
        self._committed_seen: Sighting | None = None
        self._findings = findings
        self._entries: dict[tuple[int, int], Prefix] = {}
        self._applied: dict[int, Sighting] = {}
        self._also_applied: dict[tuple[int, int, int], Sighting] = {}
        self._commits = Completeness(self.root)
        self.memberships = Memberships(findings)
        self._elections: dict[int, list[Election]] = {}
        self._votes: dict[int, dict[str, set[str]]] = {}
        # By whether the leader's own disk held the entry when it decided; then by its term
        # and the voters in force.
        self._decided: tuple[dict[tuple[int, tuple[str, ...]], list[Record]], ...] = ({}, {})
        self._durable: dict[int, dict[str, list[Record]]] = {}
        self._durable_terms: list[int] = []
        self._acknowledged = Completeness(self.root)
        self._learnt: dict[str, list[Record]] = {}
        self._answered: dict[Prefix, Sighting] = {}
        self._images: dict[Prefix, tuple[int, Sighting]] = {}
        self._by_chain: dict[int, Prefix] = {EMPTY: self.root}

    def voted(self, term: int, voter: str, candidate: str) -> None:
        """``voter`` gave its vote away."""
        self._votes.setdefault(term, {}).setdefault(candidate, set()).add(voter)

    def elected(
        self, term: int, log: Prefix | None, voters: tuple[str, ...], here: Sighting
    ) -> None:
        """``log``: what the new leader held, ``None`` if that cannot be known."""
        self._elections.setdefault(term, []).append(Election(here.node, voters, here))
        first = self.leaders.setdefault(term, here)
        if first.node != here.node:
            self._findings.report(
                Invariant.ELECTION_SAFETY,
                f"{first.node} and {here.node} were both leader of term {term}",
                first,
                here,
            )
        if log is not None:
            self._report_lost_commit(self._commits.elected(term, log, here))
            self._report_lost_answer(self._acknowledged.elected(term, log, here))

    def appended(self, log: Prefix, term: int, digest: int, here: Sighting) -> Prefix:
        """``log`` with one more entry.

        Raises:
            OutOfRange: ``term`` or ``digest`` is not an unsigned 64-bit number.
        """
        prefix, new = extend(log, term, digest, here)
        if new:
            self._by_chain[prefix.chain] = prefix
            other = self._entries.setdefault((prefix.index, term), prefix)
            if other is not prefix:
                assert other.seen is not None, "only the empty log was never appended"
                self._findings.report(
                    Invariant.LOG_MATCHING,
                    f"{_who(other.seen, here)} held entry {prefix.index} of term {term} in logs"
                    f" that differ before it or at it, first at index"
                    f" {common(other, prefix).index + 1}",
                    other.seen,
                    here,
                )
        return prefix

    def find(self, index: int, digest: int) -> Prefix | None:
        """The log of ``index`` entries with that chained digest, if anybody had it so far."""
        prefix = self._by_chain.get(digest)
        return prefix if prefix is not None and prefix.index == index else None

    def snapshot(self, log: Prefix, image: int, here: Sighting) -> None:
        """A node's state machine that stands for all of ``log`` has the digest ``image``."""
        first_image, first = self._images.setdefault(log, (image, here))
        if first_image != image:
            self._findings.report(
                Invariant.SNAPSHOT,
                f"{_who(first, here)} had different snapshots of the same log up to index"
                f" {log.index} of term {log.term}",
                first,
                here,
            )

    def durable(self, node: str, term: int, log: Prefix, here: Sighting) -> None:
        """``node``'s disk holds ``log`` together with the current term ``term``."""
        by_node = self._durable.get(term)
        if by_node is None:
            by_node = self._durable[term] = {}
            insort(self._durable_terms, term)
        add_longest(by_node.setdefault(node, []), Record(term, log, here))

    def was_durable(self, node: str, term: int, last_index: int, last_term: int) -> bool:
        """Whether ``node``'s disk ever held that position in ``term`` or a later one."""
        first = bisect_left(self._durable_terms, term)
        return any(
            0 <= last_index <= record.prefix.index
            and cut(record.prefix, last_index).term == last_term
            for later in self._durable_terms[first:]
            for record in self._durable[later].get(node, ())
        )

    def decided(
        self, term: int, log: Prefix, here: Sighting, *, voters: tuple[str, ...], own_disk: bool
    ) -> None:
        """The leader of ``term`` committed all of ``log`` by counting ``voters``."""
        self._agree(log, here)
        prefix = log
        while prefix.commit_term is None or prefix.commit_term > term:
            prefix.commit_term, prefix.commit_seen = term, here
            if prefix.truncated_term is not None and prefix.truncated_term >= term:
                self._report_truncated(prefix)
            prefix = prefix.parent
        decisions = self._decided[own_disk].setdefault((term, voters), [])
        add_longest(decisions, Record(term, log, here))
        self._report_lost_commit(self._commits.promised(term, log, here))

    def learnt(self, log: Prefix, here: Sighting) -> None:
        """A node believes, on hearsay, that all of ``log`` is committed."""
        self._agree(log, here)
        if log.commit_term is None:
            add_longest(self._learnt.setdefault(here.node, []), Record(0, log, here))

    def truncated(self, dropped: Prefix, last_term: int, here: Sighting) -> None:
        """A node whose log ended with ``last_term`` gave up ``dropped`` and what followed.

        It did so because a log with a later last term lacks ``dropped``.  If the
        leader of a term up to ``last_term`` committed ``dropped``, now or later,
        no such log can exist.  (A commit in a term after ``last_term`` proves
        nothing: a node may drop an entry that another leader commits afterwards.)
        """
        if dropped.truncated_term is None or last_term > dropped.truncated_term:
            dropped.truncated_term, dropped.truncated_seen = last_term, here
        if dropped.commit_term is not None and dropped.commit_term <= last_term:
            self._report_truncated(dropped)

    def applied(self, event: Applied, here: Sighting) -> None:
        first = self._applied.setdefault(event.index, here)
        known = first.event
        assert isinstance(known, Applied)
        if (known.term, known.digest) != (event.term, event.digest):
            self._findings.report(
                Invariant.STATE_MACHINE_SAFETY,
                f"{_who(first, here)} applied different entries at index {event.index},"
                f" of term {known.term} and of term {event.term}",
                first,
                here,
            )
            # Those who applied this other entry must still agree on its result.
            entry = (event.index, event.term, event.digest)
            first = self._also_applied.setdefault(entry, here)
            known = first.event
            assert isinstance(known, Applied)
        if known.result_digest != event.result_digest:
            self._findings.report(
                Invariant.DETERMINISM,
                f"{_who(first, here)} applied the same entry {event.index} of term"
                f" {event.term} with different results",
                first,
                here,
            )

    def acknowledged(self, term: int, log: Prefix, here: Sighting) -> None:
        """In ``term`` a client was told that the last entry of ``log`` is safe."""
        if log.commit_term is None:
            self._answered.setdefault(log, here)
        self._report_lost_answer(self._acknowledged.promised(term, log, here))

    def finish(self, evidence: Evidence, findings: Findings) -> None:
        """What only the whole of the traces can show goes to ``findings``."""
        for own_disk, by_term in enumerate(self._decided):
            for (_, voters), records in by_term.items():
                for record in records:
                    self._check_quorum(record, voters, bool(own_disk), evidence, findings)
        for term in sorted(self._elections):
            for election in self._elections[term]:
                self._check_election(term, election, evidence, findings)
        if evidence.silent:
            return  # Who decided may be among those who are not heard.
        for record in self._undecided():
            findings.report(
                Invariant.COMMIT_RULE,
                f"{record.sighting.node} took entry {record.prefix.index} of term"
                f" {record.prefix.term} for committed, which no leader ever committed",
                record.prefix.seen,
                record.sighting,
            )
        for prefix, sighting in self._answered.items():
            if prefix.commit_term is None:
                findings.report(
                    Invariant.ACKNOWLEDGED_KEPT,
                    f"{sighting.node} acknowledged entry {prefix.index} of term {prefix.term},"
                    " which no leader ever committed",
                    prefix.seen,
                    sighting,
                )

    def _undecided(self) -> Iterator[Record]:
        for node in sorted(self._learnt):
            for record in self._learnt[node]:
                if record.prefix.commit_term is None:
                    yield record

    def _check_election(
        self, term: int, election: Election, evidence: Evidence, findings: Findings
    ) -> None:
        """Votes count once given away, and only those of voters in force at the leader."""
        leader, voters = election.leader, election.voters
        given = self._votes.get(term, {}).get(leader, set()) | {leader}
        unheard = sum(voter in evidence.silent and voter not in given for voter in voters)
        supporters = [voter for voter in voters if voter in given]
        if len(supporters) + unheard < len(voters) // 2 + 1:
            findings.report(
                Invariant.ELECTED,
                f"{leader} became leader of term {term} though only"
                f" {', '.join(supporters) or 'nobody'} of {', '.join(voters)} voted for it",
                election.sighting,
            )

    def _check_quorum(
        self,
        decision: Record,
        members: tuple[str, ...],
        own_disk: bool,
        evidence: Evidence,
        findings: Findings,
    ) -> None:
        """A position counts only if the node was in the leader's term when it held it."""
        leader = decision.sighting.node
        holders = [
            member
            for member in members
            if (own_disk if member == leader else self._holds_durably(member, decision))
        ]
        unheard = sum(member in evidence.silent and member != leader for member in members)
        if len(holders) + unheard >= len(members) // 2 + 1:
            return
        findings.report(
            Invariant.COMMIT_RULE,
            f"{leader} committed entry {decision.prefix.index} as leader of term {decision.term}"
            f" though only {', '.join(holders) or 'nobody'} of {', '.join(members)} held it"
            " durably in that term",
            decision.prefix.seen,
            decision.sighting,
        )

    def _holds_durably(self, node: str, decision: Record) -> bool:
        records = self._durable.get(decision.term, {}).get(node, ())
        return any(holds(record.prefix, decision.prefix) for record in records)

    def _agree(self, log: Prefix, here: Sighting) -> None:
        longest, seen = self.committed, self._committed_seen
        if holds(longest, log):
            return
        if holds(log, longest):
            self.committed, self._committed_seen = log, here
            return
        assert seen is not None, "every log holds the empty one"
        self._findings.report(
            Invariant.COMMITTED_AGREE,
            f"{_who(seen, here)} committed logs, up to index {longest.index} of term"
            f" {longest.term} and index {log.index} of term {log.term}, that first differ at"
            f" index {common(longest, log).index + 1}",
            seen,
            here,
        )

    def _report_truncated(self, prefix: Prefix) -> None:
        seen, commit = prefix.truncated_seen, prefix.commit_seen
        assert seen is not None
        assert commit is not None
        self._findings.report(
            Invariant.COMMITTED_KEPT,
            f"{seen.node} truncated entry {prefix.index} of term {prefix.term}, which"
            f" {commit.node} had committed as leader of term {prefix.commit_term}",
            commit,
            seen,
        )

    def _report_lost_commit(self, gap: Gap | None) -> None:
        if gap is not None:
            promise, election = gap.promise, gap.election
            self._findings.report(
                Invariant.LEADER_COMPLETENESS,
                f"{election.sighting.node} became leader of term {election.term} without entry"
                f" {gap.index} of the log that {promise.sighting.node} had committed up to index"
                f" {promise.prefix.index} as leader of term {promise.term}",
                promise.sighting,
                election.sighting,
            )

    def _report_lost_answer(self, gap: Gap | None) -> None:
        if gap is not None:
            promise, election = gap.promise, gap.election
            answer = promise.sighting.event
            assert isinstance(answer, Answered)
            self._findings.report(
                Invariant.ACKNOWLEDGED_KEPT,
                f"{election.sighting.node} became leader of term {election.term} without entry"
                f" {gap.index} of the log up to index {answer.index} whose last entry"
                f" {promise.sighting.node} had acknowledged to client {answer.client} in term"
                f" {promise.term}",
                promise.sighting,
                election.sighting,
            )


def _who(first: Sighting, second: Sighting) -> str:
    if first.node == second.node:
        return f"{first.node} at two times"
    return f"{first.node} and {second.node}"
