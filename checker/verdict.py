"""What a checker may say: valid, invalid with evidence, or unknown with a cause."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias, assert_never


class UnknownCause(Enum):
    TIME_LIMIT = "time limit"
    MEMORY_LIMIT = "memory limit"
    NOTHING_TO_CHECK = "nothing to check"
    INCOMPLETE_EVIDENCE = "incomplete evidence"
    CHECKER_CRASHED = "checker crashed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """Of two operations of a cycle: ``earlier`` must come before ``later``, and why.

    ``kind`` is the edge's name in a dependency graph (ww, wr, rw, process, realtime);
    ``key``: the object that it is about, if any, as it is printed.
    """

    earlier: int
    later: int
    kind: str
    key: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """One violation, with what proves it.

    Attributes:
        kind: The name the literature gives it ("nonlinearizable", "election safety").
        source: Where that is defined ("Herlihy & Wing 1990", "Raft, Figure 3").
        evidence: Indices of the operations that show it by themselves, ascending;
            empty when the evidence is not operations but node events.
        explanation: One sentence for a person, naming processes, values and times.
        details: Further lines: the events, the states that were possible.
        at: The nanosecond of the run at which it was there for all to see, where node
            events say so; else it is when the last of the evidence was answered.
        since: When what led to it began, if that is told as well.
        nodes: Those whose events show it.
        culprit: The operation whose answer is the first that nothing explains.
        order: Operations answered before that, in one order that explains them (its end,
            if it is long).
        cycle: Dependencies that bite their own tail, each beginning where the last ended.
    """

    kind: str
    source: str
    evidence: tuple[int, ...]
    explanation: str
    details: tuple[str, ...] = ()
    at: int | None = None
    since: int | None = None
    nodes: tuple[str, ...] = ()
    culprit: int | None = None
    order: tuple[int, ...] = ()
    cycle: tuple[Dependency, ...] = ()


@dataclass(frozen=True, slots=True)
class Valid:
    """Nothing is wrong.  ``note`` says what was looked at ("12 keys, 4,203 ops")."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Invalid:
    """``note`` says what follows from the anomalies together ("rules out serializable")."""

    anomalies: tuple[Anomaly, ...]
    note: str = ""

    def __post_init__(self) -> None:
        assert self.anomalies, "an invalid verdict carries its evidence"


@dataclass(frozen=True, slots=True)
class Unknown:
    """Neither proven: never to be read as valid."""

    cause: UnknownCause
    detail: str


Verdict: TypeAlias = Valid | Invalid | Unknown


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """Merge verdicts: invalid beats unknown beats valid (as in Jepsen).

    All anomalies and their notes are kept, in order; of several unknowns the first.  No verdicts
    at all is ``Unknown``: a run that checked nothing is not a pass.
    """
    anomalies: list[Anomaly] = []
    unknowns: list[Unknown] = []
    notes: list[str] = []
    consequences: list[str] = []
    for verdict in verdicts:
        match verdict:
            case Valid(note=note):
                notes.append(note)
            case Invalid(anomalies=found, note=note):
                anomalies.extend(found)
                consequences.append(note)
            case Unknown():
                unknowns.append(verdict)
            case _:
                assert_never(verdict)
    if anomalies:
        return Invalid(tuple(anomalies), "; ".join(filter(None, consequences)))
    if unknowns:
        return unknowns[0]
    if not notes:
        return Unknown(UnknownCause.NOTHING_TO_CHECK, "no checker ran")
    return Valid("; ".join(filter(None, notes)))
