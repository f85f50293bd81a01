"""Failures grouped by what seems to be their cause.  Pure.

Two runs fail alike if the same checker found the same kind of anomaly, and the faults that the
one needs also came over the other.  What a run needs is known when it was shrunk: so one of each
group is, the simplest, and a failure that fits no group yet becomes the first of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness.campaign.records import Findings, Ran, RanAgain, Shrunk
from harness.campaign.task import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """How runs failed.

    Attributes:
        finding: "checker: kind", or the verdict and its cause where nothing was proven.
        shape: Kinds of the faults that suffice, in the order of time; ``None`` if not known.
    """

    finding: str
    shape: tuple[str, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return self.finding
        return f"{self.finding}, after {' → '.join(self.shape) or 'no fault at all'}"


@dataclass(slots=True, kw_only=True)
class Group:
    """Failures with one signature; the first is the one that was looked into."""

    finding: str
    members: list[Ran] = field(default_factory=list)
    shrunk: Shrunk | None = None
    again: list[RanAgain] = field(default_factory=list)

    @property
    def first(self) -> Ran:
        return self.members[0]

    @property
    def signature(self) -> Signature:
        known = self.shrunk is not None and not self.shrunk.problem
        return Signature(
            finding=self.finding, shape=self.shrunk.shape if known and self.shrunk else None
        )

    @property
    def proven(self) -> bool:
        """Whether something is wrong, and not only unknown."""
        return self.first.verdict == "invalid"

    @property
    def failed_again(self) -> int:
        """How many of the runs that repeated a member failed in the same way."""
        return sum(self.finding in one.found for one in self.again)

    def takes(self, failure: Ran) -> bool:
        """Whether what the first needs also came over ``failure``."""
        if not self.proven:
            return True
        if self.shrunk is None or self.shrunk.problem:
            needed: Iterable[str] = self.first.faults
        else:
            needed = self.shrunk.shape
        return frozenset(needed) <= frozenset(failure.faults)


def grouped(findings: Findings) -> list[Group]:
    """All that is not valid: the proven first, then the largest group."""
    groups: dict[str, list[Group]] = {}
    failures = [ran for ran in findings.ran.values() if ran.verdict != "valid"]
    for failure in sorted(failures, key=lambda ran: _best_first(ran, findings)):
        finding = finding_of(failure)
        there = groups.setdefault(finding, [])
        group = next((one for one in there if one.takes(failure)), None)
        if group is None:
            group = Group(finding=finding, shrunk=findings.shrunk.get(failure.task))
            there.append(group)
        group.members.append(failure)
        group.again += findings.again.get(failure.task, [])
    merged = [group for there in groups.values() for group in _merged(there)]
    return sorted(merged, key=lambda group: (not group.proven, -len(group.members), group.finding))


def to_shrink(groups: Iterable[Group], groups_max: int) -> list[Ran]:
    """Those whose shape would tell more, at most one of each finding at a time: what it is
    decides whether the others need to be shrunk at all."""
    proven = [group for group in groups if group.proven]
    room = groups_max - sum(group.shrunk is not None for group in proven)
    waiting: dict[str, Ran] = {}
    for group in proven:
        if group.shrunk is None:
            waiting.setdefault(group.finding, group.first)
    return list(waiting.values())[: max(room, 0)]


def to_run_again(
    groups: Iterable[Group], tasks: Mapping[int, Task], reruns: int
) -> list[tuple[Ran, int]]:
    """Of each group the first that failed live, with the numbers of the attempts still to make.

    A simulated run is the same every time: shrinking repeats it, and says if it is not.
    """
    chosen: list[tuple[Ran, int]] = []
    for group in groups:
        made = {(one.task, one.attempt) for one in group.again}
        live = [ran for ran in group.members if tasks[ran.task].live and group.proven]
        chosen += [
            (ran, attempt)
            for ran in live[:1]
            for attempt in range(1, reruns + 1)
            if (ran.task, attempt) not in made and len(made) < reruns
        ]
    return chosen


def finding_of(failure: Ran) -> str:
    """By what a failure is named before more is known of it."""
    if failure.found:
        return failure.found[0]
    # "Unknown: time limit: 60 s": the numbers at the end differ from run to run.
    cause = failure.sentence.split(": ")[:2]
    return f"{failure.verdict}: {cause[-1]}"


def _best_first(failure: Ran, findings: Findings) -> tuple[bool, int, int]:
    """What was shrunk already, and then what had the fewest kinds of faults."""
    return failure.task not in findings.shrunk, len(failure.faults), failure.task


def _merged(groups: list[Group]) -> list[Group]:
    """Groups of one finding whose shapes turned out to be the same are one."""
    found: dict[Signature, Group] = {}
    alone: list[Group] = []
    for group in groups:
        if group.signature.shape is None:
            alone.append(group)
        elif (same := found.get(group.signature)) is not None:
            same.members.extend(group.members)
            same.again.extend(group.again)
        else:
            found[group.signature] = group
    return [*found.values(), *alone]
