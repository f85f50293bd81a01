"""The index finds what is in the directories, whatever happened to either."""

from __future__ import annotations

import os
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid, Verdict
from harness.config import RunConfig, RunRecord
from harness.run_index import FILE_NAME, Filter, RunIndex, RunSummary, search_runs
from harness.store import RunDirectory, RunStore
from harness.verdict_file import write_verdicts

INVALID = Invalid(
    (Anomaly(kind="lost update", source="s", evidence=(1,), explanation="n1 forgot 7"),)
)


def stored(
    root: Path, config: RunConfig, verdict: Verdict | None, started: str = "2026-01-02T03:04:05Z"
) -> RunDirectory:
    record = RunRecord(
        config=config,
        command=config.command(),
        arguments=("run",),
        started=started,
        versions={},
        commit=None,
        clock_origin_ns=0,
        campaign="nightly/1" if config.seed == 3 else "",
    )
    store = RunStore(root)
    run = store.create(record)
    if verdict is not None:
        judge(root, run, verdict)
    return run


def judge(root: Path, run: RunDirectory, verdict: Verdict) -> None:
    write_verdicts(run.verdict, {"checker": verdict})
    RunStore(root).judged(run, verdict)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    root = tmp_path / "runs"
    stored(root, RunConfig(seed=1), Valid("4 keys"), "2026-01-01T00:00:00Z")
    stored(root, RunConfig(seed=2, bug="stale-read", faults=("kill",)), INVALID)
    stored(
        root, RunConfig(seed=3, workload="set", faults=()), Unknown(UnknownCause.TIME_LIMIT, "60 s")
    )
    stored(root, RunConfig(seed=4, workload="set", faults=("disk",)), None, "2026-03-01T10:00:00Z")
    return root


def seeds(root: Path, which: Filter) -> list[int]:
    return sorted(run.seed for run in search_runs(root, which))


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (Filter(), [1, 2, 3, 4]),
        (Filter(verdict="valid"), [1]),
        (Filter(verdict="invalid"), [2]),
        (Filter(verdict="not judged"), [4]),
        (Filter(workload="set"), [3, 4]),
        (Filter(fault="kill"), [1, 2]),
        (Filter(fault="none"), [3]),
        (Filter(fault="kil"), []),
        (Filter(bug="stale-read"), [2]),
        (Filter(bug="any"), [2]),
        (Filter(bug="none"), [1, 3, 4]),
        (Filter(since="2026-01-02"), [2, 3, 4]),
        (Filter(until="2026-01-02"), [1, 2, 3]),
        (Filter(since="2026-01-02T03:04:05Z", until="2026-01-02T03:04:05Z"), [2, 3]),
        (Filter(campaign="nightly/1"), [3]),
        (Filter(text="FORGOT"), [2]),
        (Filter(text="lost update"), [2]),
        (Filter(text="%"), []),
        (Filter(workload="set", verdict="unknown"), [3]),
    ],
)
def test_a_filter_finds_exactly_what_fits(store: Path, which: Filter, expected: list[int]) -> None:
    assert seeds(store, which) == expected


def test_runs_come_newest_first_in_pages(store: Path) -> None:
    with closing(RunIndex(store)) as index:
        index.refresh()
        assert [run.seed for run in index.search(limit=2)] == [4, 3]
        assert [run.seed for run in index.search(limit=2, offset=2)] == [2, 1]
        assert [run.seed for run in index.search(newest=False)] == [1, 2, 3, 4]
        assert index.count(Filter(workload="set")) == 2
        assert index.values("workload") == ("register", "set")
        assert index.values("bug") == ("stale-read",)


def test_a_row_says_what_the_files_say(store: Path) -> None:
    (run,) = search_runs(store, Filter(bug="stale-read"))
    assert run == RunSummary(
        name="register/20260102T030405Z-2",
        workload="register",
        started="2026-01-02T03:04:05Z",
        seed=2,
        nodes=3,
        faults=("kill",),
        time_s=30.0,
        bug="stale-read",
        reads="linearizable",
        simulated=False,
        verdict="invalid",
        sentence="Invalid: lost update: n1 forgot 7",
        found=("checker: lost update",),
        campaign="",
    )
    assert run.title == "20260102T030405Z-2"


