"""A report of a stored run, and that nothing that goes wrong with it touches the verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness.reporting
from checker.base import Budget
from harness.analysis import Analysis, analyze
from harness.provenance import record_of
from harness.reporting import OVERHEARD, communication, store_verdict
from harness.simulated import simulate
from harness.simulated_files import write_run
from harness.store import RunDirectory, RunStore
from harness.swarm import Given, draw_plan

PLAN = draw_plan(11, Given(workload="register", nodes=3, time_s=6.0))


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunStore, RunDirectory, Analysis]:
    store = RunStore(tmp_path_factory.mktemp("runs"))
    record = record_of(PLAN.config, "hearsay simulate", (), 0, world=PLAN.world)
    run = write_run(store, record, simulate(PLAN))
    return store, run, analyze(run, Budget())


def test_a_simulated_run_is_asked_again_for_its_messages(
    stored: tuple[RunStore, RunDirectory, Analysis],
) -> None:
    _, run, analysis = stored
    messages, trails = communication(run, analysis)
    assert messages.remark.startswith(OVERHEARD)
    assert "gossip" in {arrow.kind for arrow in messages.arrows}, "which traces do not tell"
    assert any("answered" in trail for trail in trails.values())


def test_where_other_code_simulated_it_traces_tell_what_they_can(
    stored: tuple[RunStore, RunDirectory, Analysis], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, run, analysis = stored
    other = draw_plan(12, Given(workload="register", nodes=3, time_s=6.0))
    monkeypatch.setattr(harness.reporting, "read_plan", lambda _: other)
    messages, trails = communication(run, analysis)
    assert messages.remark.startswith("Derived")
    assert {"client", "entries"} <= {arrow.kind for arrow in messages.arrows}
    assert "gossip" not in {arrow.kind for arrow in messages.arrows}
    assert any("acknowledged by" in trail for trail in trails.values())


def test_a_report_without_messages_is_a_report(
    stored: tuple[RunStore, RunDirectory, Analysis], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("nobody listens today")

    store, run, analysis = stored
    monkeypatch.setattr(harness.reporting, "overhear", refuse)
    assert store_verdict(store, run, analysis) == str(run.report)
    assert "nobody listens today" in run.report.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_leaves_the_verdict(
    stored: tuple[RunStore, RunDirectory, Analysis], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, *_: object, **__: object) -> int:
        raise OSError(28, "No space left on device", str(self))

    store, run, analysis = stored
    run.verdict.unlink(missing_ok=True)
    monkeypatch.setattr(Path, "write_text", full)
    assert "No space left on device" in store_verdict(store, run, analysis)
    assert run.read_verdict() == analysis.verdict
