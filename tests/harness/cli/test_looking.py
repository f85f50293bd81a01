"""``hearsay history`` and ``hearsay log`` on runs of their own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.exit_codes import ExitCode
from harness.run_log import SOURCES, read_run_log
from harness.store import RunDirectory, RunStore
from histories.call import Ok, Write
from histories.event import FaultBegan
from histories.history import History
from histories.journal import read_journal
from histories.op import FOREVER
from histories.pairing import history_of
from tests.harness.cli.hearsay import hearsay


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store")
    done = hearsay(
        *("simulate", "--seeds", "5", "--workload", "register", "--nodes", "3", "--keep"),
        *("--faults", "kill,partition", "--time", "10", "--store", path),
    )
    assert done.returncode == 0, done
    return path


@pytest.fixture(scope="module")
def run(store: Path) -> RunDirectory:
    return RunStore(store).find("latest")


@pytest.fixture(scope="module")
def history(run: RunDirectory) -> History:
    return history_of(read_journal(run.journal))


def rows(store: Path, *options: str) -> list[dict[str, object]]:
    done = hearsay("history", "latest", "--json", "--store", store, *options)
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_operations_are_chosen_by_key_process_function_outcome_and_time(
    store: Path, history: History
) -> None:
    assert len(rows(store)) == len(history.ops)
    by_key = rows(store, "--key", "k1", "--key", "k2")
    assert [row["index"] for row in by_key] == [
        op.index for op in history.ops if op.call.key in {"k1", "k2"}
    ]
    assert {row["process"] for row in rows(store, "--process", "3")} == {3}
    reads = rows(store, "--f", "read", "--outcome", "ok")
    assert 0 < len(reads) < len(history.ops)
    window = rows(store, "--from", "2", "--to", "3")
    assert [row["index"] for row in window] == [
        op.index for op in history.ops if op.invoked <= 3e9 and op.completed >= 2e9
    ]
    assert len(rows(store, "--first", "5")) == 5


def test_a_history_file_is_shown_like_a_run(run: RunDirectory, history: History) -> None:
    done = hearsay("history", run.journal)
    assert done.returncode == 0, done
    assert f"{len(history.ops):,} operations" in done.stdout


def test_an_outcome_that_is_none_is_refused(store: Path) -> None:
    done = hearsay("history", "latest", "--outcome", "maybe", "--store", store)
    assert done.returncode == ExitCode.BAD_INPUT
    assert done.stderr.startswith("hearsay: --outcome: 'maybe' is none of ok, fail, info")


def test_all_sources_are_merged_by_time(run: RunDirectory, history: History) -> None:
    log = read_run_log(run)
    assert [line.at for line in log.lines] == sorted(line.at for line in log.lines)
    assert {line.source for line in log.lines} == set(SOURCES) - {"log"}, "simulated nodes log none"
    ended = sum(op.completed != FOREVER for op in history.ops)
    said = sum(line.source == "operations" for line in log.lines)
    assert len(history.ops) + ended <= said <= 2 * len(history.ops)
    faults = [e for e in read_journal(run.journal).events if isinstance(e, FaultBegan)]
    begun = [line for line in log.lines if line.source == "faults" and "begins" in line.text]
    assert [line.at for line in begun] == [fault.time for fault in faults]


def test_a_nodes_log_is_told_on_the_clock_of_the_run(run: RunDirectory, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    copy.mkdir()
    for path in (run.record, run.journal):
        (copy / path.name).write_bytes(path.read_bytes())
    for node, trace in run.traces().items():
        (copy / "nodes" / node).mkdir(parents=True)
        (copy / "nodes" / node / "trace.jsonl").write_bytes(trace.read_bytes())
    origin = run.read_record().clock_origin_ns
    line = {"time": 1.5, "at": origin + 2_500_000_000, "level": "info", "message": "hello", "x": 1}
    text = f"{json.dumps(line)}\nTraceback: a program's own words\n"
    (copy / "nodes" / "n1" / "server.log").write_text(text, encoding="utf-8")
    log = read_run_log(RunDirectory(copy))
    (said,) = (line for line in log.lines if line.source == "log")
    assert (said.at, said.who, said.text) == (2_500_000_000, "n1", "info: hello (x=1)")
    assert list(log.untimed.values()) == [1]


def test_the_surroundings_of_an_operation_are_shown_and_it_is_among_them(
    store: Path, history: History
) -> None:
    number = next(
        op.index for op in history.ops if isinstance(op.call, Write) and isinstance(op.outcome, Ok)
    )
    options = ("latest", "--around", str(number), "--within", "500", "--store", store)
    done = hearsay("log", *options, "--json")
    assert done.returncode == 0, done
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    own = [line["at"] for line in lines if line["op"] == number]
    assert len(own) == 2
    assert min(line["at"] for line in lines) >= own[0] - 500_000_000
    assert max(line["at"] for line in lines) <= own[1] + 500_000_000
    assert {line["source"] for line in lines} >= {"operations", "trace"}
    only = hearsay("log", *options, "--json", "--only", "trace", "--who", "n1")
    assert {json.loads(line)["who"] for line in only.stdout.splitlines()} == {"n1"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--around", "999999"), "--around: the run has no operation 999999"),
        (("--around", "1", "--from", "2"), "--around: goes with --within"),
        (("--only", "gossip"), "--only: 'gossip' is none of operations"),
        (("--around", "1", "--within", "-1"), "--within: -1 is below 0 ms"),
    ],
)
def test_what_makes_no_sense_is_refused(store: Path, options: tuple[str, ...], said: str) -> None:
    done = hearsay("log", "latest", "--store", store, *options)
    assert done.returncode == ExitCode.BAD_INPUT
    assert done.stderr.startswith(f"hearsay: {said}")
