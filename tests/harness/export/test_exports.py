"""Files for other tools, read as those tools read them."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from msgspec import Struct
from pyarrow import parquet

from harness.exit_codes import ExitCode
from harness.export.table import COLUMNS
from harness.store import RunDirectory, RunStore
from histories.history import History
from histories.journal import read_journal
from histories.op import FOREVER
from histories.pairing import history_of
from tests.harness.cli.hearsay import hearsay


class TraceEvent(Struct, forbid_unknown_fields=True):
    """Of Google's Trace Event Format, what we use; other fields are not in it."""

    ph: Literal["X", "M", "i", "C"]
    name: str
    pid: int
    tid: int
    ts: float | None = None
    dur: float | None = None
    args: dict[str, int | float | str] | None = None
    cname: Literal["good", "bad", "grey", "terrible"] | None = None
    s: Literal["t"] | None = None


class TraceFile(Struct, forbid_unknown_fields=True):
    displayTimeUnit: Literal["ms", "ns"]  # noqa: N815  The format's name.
    traceEvents: list[TraceEvent]  # noqa: N815  The format's name.


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With one run that is invalid."""
    path = tmp_path_factory.mktemp("store")
    done = hearsay(
        *("simulate", "--seeds", "0..9", "--jobs", "1", "--failures", "1", "--bug", "stale-read"),
        *("--workload", "register", "--nodes", "3", "--faults", "kill,partition", "--store", path),
    )
    assert done.returncode == ExitCode.INVALID, done
    return path


@pytest.fixture(scope="module")
def run(store: Path) -> RunDirectory:
    return RunStore(store).find("latest")


@pytest.fixture(scope="module")
def history(run: RunDirectory) -> History:
    return history_of(read_journal(run.journal))


def exported(store: Path, to: str, folder: Path) -> Path:
    done = hearsay("export", "latest", "--to", to, "--store", store, "--out", folder / to)
    assert done.returncode == 0, done
    assert done.stdout.strip() == str(folder / to)
    return folder / to


def slices(trace: TraceFile, process: str) -> Iterator[TraceEvent]:
    (number,) = (
        event.pid
        for event in trace.traceEvents
        if event.name == "process_name" and event.args == {"name": process}
    )
    return (event for event in trace.traceEvents if (event.pid, event.ph) == (number, "X"))


def test_perfettos_file_is_of_its_format_and_holds_every_operation_in_lanes(
    store: Path, history: History, tmp_path: Path
) -> None:
    text = exported(store, "perfetto", tmp_path).read_bytes()
    trace = msgspec.json.decode(text, type=TraceFile)
    operations = list(slices(trace, "clients"))
    assert [event.args["op"] for event in operations if event.args] == list(range(len(history.ops)))
    free: dict[int, float] = {}
    for event in operations:
        assert event.ts is not None
        assert event.dur is not None
        assert event.ts >= free.get(event.tid, 0.0), "slices of a lane must not overlap"
        free[event.tid] = event.ts + event.dur - 0.001  # Of microseconds: rounding.
    assert len(list(slices(trace, "faults"))) == len(history.faults)
    assert {event.name for event in slices(trace, "n0")} <= {
        *("follower", "pre_candidate", "candidate", "leader"),
    }
    assert {event.name for event in trace.traceEvents if event.ph == "C"} >= {"term", "committed"}


def test_tables_hold_a_row_for_each_operation(
    store: Path, history: History, tmp_path: Path
) -> None:
    with exported(store, "csv", tmp_path).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table: list[dict[str, Any]] = parquet.read_table(
        exported(store, "parquet", tmp_path)
    ).to_pylist()
    assert len(rows) == len(table) == len(history.ops)
    for op, row, typed in zip(history.ops, rows, table, strict=True):
        assert tuple(row) == tuple(typed) == COLUMNS
        assert int(row["op"]) == typed["op"] == op.index
        assert typed["completed_ns"] == (None if op.completed == FOREVER else op.completed)
        assert row["call"] == typed["call"]
    assert {row["outcome"] for row in rows} <= {"ok", "fail", "info"}


def test_edn_is_checked_as_the_run_was(store: Path, tmp_path: Path) -> None:
    path = exported(store, "edn", tmp_path)
    done = hearsay("check", path, "--model", "cas-register", "--format", "jepsen-edn")
    assert done.returncode == ExitCode.INVALID, done


def test_a_drawing_has_the_evidence_in_the_order_of_real_time(
    store: Path, run: RunDirectory, tmp_path: Path
) -> None:
    path = exported(store, "dot", tmp_path)
    text = path.read_text(encoding="utf-8")
    said = json.loads(run.verdict.read_text(encoding="utf-8"))
    assert "nonlinearizable" in json.dumps(said)
    assert text.count("subgraph") >= 1
    assert "style=dashed, label=before" in text
    if shutil.which("dot") is not None:
        subprocess.run(["dot", "-Tsvg", path, "-o", tmp_path / "svg"], check=True)


def test_shivizs_log_matches_its_parser_and_its_clocks_grow(store: Path, tmp_path: Path) -> None:
    text = exported(store, "shiviz", tmp_path).read_text(encoding="utf-8")
    parsed = list(re.finditer(r"(?P<host>\S*) (?P<clock>{.*})\n(?P<event>.*)\n", text))
    assert "".join(match[0] for match in parsed) == text, "ShiViz's default expression reads it all"
    assert len(parsed) > 50
    latest: dict[str, dict[str, int]] = {}
    for match in parsed:
        host, clock = match["host"], json.loads(match["clock"])
        before = latest.get(host, {})
        assert clock[host] == before.get(host, 0) + 1
        assert all(clock[other] >= count for other, count in before.items())
        for other, count in clock.items():
            assert other == host or count <= latest[other][other], "it knows what did not happen"
        latest[host] = clock
    assert {"n0", "n1", "n2"} <= set(latest)
    assert any(len(clock) == len(latest) for clock in latest.values())


def test_what_cannot_be_exported_is_said_in_a_line(
    store: Path, run: RunDirectory, tmp_path: Path
) -> None:
    unknown = hearsay("export", "latest", "--to", "pdf", "--store", store)
    assert unknown.returncode == ExitCode.BAD_INPUT
    assert unknown.stderr.startswith("hearsay: --to: 'pdf' is none of perfetto")
    to_screen = hearsay("export", "latest", "--to", "parquet", "--out", "-", "--store", store)
    assert to_screen.returncode == ExitCode.BAD_INPUT
    no_verdict = hearsay("export", run.journal, "--to", "dot", cwd=tmp_path)
    assert no_verdict.returncode == ExitCode.BAD_INPUT
    assert not list(tmp_path.iterdir()), "nothing is left of it"
    no_room = hearsay("export", "latest", "--out", "/no/such/place", "--store", store)
    assert no_room.returncode == ExitCode.ENVIRONMENT
