"""``hearsay check`` of a stored run: judged once more."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from checker.base import Budget
from harness.analysis import analyze
from harness.cli.conclusion import conclude
from harness.exit_codes import ExitCode, of_verdict
from harness.store import RunStore
from harness.verdict_file import encode_verdicts


def check_run(name: str, store: Path, budget: Budget, *, as_json: bool) -> ExitCode:
    """Judge a run and store the verdict, unless it is only to be printed as JSON."""
    runs = RunStore(store)
    run = runs.find(name)
    analysis = analyze(run, budget)
    if as_json:
        print(encode_verdicts(analysis.verdicts).decode())
        return of_verdict(analysis.verdict)
    return conclude(runs, run, analysis, Console(highlight=False, soft_wrap=True))
