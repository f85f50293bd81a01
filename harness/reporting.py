"""From an analysis to the verdict that is stored and the page that a person reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from checker.verdict import Invalid
from harness.analysis import Analysis
from harness.attempts import by_operation, read_attempts
from harness.config import RunRecord
from harness.errors import ReportError
from harness.overhearing import overhear
from harness.report.data import CheckResult, ReportData, span_of
from harness.report.messages import NO_MESSAGES, Messages, derived_messages, nearest
from harness.report.page import render
from harness.report.wording import visible
from harness.simulated import read_plan
from harness.store import RunDirectory, RunStore
from harness.trails import trails_from_attempts, trails_from_traces, writes_of
from harness.verdict_file import write_verdicts
from histories.event import Note

MOMENTS_MAX: Final = 8
"""Around so many moments messages are asked for."""

OVERHEARD: Final = (
    "Messages of the simulated run, within two seconds of what broke, or else of faults."
)


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
    try:
        messages, trails = communication(run, analysis)
    # As in ``render``: what is drawn must never decide over a run; the rest is drawn all the same.
    except Exception as error:  # noqa: BLE001
        remark = f"Not known: {type(error).__name__}: {visible(str(error))}"
        messages, trails = Messages(arrows=(), remark=remark), {}
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
            messages=messages,
            trails=trails,
        )
    )
    try:
        run.report.write_text(page, encoding="utf-8", errors="xmlcharrefreplace")
    except OSError as error:
        raise ReportError(f"{run.report}: {error.strerror}") from error


def communication(run: RunDirectory, analysis: Analysis) -> tuple[Messages, Mapping[int, str]]:
    """Messages around what went wrong, and the ways of operations.

    A simulated run is asked again; where that is not the run that is stored (other code
    simulated it), and of live runs, traces tell what they can.
    """
    config, history = analysis.record.config, analysis.history
    verdict = analysis.verdict
    found = verdict.anomalies if isinstance(verdict, Invalid) else ()
    spans = [span_of(anomaly, history) for anomaly in found]
    known = [span for span in spans if span is not None]
    broken = dict.fromkeys([*(each.at for each in known), *(each.began for each in known)])
    near = list(broken or dict.fromkeys(fault.began for fault in history.faults))[:MOMENTS_MAX]
    if analysis.record.world is not None:
        again, overheard = overhear(read_plan(run), near)
        if again.history() == history:
            messages = nearest(overheard.arrows(), near, OVERHEARD)
            return messages, trails_from_attempts(by_operation(history, overheard.attempts))
    if config.system is not None:
        return NO_MESSAGES, {}  # Such nodes record nothing for us.
    writes = writes_of(history, config.made_workload())
    attempts = by_operation(history, read_attempts(run.clients, analysis.record.clock_origin_ns))
    messages = derived_messages(analysis.traces, history, writes, attempts, near)
    if attempts:
        return messages, trails_from_attempts(attempts, analysis.traces, writes)
    return messages, trails_from_traces(config, history, analysis.traces, writes)


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
