"""How every command that judges a run ends: verdict stored, report made, both said."""

from __future__ import annotations

from rich.console import Console

from harness.analysis import Analysis
from harness.cli.words import COLOURS, explanation_lines, headline
from harness.exit_codes import ExitCode, of_verdict
from harness.reporting import store_verdict
from harness.store import RunDirectory, RunStore
from harness.verdict_file import word


def conclude(store: RunStore, run: RunDirectory, analysis: Analysis, console: Console) -> ExitCode:
    """Store the verdict, make the report, and say both."""
    verdict = analysis.verdict
    report = store_verdict(store, run, analysis)
    for warning in analysis.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False)
    console.print(_statistics_line(analysis), markup=False)
    console.print(headline(verdict), style=f"bold {COLOURS[word(verdict)]}", markup=False)
    code = of_verdict(verdict)
    if code is not ExitCode.VALID:
        for line in explanation_lines(analysis.verdicts, analysis.history):
            console.print(line, markup=False)
    console.print(f"report  {report}", markup=False)
    if code is not ExitCode.VALID:
        console.print(f"again   {analysis.record.command}", markup=False)
    return code


def _statistics_line(analysis: Analysis) -> str:
    """Operations, faults and the longest silence, in one line."""
    counts = analysis.stats.counts
    silence = max((window.length for window in analysis.stats.unavailable), default=0)
    return (
        f"{counts.total:,} operations: {counts.ok:,} answered, {counts.failed:,} refused,"
        f" {counts.unknown:,} unknown; {len(analysis.history.faults)} faults;"
        f" longest silence {silence / 1e9:.1f} s"
    )
