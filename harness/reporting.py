"""From an analysis to the verdict that is stored and the page that a person reads."""

from __future__ import annotations

from harness.analysis import Analysis
from harness.config import RunRecord
from harness.errors import ReportError
from harness.report.data import CheckResult, ReportData
from harness.report.page import render
from harness.store import RunDirectory, RunStore
from harness.verdict_file import write_verdicts
from histories.event import Note


def store_verdict(store: RunStore, run: RunDirectory, analysis: Analysis) -> str:
    """Write the verdict and the report; answers where that is, or why there is none."""
    write_verdicts(run.verdict, analysis.verdicts)
    store.judged(run, analysis.verdict)
    try:
        write_report(run, analysis)
    except ReportError as error:
        # The verdict stands, whatever became of its picture.
        return f"none ({error})"
    return str(run.report)


def write_report(run: RunDirectory, analysis: Analysis) -> None:
    """Write ``report.html``.

    Raises:
        ReportError: It could not be made or written; the verdict stands all the same.
    """
    record = analysis.record
    page = render(
        ReportData(
            run_name=f"{run.path.parent.name}/{run.path.name}",
            configuration=_configuration(record),
            seed=record.config.seed,
            replay_command=record.command,
            verdict=analysis.verdict,
            checks=tuple(CheckResult(*item) for item in analysis.verdicts.items()),
            history=analysis.history,
            cluster=analysis.life,
            notes=tuple(event for event in analysis.events if isinstance(event, Note)),
        )
    )
    try:
        run.report.write_text(page, encoding="utf-8", errors="xmlcharrefreplace")
    except OSError as error:
        raise ReportError(f"{run.report}: {error.strerror}") from error


def _configuration(record: RunRecord) -> dict[str, object]:
    config = record.config
    return {
        "started": record.started,
        "system": config.system or "gossip-Raft",
        "workload": config.workload,
        "nodes": config.nodes,
        "faults": ", ".join(config.faults) or "none",
        "time": f"{config.time_s:g} s",
        "concurrency": config.concurrency,
        "rate": f"{config.rate_hz:g} operations a second",
        "client time-out": f"{config.operation_timeout_ms} ms",
        "reads": config.reads,
        "bug": config.bug or "none",
        **{f"{name} version": version for name, version in record.versions.items()},
        "commit": record.commit or "unknown",
    }
