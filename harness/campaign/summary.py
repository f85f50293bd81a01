"""What a campaign came to: ``summary.json``, and the verdict of the whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from harness.campaign.groups import Group
from harness.campaign.records import CODES, CampaignRecord, Findings, Ran
from harness.campaign.spec import NO_CANARY
from harness.campaign.task import Task
from harness.errors import BadInput
from harness.exit_codes import ExitCode, worst

SCHEMA_VERSION: Final = 1
MEMBERS_MAX: Final = 20
"""Failures of one group that are named; ``records.jsonl`` has them all."""

VERDICTS: Final = tuple(CODES)
NOT_RUN: Final = "not run"


class Ending(Enum):
    COMPLETE = "complete"
    BUDGET_SPENT = "budget spent"
    INTERRUPTED = "interrupted"


class Failure(Struct, frozen=True, kw_only=True):
    """``run``: its name below the store, or empty."""

    title: str
    verdict: str
    sentence: str
    run: str
    command: str


class FailureGroup(Struct, frozen=True, kw_only=True):
    """Failures with one signature.

    Attributes:
        signature: In words.
        finding: "checker: kind".
        shape: Kinds of the faults that suffice; ``None``: not known.
        size: How many failures there are; ``members`` names some.
        failed_again, run_again: One that was run live failed so again, k of n times.
        story: The steps of the shrunk run.
        shrunk_run: Its name below the store, or empty.
        not_shrunk: Why there is none, or empty.
    """

    signature: str
    finding: str
    verdict: str
    shape: tuple[str, ...] | None
    size: int
    members: tuple[Failure, ...]
    failed_again: int
    run_again: int
    story: tuple[str, ...]
    shrunk_run: str
    not_shrunk: str


class CanarySummary(Struct, frozen=True, kw_only=True):
    bug: str
    caught: bool
    found: tuple[str, ...]
    runs: int


class Cell(Struct, frozen=True, kw_only=True):
    """All runs of which the same was asked; what seeds draw is "drawn"."""

    world: str
    workload: str
    faults: str
    nodes: str
    bug: str
    counts: dict[str, int]


class Summary(Struct, frozen=True, kw_only=True):
    """``counts``: by verdict.  ``seconds``: that it took."""

    schema_version: int = SCHEMA_VERSION
    campaign: str
    file: str
    commit: str | None
    started: str
    ended: str
    seconds: float
    ending: Ending
    verdict: str
    exit_code: int
    tasks: int
    counts: dict[str, int]
    canary: CanarySummary | None
    groups: tuple[FailureGroup, ...]
    table: tuple[Cell, ...]

    @property
    def done(self) -> int:
        return sum(self.counts.values())


def summarize(
    campaign: str,
    record: CampaignRecord,
    tasks: Sequence[Task],
    findings: Findings,
    groups: Iterable[Group],
    *,
    ending: Ending,
    ended: str,
    seconds: float,
) -> Summary:
    """Everything that is known at the end, or when the campaign was broken off."""
    canary = findings.canary
    code = code_of(record, findings, ending)
    return Summary(
        campaign=campaign,
        file=record.file,
        commit=record.commit,
        started=record.started,
        ended=ended,
        seconds=round(seconds, 1),
        ending=ending,
        verdict=_WORDS[code],
        exit_code=code,
        tasks=len(tasks),
        counts=_counts(findings.ran.values()),
        canary=None
        if canary is None
        else CanarySummary(
            bug=canary.bug,
            caught=canary.seed is not None,
            found=canary.found,
            runs=canary.runs,
        ),
        groups=tuple(_group(group, tasks) for group in groups),
        table=_table(tasks, findings),
    )


def code_of(record: CampaignRecord, findings: Findings, ending: Ending) -> ExitCode:
    """The worst of all runs; unknown at best if it was broken off, or if wrong nodes pass."""
    codes = [ran.code for ran in findings.ran.values()]
    if ending is Ending.INTERRUPTED:
        codes.append(ExitCode.UNKNOWN)
    if record.spec.canary != NO_CANARY:
        canary = findings.canary
        if canary is None or canary.seed is None:
            codes.append(ExitCode.UNKNOWN)
    return worst(codes)


def is_finished(path: Path) -> bool:
    """Whether the campaign in the directory ``path`` came to its end."""
    try:
        return read_summary(path).ending is not Ending.INTERRUPTED
    except BadInput:
        return False


def read_summary(path: Path) -> Summary:
    """Of the campaign in the directory ``path``.  Raises: BadInput: There is none yet."""
    file = path / "summary.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=Summary)
    except OSError as error:
        raise BadInput(f"{file}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise BadInput(f"{file}: {error}") from error


_WORDS: Final = {code: word for word, code in CODES.items()}


def _counts(ran: Iterable[Ran]) -> dict[str, int]:
    counts = dict.fromkeys(VERDICTS, 0)
    for one in ran:
        counts[one.verdict] += 1
    return counts


def _group(group: Group, tasks: Sequence[Task]) -> FailureGroup:
    shrunk = group.shrunk
    if shrunk is None:
        not_shrunk = "there was no time" if group.proven else "nothing is proven"
    else:
        not_shrunk = shrunk.problem
    return FailureGroup(
        signature=str(group.signature),
        finding=group.finding,
        verdict=group.first.verdict,
        shape=group.signature.shape,
        size=len(group.members),
        members=tuple(_failure(ran, tasks[ran.task]) for ran in group.members[:MEMBERS_MAX]),
        failed_again=group.failed_again,
        run_again=len(group.again),
        story=() if shrunk is None else shrunk.story,
        shrunk_run="" if shrunk is None else shrunk.run,
        not_shrunk=not_shrunk,
    )


def _failure(ran: Ran, task: Task) -> Failure:
    return Failure(
        title=task.title,
        verdict=ran.verdict,
        sentence=ran.sentence,
        run=ran.run,
        command=task.command(),
    )


def _table(tasks: Sequence[Task], findings: Findings) -> tuple[Cell, ...]:
    """In alphabetical order; runs that were not made count as "not run"."""
    cells: dict[tuple[str, ...], dict[str, int]] = {}
    for task in tasks:
        ran = findings.ran.get(task.number)
        counts = cells.setdefault(_place(task), dict.fromkeys((*VERDICTS, NOT_RUN), 0))
        counts[NOT_RUN if ran is None else ran.verdict] += 1
    return tuple(
        Cell(world=world, workload=workload, faults=faults, nodes=nodes, bug=bug, counts=counts)
        for (world, workload, faults, nodes, bug), counts in sorted(cells.items())
    )


def _place(task: Task) -> tuple[str, ...]:
    given, world = task.given, "live" if task.live else "simulated"
    config = task.config() if task.live else None
    faults = given.faults if config is None else config.faults
    return (
        world,
        (given.workload if config is None else config.workload) or "drawn",
        "drawn" if faults is None else ", ".join(faults) or "none",
        str((given.nodes if config is None else config.nodes) or "drawn"),
        given.bug or "",
    )
