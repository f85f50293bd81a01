"""Conducting with workers that only pretend: what is handed out, recorded, and taken up again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import assert_never

import pytest

from checker.verdict import Valid
from harness.campaign.conduct import Conductor, open_campaign, sweep
from harness.campaign.records import CampaignDirectory, CampaignRecord, Canary, Record
from harness.campaign.spec import read_spec
from harness.campaign.summary import Ending
from harness.campaign.work import Item, Run, RunAgain, Shrink, Watch
from harness.config import RunConfig
from harness.run_index import search_runs
from harness.store import RunStore
from tests.harness.campaign.findings import again, failing, findings, ran, shrunk
from tests.harness.test_run_index import stored

TEXT = """\
[budget]
reruns = 2

[[matrix]]
world = "simulated"
seeds = "0..7"

[[matrix]]
world = "live"
time = [5]
seeds = "1..2"
"""


def result_of(item: Item) -> Record:
    """Live runs fail, every other time when they are run again."""
    match item:
        case Run(task=task) if task.live:
            return failing(task.number, "kill")
        case Run(task=task):
            return ran(task.number)
        case RunAgain(task=task, attempt=attempt):
            return again(task.number, attempt, found="raft: two leaders" if attempt % 2 else "")
        case Shrink(task=task):
            return shrunk(task.number, "kill")
        case Watch(bug=bug):
            return Canary(bug=bug, seed=1, found=("raft: x",), runs=2, seconds=1.0)
        case _:
            assert_never(item)


@dataclass(slots=True)
class PretendingWorkers:
    """``before`` is called with each item before it is done."""

    before: Callable[[Item], None] = lambda _: None
    count: int = 1
    did: list[Item] = field(default_factory=list)

    def spread(self, items: Iterable[Item]) -> Iterator[tuple[Item, Record]]:
        for item in items:
            self.before(item)
            self.did.append(item)
            yield item, result_of(item)


class Nobody:
    def began(self, doing: str, total: int) -> None: ...

    def saw(self, record: Record) -> None: ...


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(TEXT)
    return path


def opened(file: Path, *, fresh: bool = False) -> tuple[CampaignDirectory, CampaignRecord]:
    spec, text = read_spec(file)
    return open_campaign(file.parent / "runs", file, spec, text, fresh=fresh)


def numbers(items: Iterable[Item]) -> list[int]:
    return [item.task.number for item in items if isinstance(item, Run)]


def test_everything_is_done_once_and_failures_are_looked_into(file: Path) -> None:
    directory, record = opened(file)
    workers = PretendingWorkers()
    with directory:
        conductor = Conductor(directory, record, workers, Nobody())
        assert conductor.conduct() is Ending.COMPLETE
    assert isinstance(workers.did[0], Watch)
    assert numbers(workers.did) == list(range(10))
    (group,) = conductor.groups()
    assert (len(group.members), group.failed_again, len(group.again)) == (2, 1, 2)
    assert str(group.signature) == "raft: two leaders, after kill"
    assert sum(isinstance(item, Shrink) for item in workers.did) == 1


@pytest.mark.parametrize("when", range(0, 15, 2))
def test_a_campaign_goes_on_wherever_it_was_broken_off(file: Path, when: int) -> None:
    def interrupts(_: Item) -> None:
        if len(first.did) == when:
            raise KeyboardInterrupt

    first = PretendingWorkers(before=interrupts)
    directory, record = opened(file)
    with directory:
        conductor = Conductor(directory, record, first, Nobody())
        broken_off = when < 14
        assert (conductor.conduct() is Ending.INTERRUPTED) == broken_off
    second = PretendingWorkers()
    directory, same = opened(file)
    with directory:
        assert same == record
        conductor = Conductor(directory, same, second, Nobody())
        assert conductor.conduct() is Ending.COMPLETE
    done = [*first.did, *second.did]
    assert len(done) == 14, "1 canary, 10 runs, 2 more to rate and 1 shrinking"
    assert sorted(numbers(done)) == list(range(10))


def test_another_file_or_a_wish_begins_another_campaign(file: Path) -> None:
    first, record = opened(file)
    first.close()
    fresh, _ = opened(file, fresh=True)
    fresh.close()
    assert fresh.path != first.path
    file.write_text(TEXT + "# changed\n")
    changed, other = opened(file)
    changed.close()
    assert changed.path not in {first.path, fresh.path}
    assert other.text != record.text


def test_a_campaign_that_somebody_conducts_is_left_to_them(file: Path) -> None:
    first, _ = opened(file)
    with first:
        second, _ = opened(file)
        second.close()
    assert second.path != first.path


def test_no_run_begins_that_would_not_end_in_time(file: Path) -> None:
    file.write_text(TEXT.replace("reruns = 2", "seconds = 16"))
    directory, record = opened(file)
    workers = PretendingWorkers()
    with directory:
        conductor = Conductor(directory, record, workers, Nobody())
        assert conductor.conduct() is Ending.BUDGET_SPENT
    live = [item for item in workers.did if isinstance(item, Run) and item.task.live]
    assert live == [], "5 s and what a live run takes besides are more than 16 s"
    assert len(numbers(workers.did)) == 8


def test_time_spent_before_counts(file: Path) -> None:
    file.write_text(TEXT.replace("reruns = 2", "seconds = 3000"))
    directory, record = opened(file)
    slow = Canary(bug="stale-read", seed=1, found=("x",), runs=1, seconds=2999.0)
    with directory:
        directory.append(slow)
        workers = PretendingWorkers()
        conductor = Conductor(directory, record, workers, Nobody())
        assert conductor.conduct() is Ending.BUDGET_SPENT
    assert workers.did == []


def test_runs_that_no_record_speaks_of_are_swept_away(tmp_path: Path) -> None:
    spoken_of = stored(tmp_path, RunConfig(seed=3), Valid())
    orphan = stored(tmp_path, RunConfig(seed=3), None)
    foreign = stored(tmp_path, RunConfig(seed=4), None)
    known = findings(ran(0, run=f"register/{spoken_of.path.name}"))
    assert sweep(tmp_path, "nightly/1", known) == 1
    assert not orphan.path.exists()
    assert {run.name for run in search_runs(tmp_path)} == {
        f"register/{one.path.name}" for one in (spoken_of, foreign)
    }
    assert RunStore(tmp_path).find(foreign.path.name) == foreign
