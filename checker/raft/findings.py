"""The invariants by name, and what was found against them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from checker.verdict import Anomaly
from histories.trace import Booted, NodeEvent

_PAPER = "Ongaro & Ousterhout 2014"


class Invariant(Enum):
    """What must hold of every run; the value is (name, where it is defined)."""

    ELECTION_SAFETY = ("election safety", f"{_PAPER}, Figure 3: Election Safety")
    LEADER_APPEND_ONLY = ("leader append-only", f"{_PAPER}, Figure 3: Leader Append-Only")
    LOG_MATCHING = ("log matching", f"{_PAPER}, Figure 3: Log Matching")
    LEADER_COMPLETENESS = ("leader completeness", f"{_PAPER}, Figure 3: Leader Completeness")
    STATE_MACHINE_SAFETY = ("state-machine safety", f"{_PAPER}, Figure 3: State Machine Safety")
    DETERMINISM = ("state-machine determinism", "Schneider 1990, section 2")
    ONE_VOTE = ("one vote a term", f"{_PAPER}, section 5.2")
    TERMS = ("terms never go back", f"{_PAPER}, section 5.1")
    COMMIT_POINTS = ("commit points never go back", f"{_PAPER}, Figure 2: commitIndex")
    COMMIT_IN_LOG = ("commit point within the log", f"{_PAPER}, Figure 2: AppendEntries, rule 5")
    COMMIT_RULE = ("commit rule", f"{_PAPER}, section 5.4.2")
    COMMITTED_AGREE = ("one committed log", f"{_PAPER}, section 5.4.3")
    COMMITTED_KEPT = ("committed entries are never truncated", f"{_PAPER}, section 5.4.3")
    APPLIED_COMMITTED = ("applied is a prefix of committed", f"{_PAPER}, Figure 2: lastApplied")
    ACKNOWLEDGED_KEPT = ("acknowledged entries are kept", f"{_PAPER}, sections 5.3 and 8")
    DURABLE_FIRST = ("durable before acknowledged", f"{_PAPER}, Figure 2: persistent state")
    RECOVERY = ("recovery", "Ongaro 2014 (thesis), section 3.8")
    SNAPSHOT = ("a snapshot equals the replayed log", "Ongaro 2014 (thesis), section 5.1")
    NO_GAPS = ("log without gaps", f"{_PAPER}, section 5.3")
    ELECTED = ("elected by a majority", f"{_PAPER}, section 5.2")
    MEMBERSHIP = (
        "one membership change at a time",
        "Ongaro 2014 (thesis), section 4.1, as corrected in 2015",
    )

    @property
    def kind(self) -> str:
        return self.value[0]

    @property
    def source(self) -> str:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Sighting:
    """An event and where it stands: ``line`` counts the node's events from 1."""

    node: str
    line: int
    event: NodeEvent

    def __str__(self) -> str:
        event = self.event
        fields = " ".join(
            f"{name}={getattr(event, name)}" for name in event.__struct_fields__ if name != "at"
        )
        tag = event.__struct_config__.tag
        return f"{self.node} line {self.line} at {event.at / 1e9:.6f} s: {tag} {fields}"


def is_wiped(event: Booted) -> bool:
    """Whether the node starts without anything and knows that it once had something."""
    return event.recovering and event.term == 0 and event.last_index == 0


@dataclass(slots=True)
class _Finding:
    explanation: str
    sightings: tuple[Sighting, ...]
    count: int = 1


class Findings:
    """Keeps the first violation of each invariant and counts the others."""

    def __init__(self) -> None:
        self._found: dict[Invariant, _Finding] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def report(self, invariant: Invariant, explanation: str, *sightings: Sighting | None) -> None:
        known = self._found.get(invariant)
        if known is not None:
            known.count += 1
            return
        events = tuple(sighting for sighting in sightings if sighting is not None)
        self._found[invariant] = _Finding(explanation, events)

    def copy(self) -> Findings:
        other = Findings()
        other._found = {invariant: replace(found) for invariant, found in self._found.items()}
        return other

    def anomalies(self) -> tuple[Anomaly, ...]:
        """One for each invariant that was violated, in the order of ``Invariant``."""
        return tuple(
            _anomaly(invariant, self._found[invariant])
            for invariant in Invariant
            if invariant in self._found
        )


def _anomaly(invariant: Invariant, finding: _Finding) -> Anomaly:
    details = [str(sighting) for sighting in finding.sightings]
    if finding.count > 1:
        details.append(f"found {finding.count} times; this is the first")
    return Anomaly(
        kind=invariant.kind,
        source=invariant.source,
        evidence=(),
        explanation=finding.explanation,
        details=tuple(details),
        since=min((sighting.event.at for sighting in finding.sightings), default=None),
        at=max((sighting.event.at for sighting in finding.sightings), default=None),
        nodes=tuple(dict.fromkeys(sighting.node for sighting in finding.sightings)),
    )
