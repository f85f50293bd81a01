"""``hearsay show`` and ``explain``: looking at a stored run."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from checker.base import Budget
from checker.stats import Counts, Latency, stats
from checker.verdict import Verdict, combine
from harness.cli.check import FileOptions, check_file
from harness.cli.words import COLOURS, explanation_lines, headline
from harness.errors import BadInput
from harness.exit_codes import ExitCode, of_verdict
from harness.store import RunDirectory, RunStore
from harness.verdict_file import read_verdicts, sentence, word
from harness.wall_clock import deadline_after
from histories.history import FaultWindow, History
from histories.journal import read_journal
from histories.pairing import history_of


def show_run(name: str, store: Path, *, as_json: bool) -> ExitCode:
    """Everything about one run that fits on a screen.  The run's own exit code."""
    run = RunStore(store).find(name)
    record = run.read_record()
    verdict = run.read_verdict()
    history = history_of(read_journal(run.journal))
    measured = stats(history)
    if as_json:
        print(
            json.dumps(
                {
                    "run": str(run.path),
                    "command": record.command,
                    "seed": record.config.seed,
                    "verdict": None if verdict is None else word(verdict),
                    "sentence": None if verdict is None else sentence(verdict),
                    "operations": _counts_json(measured.counts),
                    "faults": [_fault_json(fault) for fault in history.faults],
                },
                indent=2,
            )
        )
        return _code(verdict)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{run.path}", style="bold", markup=False)
    console.print(record.command, markup=False)
    console.print(f"started {record.started}, code {record.commit or 'unknown'}", style="dim")
    _say_verdict(console, verdict)
    operations = Table("f", "answered", "refused", "unknown", "p50 ms", "p99 ms", "max ms")
    for f, counts in measured.by_function.items():
        operations.add_row(f, *_cells(counts), *_latency_cells(measured.latency.get(f)))
    console.print(operations)
    faults = Table("from s", "to s", "fault", "nodes", "detail", "what it did")
    for fault in history.faults:
        faults.add_row(
            f"{fault.began / 1e9:.1f}",
            f"{fault.ended / 1e9:.1f}",
            fault.kind,
            ", ".join(fault.nodes),
            Text(fault.detail),
            Text(fault.evidence),
        )
    console.print(faults)
    console.print(f"report {run.report}", markup=False)
    return _code(verdict)


def explain_target(
    target: str, options: FileOptions, seconds: float, store: Path, *, as_json: bool
) -> ExitCode:
    """Why a history file or a run is not valid.  The exit code of its verdict."""
    if Path(target).is_file():
        budget = Budget(deadline=deadline_after(seconds))
        return check_file(Path(target), options, budget, as_json=as_json)
    options.require_none(target)
    return _explain_run(target, store, as_json=as_json)


def _explain_run(name: str, store: Path, *, as_json: bool) -> ExitCode:
    run = RunStore(store).find(name)
    if not run.verdict.exists():
        raise BadInput(f"{run.path}: not judged yet (hearsay check {name} does that)")
    if as_json:
        print(run.verdict.read_text(encoding="utf-8").rstrip())
        return _code(run.read_verdict())
    verdicts = read_verdicts(run.verdict)
    console = Console(highlight=False, soft_wrap=True)
    verdict = combine(verdicts.values())
    console.print(headline(verdict), style=f"bold {COLOURS[word(verdict)]}", markup=False)
    for line in explanation_lines(verdicts, _history(run)):
        console.print(line, markup=False)
    console.print(f"report  {run.report}", markup=False)
    console.print(f"again   {run.read_record().command}", markup=False)
    return _code(verdict)


def _history(run: RunDirectory) -> History:
    return history_of(read_journal(run.journal))


def _code(verdict: Verdict | None) -> ExitCode:
    return ExitCode.UNKNOWN if verdict is None else of_verdict(verdict)


def _say_verdict(console: Console, verdict: Verdict | None) -> None:
    if verdict is None:
        console.print("Not judged yet.", style="yellow")
    else:
        style = f"bold {COLOURS[word(verdict)]}"
        console.print(sentence(verdict), style=style, markup=False)


def _cells(counts: Counts) -> tuple[str, str, str]:
    return f"{counts.ok:,}", f"{counts.failed:,}", f"{counts.unknown:,}"


def _latency_cells(latency: Latency | None) -> tuple[str, str, str]:
    if latency is None:
        return "", "", ""
    return f"{latency.p50 / 1e6:.1f}", f"{latency.p99 / 1e6:.1f}", f"{latency.max / 1e6:.1f}"


def _counts_json(counts: Counts) -> dict[str, int]:
    return {"answered": counts.ok, "refused": counts.failed, "unknown": counts.unknown}


def _fault_json(fault: FaultWindow) -> dict[str, object]:
    return {
        "kind": fault.kind,
        "nodes": list(fault.nodes),
        "detail": fault.detail,
        "began_ns": fault.began,
        "ended_ns": fault.ended,
        "evidence": fault.evidence,
    }