def age(root: Path) -> None:
    """Let all folders have changed long ago, so that the index need not look again."""
    for folder in root.iterdir():
        if folder.is_dir() and not folder.is_symlink():
            os.utime(folder, ns=(10**18, 10**18))


def test_an_index_that_has_seen_all_follows_every_change(store: Path) -> None:
    age(store)
    with closing(RunIndex(store)) as index:
        assert index.refresh() == 4
        assert index.refresh() == 0
        fresh = stored(store, RunConfig(seed=5), None)
        assert index.refresh() == 1
        assert index.search(Filter(verdict="not judged", workload="register"))[0].seed == 5
        judge(store, fresh, Valid())
        assert index.refresh() == 1
        assert len(index.search(Filter(verdict="valid"))) == 2
        judge(store, fresh, INVALID)
        assert index.refresh() == 1
        assert len(index.search(Filter(verdict="invalid"))) == 2
        shutil.rmtree(fresh.path)
        assert index.refresh() == 1
        assert index.count() == 4
        shutil.rmtree(store / "set")
        assert index.refresh() == 2
        assert index.count() == 2


def test_a_verdict_written_without_a_word_to_the_store_is_seen(store: Path) -> None:
    age(store)
    with closing(RunIndex(store)) as index:
        index.refresh()
        age(store)
        index.refresh()
        (run,) = index.search(Filter(verdict="not judged"))
        write_verdicts(store / run.name / "verdict.json", {"c": Valid()})
        assert index.refresh() == 1
        assert index.count(Filter(verdict="not judged")) == 0


def test_a_rebuilt_index_is_the_same(store: Path) -> None:
    with closing(RunIndex(store)) as index:
        index.refresh()
        before = index.search()
        assert index.rebuild() == 4
        assert index.search() == before


@pytest.mark.parametrize("damage", ["garbage", "other layout", "gone"])
def test_a_damaged_index_is_made_anew(store: Path, damage: str) -> None:
    before = search_runs(store)
    path = store / FILE_NAME
    if damage == "garbage":
        path.write_bytes(b"no database at all" * 1000)
    elif damage == "other layout":
        with closing(RunIndex(store)) as index:
            index._database.execute("pragma user_version = 99")
    else:
        path.unlink()
    assert search_runs(store) == before


def test_a_broken_run_is_one_row_and_breaks_no_other(store: Path) -> None:
    (run,) = search_runs(store, Filter(verdict="valid"))
    (store / run.name / "run.json").write_text("{")
    (other,) = search_runs(store, Filter(verdict="invalid"))
    (store / other.name / "verdict.json").write_text("[]")
    with closing(RunIndex(store)) as index:
        index.rebuild()
        found = index.search(Filter(verdict="unreadable"))
    assert {one.name for one in found} == {run.name, other.name}
    assert all(one.sentence for one in found)


def test_an_empty_or_missing_store_has_no_runs(tmp_path: Path) -> None:
    assert search_runs(tmp_path) == []
    assert search_runs(tmp_path / "nowhere") == []
    assert not (tmp_path / "nowhere").exists()


def test_what_is_no_run_is_left_out(store: Path) -> None:
    (store / "register" / "notes").mkdir()
    (store / "campaigns" / "x").mkdir(parents=True)
    (store / "file").write_text("")
    assert seeds(store, Filter()) == [1, 2, 3, 4]


def test_two_at_once_do_not_disturb_each_other(store: Path) -> None:
    with closing(RunIndex(store)) as one, closing(RunIndex(store)) as other:
        one.refresh()
        assert other.refresh() == 0 or other.count() == 4
        assert one.search() == other.search()


def test_the_campaign_is_stored_with_the_run(store: Path) -> None:
    (run,) = search_runs(store, Filter(campaign="nightly/1"))
    record = RunDirectory(store / run.name).read_record()
    assert replace(record, campaign="").campaign == ""
    assert record.campaign == "nightly/1"
