from __future__ import annotations

from pathlib import Path

import pytest

from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid, Verdict, combine
from harness.config import RunConfig, RunRecord
from harness.errors import BadInput, EnvironmentFailure
from harness.store import RunDirectory, RunStore
from harness.verdict_file import read_verdicts, write_verdicts

INVALID = Invalid(
    (Anomaly(kind="k", source="s", evidence=(1, 2), explanation="e", details=("d",)),)
)
UNKNOWN = Unknown(UnknownCause.TIME_LIMIT, "60 s")


def record(seed: int = 7) -> RunRecord:
    config = RunConfig(seed=seed)
    return RunRecord(
        config=config,
        command=config.command(),
        arguments=("run",),
        started="2026-01-02T03:04:05Z",
        versions={"hearsay": "0.1.0"},
        commit=None,
        clock_origin_ns=0,
    )


def test_a_new_run_is_found_by_path_name_and_link(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    run = store.create(record())
    for name in (str(run.path), "latest", f"register/{run.path.name}", run.path.name):
        assert store.find(name) == run
    assert run.read_record() == record()


def test_two_runs_of_one_second_and_seed_do_not_share_a_directory(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    first, second = store.create(record()), store.create(record())
    assert first.path != second.path
    assert store.find("latest") == second
    assert list(store.runs()) == [first, second]


def test_latest_failed_points_at_what_did_not_pass(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    good, bad = store.create(record(1)), store.create(record(2))
    store.judged(good, Valid())
    with pytest.raises(BadInput, match="no such run"):
        store.find("latest-failed")
    store.judged(bad, UNKNOWN)
    assert store.find("latest-failed") == bad


def test_an_unwritable_store_is_the_environments_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFailure, match=r"cannot write runs below .*file"):
        RunStore(tmp_path / "file").create(record())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "truncated"),
        ("{", "truncated"),
        ('{"schema_version": 1}', "missing required field"),
        ("[]", "Expected `object`"),
    ],
)
def test_a_broken_run_file_is_bad_input(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(BadInput, match=f"run.json.*{problem}"):
        RunDirectory(tmp_path).read_record()


def test_a_run_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    run = RunStore(tmp_path).create(record())
    run.record.write_text(
        run.record.read_text().replace('"schema_version": 2', '"schema_version": 9')
    )
    with pytest.raises(BadInput, match="schema_version 9 is newer"):
        run.read_record()


@pytest.mark.parametrize("verdict", [Valid("12 keys"), INVALID, UNKNOWN])
def test_verdicts_survive_the_file(tmp_path: Path, verdict: Verdict) -> None:
    path = tmp_path / "verdict.json"
    write_verdicts(path, {"a": verdict, "b": Valid()})
    assert read_verdicts(path) == {"a": verdict, "b": Valid()}
    assert combine(read_verdicts(path).values()) == combine([verdict, Valid()])


def test_an_invalid_verdict_without_evidence_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "verdict.json"
    path.write_text(
        '{"schema_version": 1, "verdict": "invalid", "sentence": "",'
        ' "checkers": [{"checker": "a", "verdict": "invalid"}]}'
    )
    with pytest.raises(BadInput, match="no such verdict: invalid"):
        read_verdicts(path)


def test_the_printed_command_names_every_choice() -> None:
    config = RunConfig(seed=9, faults=("kill",), bug="stale-read", time_s=12.5)
    assert config.command() == (
        "hearsay run --workload register --nodes 3 --faults kill --time 12.5 --concurrency 10"
        " --rate 100 --timeout 1000 --seed 9 --bug stale-read"
    )
    assert RunConfig(seed=9, tls=True).command().endswith("--seed 9 --tls")


def test_a_run_that_failed_elsewhere_is_adopted_with_all_its_files(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    there = RunStore(tmp_path / "scratch").create(record())
    there.journal.write_text("a line\n")
    own = store.create(record())
    adopted = store.adopt(there)
    assert adopted.path != own.path
    assert adopted.read_record() == record()
    assert adopted.journal.read_text() == "a line\n"
    assert not there.path.exists()
    assert store.find("latest") == store.find("latest-failed") == adopted


def test_a_forgotten_run_leaves_no_link_behind(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    kept, run = store.create(record(1)), store.create(record(2))
    store.judged(kept, UNKNOWN)
    store.forget(run)
    assert list(store.runs()) == [kept]
    assert not (tmp_path / "latest").is_symlink()
    assert store.find("latest-failed") == kept
