"""Who is counted: the voters that a node's log names, and how they may change."""

from __future__ import annotations

from checker.raft.findings import Findings, Invariant, Sighting
from checker.raft.prefix import Prefix
from histories.trace import MembershipChanged


class Memberships:
    """What any node ever said of the voters that an entry names: all must say the same."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._named: dict[Prefix, tuple[tuple[str, ...], Sighting]] = {}

    def name(self, entry: Prefix, voters: tuple[str, ...], here: Sighting) -> None:
        known, first = self._named.setdefault(entry, (voters, here))
        if known != voters:
            self._findings.report(
                Invariant.MEMBERSHIP,
                f"{first.node} takes {', '.join(known)} for the voters from entry {entry.index}"
                f" of term {entry.term} on, {here.node} takes {', '.join(voters)}",
                first,
                here,
            )

    def since(self, log: list[Prefix]) -> int:
        """The index of the last entry of ``log`` that names voters, 0 if none does."""
        return next((entry.index for entry in reversed(log) if entry in self._named), 0)


class Electorate:
    """The voters in force at one node: those of its log, committed or not (Ongaro 2014, 4.1)."""

    def __init__(self, node: str, memberships: Memberships, findings: Findings) -> None:
        self.voters: tuple[str, ...] = ()
        self._node = node
        self._memberships = memberships
        self._findings = findings
        self._since = 0
        self._seen: Sighting | None = None

    def booted(self, voters: tuple[str, ...], log: list[Prefix], here: Sighting) -> None:
        self.voters, self._since, self._seen = voters, self._memberships.since(log), here

    def changed(self, event: MembershipChanged, log: list[Prefix], here: Sighting) -> None:
        """``log``: the node's, from the empty prefix on."""
        if 0 < event.index < len(log):
            self._memberships.name(log[event.index], event.voters, here)
        if event.index > self._since:
            self._check_step(event, here)
        self.voters, self._since, self._seen = event.voters, event.index, here

    def installed(self, index: int, here: Sighting) -> None:
        """A snapshot stands for all up to ``index``: whatever changed there may be news here."""
        self._since, self._seen = max(self._since, index), here

    def began(self, event: MembershipChanged, term: int, committed: Prefix, here: Sighting) -> None:
        """The change was made by this node, leader of ``term``; call before ``changed``."""
        if self._since > committed.index:
            self._report(
                f"{self._node}, leader of term {term}, began to change the membership at entry"
                f" {event.index} before the change at entry {self._since} was committed",
                here,
            )
        if committed.term != term:
            self._report(
                f"{self._node}, leader of term {term}, began to change the membership at entry"
                f" {event.index} before it had committed an entry of its own term",
                here,
            )

    def _check_step(self, event: MembershipChanged, here: Sighting) -> None:
        changed = set(self.voters) ^ set(event.voters)
        if len(changed) > 1:
            self._report(
                f"{self._node} went from voters {', '.join(self.voters)} to"
                f" {', '.join(event.voters)} at entry {event.index} in one step",
                here,
            )

    def _report(self, explanation: str, here: Sighting) -> None:
        self._findings.report(Invariant.MEMBERSHIP, explanation, self._seen, here)
