"""Terms and votes of one node: decided, durable, revealed, recovered."""

from __future__ import annotations

from dataclasses import dataclass

from checker.raft.findings import Findings, Invariant, Sighting, is_wiped
from histories.trace import Booted, Persisted, RoleChanged, TermAdopted, Voted, VoteTold


@dataclass(frozen=True, slots=True)
class _Vote:
    candidate: str
    sighting: Sighting


class Ballot:
    """Only this node's own order of events is used.

    A vote that was decided but neither made durable nor told before the node
    died never existed: the next incarnation may give it to another candidate.
    """

    def __init__(self, node: str, findings: Findings) -> None:
        self.term = 0
        self._node = node
        self._findings = findings
        self._term_seen: Sighting | None = None
        self._durable_term = 0
        self._durable_vote: str | None = None
        self._durable_seen: Sighting | None = None
        self._told_term = 0
        self._told_seen: Sighting | None = None
        self._votes: dict[int, _Vote] = {}
        self._in_memory: set[int] = set()
        self._durable_votes: dict[int, str] = {}

    def booted(self, event: Booted, here: Sighting, *, first: bool) -> None:
        """Check what was recovered, unless it is the ``first`` the trace tells of.

        Of a disk that is known to be lost nothing is asked, but votes once given stay given.
        """
        if is_wiped(event):
            self._told_term = 0
        elif not first:
            self._check_recovered(event, here)
        for term in self._in_memory:
            if term != event.term or self._votes[term].candidate != event.vote:
                del self._votes[term]
        self._in_memory.clear()
        self.term, self._term_seen = event.term, here
        self._make_durable(event.term, event.vote, here)

    def entered(self, event: TermAdopted | RoleChanged | Voted, here: Sighting) -> None:
        """The node acts in ``event.term``, which may be new but not old."""
        if event.term < self.term:
            self._report(
                Invariant.TERMS,
                f"{self._node} went back to term {event.term} after term {self.term}",
                self._term_seen,
                here,
            )
        elif event.term > self.term:
            self.term, self._term_seen = event.term, here

    def voted(self, event: Voted, here: Sighting) -> None:
        self.entered(event, here)
        if event.term not in self._votes:
            self._in_memory.add(event.term)
        self._vote(event.term, event.candidate, here)

    def leads(self, term: int, here: Sighting) -> None:
        """The node was elected, so it counted, and thereby used, its own vote."""
        self._reveal(term, here)
        if self._durable_votes.get(term) != self._node:
            self._report(
                Invariant.DURABLE_FIRST,
                f"{self._node} became leader of term {term} before its own vote in that term"
                " was durable",
                self._durable_seen,
                here,
            )

    def persisted(self, event: Persisted, here: Sighting) -> None:
        if event.term < self._durable_term:
            self._report(
                Invariant.TERMS,
                f"{self._node} persisted term {event.term} after term {self._durable_term}",
                self._durable_seen,
                here,
            )
        if event.term > self.term:
            self.term, self._term_seen = event.term, here
        self._make_durable(event.term, event.vote, here)

    def told_vote(self, event: VoteTold, here: Sighting) -> None:
        self._reveal(event.term, here)
        self._settle(event.term, event.candidate, here)
        if self._durable_votes.get(event.term) != event.candidate:
            self._report(
                Invariant.DURABLE_FIRST,
                f"{self._node} told {event.candidate} of its vote in term {event.term} before"
                " that vote was durable",
                self._durable_seen,
                here,
            )

    def told_term(self, term: int, here: Sighting) -> None:
        """A message leaves that states ``term``."""
        self._reveal(term, here)
        if term > self._durable_term:
            self._report(
                Invariant.DURABLE_FIRST,
                f"{self._node} stated term {term} to others while only term"
                f" {self._durable_term} was durable",
                self._durable_seen,
                here,
            )

    def _check_recovered(self, event: Booted, here: Sighting) -> None:
        known = self._votes.get(event.term)
        if event.term < max(self._durable_term, self._told_term):
            durable = self._durable_term >= self._told_term
            self._report(
                Invariant.TERMS,
                f"{self._node} restarted in term {event.term} although it had"
                f" {'persisted' if durable else 'told others of'} term"
                f" {max(self._durable_term, self._told_term)}",
                self._durable_seen if durable else self._told_seen,
                here,
            )
        elif event.term > self.term:
            self._report(
                Invariant.RECOVERY,
                f"{self._node} restarted in term {event.term}, beyond the last term"
                f" {self.term} it had entered",
                self._term_seen,
                here,
            )
        elif (
            event.term == self._durable_term
            and self._durable_vote is not None
            and event.vote != self._durable_vote
        ):
            self._report(
                Invariant.RECOVERY,
                f"{self._node} restarted in term {event.term} with vote {event.vote} although"
                f" its vote for {self._durable_vote} was durable",
                self._durable_seen,
                here,
            )
        elif event.vote is not None and (known is None or known.candidate != event.vote):
            self._report(
                Invariant.RECOVERY,
                f"{self._node} restarted in term {event.term} with a vote for {event.vote}"
                " that it had not given",
                self._term_seen,
                here,
            )

    def _make_durable(self, term: int, vote: str | None, here: Sighting) -> None:
        self._durable_term, self._durable_vote, self._durable_seen = term, vote, here
        if vote is not None:
            self._settle(term, vote, here)
            self._durable_votes[term] = vote

    def _reveal(self, term: int, here: Sighting) -> None:
        if term > self._told_term:
            self._told_term, self._told_seen = term, here

    def _settle(self, term: int, candidate: str, here: Sighting) -> None:
        """From here on that vote counts even if the node dies."""
        self._vote(term, candidate, here)
        self._in_memory.discard(term)

    def _vote(self, term: int, candidate: str, here: Sighting) -> None:
        earlier = self._votes.setdefault(term, _Vote(candidate, here))
        if earlier.candidate != candidate:
            self._report(
                Invariant.ONE_VOTE,
                f"{self._node} voted for both {earlier.candidate} and {candidate} in term {term}",
                earlier.sighting,
                here,
            )

    def _report(
        self, invariant: Invariant, explanation: str, earlier: Sighting | None, here: Sighting
    ) -> None:
        self._findings.report(invariant, explanation, earlier, here)
