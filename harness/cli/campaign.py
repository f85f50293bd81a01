"""``hearsay campaign``: many runs, their failures grouped by cause, one page at the end."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, assert_never

import msgspec
from msgspec.structs import replace
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from harness.campaign.conduct import Conductor, open_campaign, sweep
from harness.campaign.junit import junit
from harness.campaign.local_workers import LocalWorkers
from harness.campaign.page import page, sentence
from harness.campaign.records import (
    CampaignDirectory,
    CampaignRecord,
    Canary,
    Ran,
    RanAgain,
    Record,
    Shrunk,
)
from harness.campaign.spec import read_spec
from harness.campaign.summary import Ending, Summary, summarize
from harness.campaign.task import Task
from harness.campaign.work import Place
from harness.cli.interrupts import interrupted_once
from harness.cli.words import COLOURS
from harness.errors import BadInput
from harness.exit_codes import ExitCode
from harness.report.wording import counted
from harness.wall_clock import utc_now

if TYPE_CHECKING:
    from harness.campaign.dask_workers import DaskWorkers

SHOWN_MAX: Final = 20
"""Failures that are told of as they come; the page has them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The options of ``hearsay campaign`` as they were typed."""

    file: Path
    jobs: int
    scheduler: str | None
    dask: bool
    seconds: float | None
    fresh: bool

    def check(self) -> None:
        """Raises: BadInput: An option makes no sense; the message names it."""
        if self.jobs < 0:
            raise BadInput(f"--jobs: {self.jobs} is below 0")
        if self.seconds is not None and self.seconds <= 0:
            raise BadInput(f"--seconds: {self.seconds:g} is not above 0")
        if self.scheduler is not None and self.dask:
            raise BadInput("--scheduler and --dask: one of them is enough")


def run_campaign(chosen: Chosen, store: Path) -> ExitCode:
    """Do all of it, or what is left of it; the worst code of all runs.

    SIGINT and SIGTERM end it with a summary of what was done; the same command goes on.
    """
    chosen.check()
    spec, text = read_spec(chosen.file)
    directory, record = open_campaign(store, chosen.file, spec, text, fresh=chosen.fresh)
    if chosen.seconds is not None:
        budget = replace(record.spec.budget, seconds=chosen.seconds)
        record = replace(record, spec=replace(record.spec, budget=budget))
    console = Console(highlight=False, soft_wrap=True)
    screen = _Screen(console)
    place = Place(
        store=str(store.resolve()),
        campaign=directory.name,
        keep=record.spec.keep,
        budget=record.spec.budget,
    )
    with directory, interrupted_once():
        with _workers(chosen, place, screen.refresh) as workers:
            conductor = Conductor(directory, record, workers, screen)
            screen.show(conductor, directory)
            with screen:
                ending = conductor.conduct()
        swept = sweep(store, directory.name, conductor.findings)
        summary = _conclude(directory, record, conductor, ending)
    if swept:
        console.print(f"deleted what was broken off: {counted(swept, 'run')}", style="dim")
    _say(console, summary, directory)
    return ExitCode(summary.exit_code)


def _workers(
    chosen: Chosen, place: Place, meanwhile: Callable[[], None]
) -> LocalWorkers | DaskWorkers:
    jobs = chosen.jobs or len(os.sched_getaffinity(0))
    if not chosen.dask and chosen.scheduler is None:
        return LocalWorkers(place, jobs, meanwhile)
    try:
        from harness.campaign.dask_workers import DaskWorkers  # noqa: PLC0415  An extra.
    except ImportError as error:
        raise BadInput(f"Dask is not installed ({error}): pip install 'hearsay[dask]'") from error
    return DaskWorkers(place, chosen.scheduler, jobs, meanwhile)


def _conclude(
    directory: CampaignDirectory, record: CampaignRecord, conductor: Conductor, ending: Ending
) -> Summary:
    """The page first: the campaign is finished when ``summary.json`` says so."""
    summary = summarize(
        directory.name,
        record,
        conductor.tasks,
        conductor.findings,
        conductor.groups(),
        ending=ending,
        ended=utc_now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=conductor.seconds,
    )
    directory.write(directory.page, page(summary).encode("utf-8", "xmlcharrefreplace"))
    cases = junit(directory.name, conductor.tasks, conductor.findings)
    directory.write(directory.junit, cases)
    plain = msgspec.json.format(msgspec.json.encode(summary), indent=2)
    directory.write(directory.summary, plain + b"\n")
    return summary


class _Screen:
    """What a person watches.  Without a terminal: a line for each failure, and each tenth."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            # Workers are forked while this is shown: no thread may be about.
            auto_refresh=False,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._tasks: Sequence[Task] = ()
        self._counts: Counter[str] = Counter()

    def show(self, conductor: Conductor, directory: CampaignDirectory) -> None:
        """Say what begins, or goes on."""
        self._tasks = conductor.tasks
        before = conductor.findings.ran
        self._counts.update(ran.verdict for ran in before.values())
        goes_on = f", {len(before):,} of them done before" if before else ""
        self._console.print(
            f"campaign {directory.name}: {len(self._tasks):,} runs{goes_on}", markup=False
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def refresh(self) -> None:
        self._bar.refresh()

    def began(self, doing: str, total: int) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(doing, total=total, counts="")

    def saw(self, record: Record) -> None:
        match record:
            case Ran():
                self._counts[record.verdict] += 1
                if record.verdict != "valid":
                    self._say_failure(record)
            case Canary(seed=None, bug=bug):
                self._console.print(f"the canary {bug} was not caught", style="bold yellow")
            case Canary() | RanAgain() | Shrunk():
                pass
            case _:
                assert_never(record)
        said = ", ".join(f"{count:,} {verdict}" for verdict, count in self._counts.items())
        if self._task is not None:
            self._bar.update(self._task, advance=1, counts=said)
        done, total = sum(self._counts.values()), len(self._tasks)
        if self._console.is_terminal or not isinstance(record, Ran):
            return
        if done % max(1, total // 10) == 0:
            self._console.print(f"{done:,} of {total:,} runs: {said}", style="dim")

    def _say_failure(self, ran: Ran) -> None:
        failing = sum(count for verdict, count in self._counts.items() if verdict != "valid")
        if failing > SHOWN_MAX:
            return
        self._console.print(
            f"{self._tasks[ran.task].title}: {ran.sentence}",
            style=COLOURS.get(ran.verdict, "magenta"),
            markup=False,
        )
        if failing == SHOWN_MAX:
            self._console.print("... the page will name further ones", style="dim")


def _say(console: Console, summary: Summary, directory: CampaignDirectory) -> None:
    for group in summary.groups:
        again = f"; again {group.failed_again} of {group.run_again}" if group.run_again else ""
        console.print(f"{group.size:,} x {group.signature}{again}", style="bold", markup=False)
        for line in group.story:
            console.print(f"    {line}", markup=False)
        console.print(f"    again   {group.members[0].command}", markup=False)
    counts = ", ".join(f"{count:,} {name}" for name, count in summary.counts.items() if count)
    console.print(f"{summary.done:,} of {summary.tasks:,} runs: {counts or 'none'}", markup=False)
    style = f"bold {COLOURS.get(summary.verdict, 'magenta')}"
    console.print(f"{summary.verdict.capitalize()}: {sentence(summary)}", style=style, markup=False)
    if summary.ending is not Ending.COMPLETE:
        console.print(f"{summary.ending.value}", style="yellow")
    console.print(f"page    {directory.page}", markup=False)
