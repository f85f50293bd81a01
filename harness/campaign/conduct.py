"""Conducting a campaign: what is still to be done, handed to whoever does it, and recorded.

A campaign is a bag of independent items.  The first record of an item counts; all that was not
recorded is done when the campaign is taken up again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, Protocol

import msgspec

from harness.campaign.groups import Group, grouped, to_run_again, to_shrink
from harness.campaign.records import (
    CampaignDirectory,
    CampaignRecord,
    Findings,
    InUse,
    Record,
    read_campaign,
    undone,
)
from harness.campaign.spec import NO_CANARY, Spec, tasks_of
from harness.campaign.summary import Ending, is_finished
from harness.campaign.task import Task
from harness.campaign.work import Item, Run, RunAgain, Shrink, Watch
from harness.errors import BadInput, EnvironmentFailure
from harness.provenance import commit
from harness.run_index import Filter, RunIndex
from harness.store import CAMPAIGNS, RunDirectory, RunStore
from harness.wall_clock import RunClock, fresh_seed, utc_now

KEPT_BACK: Final = 1 / 3
"""Of the whole time at most for looking into failures."""


class Workers(Protocol):
    """Whoever does the items: processes of this machine, or of many."""

    @property
    def count(self) -> int:
        """How many items are worked on at a time."""

    def spread(self, items: Iterable[Item]) -> Iterator[tuple[Item, Record]]:
        """Every item with what came of it, as it comes.

        ``items`` are taken as late as possible; ends when they do and all is done.
        """


class Watcher(Protocol):
    """Somebody who looks on."""

    def began(self, doing: str, total: int) -> None: ...

    def saw(self, record: Record) -> None: ...


def open_campaign(
    store: Path, file: Path, spec: Spec, text: str, *, fresh: bool
) -> tuple[CampaignDirectory, CampaignRecord]:
    """The unfinished campaign of this very file and code, if there is one; else a new one.

    Raises:
        EnvironmentFailure: The store cannot be written.
    """
    folder = store / CAMPAIGNS / spec.name
    now, code = utc_now(), commit()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not fresh and (found := _unfinished(folder, text, code)) is not None:
            return found
        directory = CampaignDirectory(_make_unique(folder, now.strftime("%Y%m%dT%H%M%SZ")))
    except OSError as error:
        raise EnvironmentFailure(f"cannot write {folder}: {error.strerror}") from error
    record = CampaignRecord(
        file=str(file),
        text=text,
        spec=spec,
        first_fresh=fresh_seed(),
        started=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        commit=code,
    )
    directory.write(directory.record, msgspec.json.format(msgspec.json.encode(record)) + b"\n")
    return directory, record


class Conductor:
    """One campaign, from what is known of it to the end of its tasks or of its time."""

    def __init__(
        self,
        directory: CampaignDirectory,
        record: CampaignRecord,
        workers: Workers,
        watcher: Watcher,
    ) -> None:
        """Raises: BadInput: What was recorded cannot be read."""
        self.spec = record.spec
        self.tasks = tasks_of(record.spec, record.first_fresh)
        self.findings = directory.read_findings()
        self._directory = directory
        self._workers = workers
        self._watcher = watcher
        self._clock = RunClock()
        self._before = self.findings.seconds / workers.count
        self._skipped = False

    @property
    def seconds(self) -> float:
        """That the campaign has taken, with what was spent before it was taken up again."""
        return self._before + self._clock.now() / 1e9

    def conduct(self) -> Ending:
        """Do all that there is time for.

        Raises:
            EnvironmentFailure: Nothing can be recorded, or there are no workers any more.
        """
        try:
            self._do("canary", self._canary())
            waiting = undone(self.tasks, self.findings)
            self._do("runs", self._runs(waiting), len(waiting))
            while items := self._to_look_into(grouped(self.findings)):
                self._do("looking into failures", items, len(items))
        except KeyboardInterrupt:
            return Ending.INTERRUPTED
        return Ending.BUDGET_SPENT if self._skipped else Ending.COMPLETE

    def groups(self) -> list[Group]:
        return grouped(self.findings)

    def _do(self, doing: str, items: Iterable[Item], total: int = 1) -> None:
        self._watcher.began(doing, total)
        for _, record in self._workers.spread(items):
            if self.findings.add(record):
                self._directory.append(record)
                self._watcher.saw(record)

    def _canary(self) -> list[Item]:
        if self.spec.canary == NO_CANARY or self.findings.canary is not None:
            return []
        return [Watch(bug=self.spec.canary)]

    def _runs(self, waiting: Iterable[Task]) -> Iterator[Item]:
        """Asked for one at a time, so that what has been found meanwhile counts."""
        for task in waiting:
            if self._fits(task.expected_seconds + self._kept_back()):
                yield Run(task=task)
            else:
                self._skipped = True

    def _to_look_into(self, groups: list[Group]) -> list[Item]:
        tasks = {task.number: task for task in self.tasks}
        items: list[Item] = [
            RunAgain(task=tasks[ran.task], attempt=attempt)
            for ran, attempt in to_run_again(groups, tasks, self.spec.budget.reruns)
        ]
        items += [
            Shrink(task=tasks[ran.task], finding=ran.found[0], run=ran.run)
            for ran in to_shrink(groups, self.spec.budget.groups)
        ]
        fitting = [item for item in items if self._fits(self._expected(item))]
        self._skipped |= len(fitting) < len(items)
        return fitting

    def _fits(self, seconds: float) -> bool:
        limit = self.spec.budget.seconds
        return limit is None or self.seconds + seconds <= limit

    def _kept_back(self) -> float:
        """Time that the failures found so far will take."""
        if self.spec.budget.seconds is None:
            return 0.0
        groups = [group for group in grouped(self._failures()) if group.proven]
        needed = sum(
            self.spec.budget.shrink_seconds
            + self.spec.budget.reruns * self.tasks[group.first.task].expected_seconds
            for group in groups[: self.spec.budget.groups]
        )
        return min(self.spec.budget.seconds * KEPT_BACK, needed / self._workers.count)

    def _failures(self) -> Findings:
        """As many of them as tell how many groups there will be, about."""
        failing = {n: ran for n, ran in self.findings.ran.items() if ran.verdict == "invalid"}
        return Findings(ran=dict(list(failing.items())[:100]))

    def _expected(self, item: Item) -> float:
        match item:
            case Shrink():
                return min(self.spec.budget.shrink_seconds, 5.0)
            case Run(task=task) | RunAgain(task=task):
                return task.expected_seconds
            case Watch():
                return 0.0


def sweep(store: Path, campaign: str, findings: Findings) -> int:
    """Delete runs of the campaign that no record speaks of; how many there were.

    They were broken off, or done twice.  To be called when no worker is at work any more.
    """
    with closing(RunIndex(store)) as index:
        index.refresh()
        found = index.search(Filter(campaign=campaign))
    orphans = [run.name for run in found if run.name not in findings.runs]
    for name in orphans:
        RunStore(store).forget(RunDirectory(store / name))
    return len(orphans)


def _unfinished(
    folder: Path, text: str, code: str | None
) -> tuple[CampaignDirectory, CampaignRecord] | None:
    """The latest of those that may be taken up: nobody is at it, and it is no other campaign."""
    for path in sorted((path for path in folder.iterdir() if path.is_dir()), reverse=True):
        try:
            record = read_campaign(path)
            if record.text == text and record.commit == code and not is_finished(path):
                return CampaignDirectory(path), record
        except (BadInput, InUse):
            continue
    return None


def _make_unique(folder: Path, stem: str) -> Path:
    attempt = 1
    while True:
        path = folder / (stem if attempt == 1 else f"{stem}-{attempt}")
        try:
            path.mkdir()
        except FileExistsError:
            attempt += 1
        else:
            return path
