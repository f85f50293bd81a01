"""``hearsay zoo --live``: bugs hunted in clusters of processes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from checker.base import Budget
from harness.analysis import analyze
from harness.cli.run import run_one
from harness.exit_codes import ExitCode
from harness.planning import plan_faults
from harness.report.wording import counted
from harness.store import RunStore
from harness.wall_clock import deadline_after
from harness.zoo import CORRECT, anomalies
from harness.zoo_live import live_config, why_not_live
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from system_under_test.gossip_raft.mutants.mutant import Mutant

RUN_SECONDS = 10.0
CHECK_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRow:
    """What became of one bug.  ``why_not``: why it was not hunted, ``None`` if it was."""

    bug: str
    runs: int = 0
    found: tuple[str, ...] = ()
    why_not: str | None = None


def hunt_live(
    bugs: Sequence[str], runs_max: int, store: Path, console: Console
) -> tuple[list[LiveRow], ExitCode]:
    """Run each bug in at most ``runs_max`` campaigns; invalid if one that live clusters can show
    was missed, or correct nodes were accused.

    Raises what ``run_live`` does.
    """
    rows: list[LiveRow] = []
    for bug in bugs:
        rows.append(row := _hunted(bug, runs_max, store))
        console.print(f"{bug}: {_said(row)}", markup=False)
    console.print(_table(rows))
    correct = any(row.found for row in rows if row.bug == CORRECT)
    missed = [r for r in rows if r.bug != CORRECT and r.why_not is None and not r.found]
    hunted = [r for r in rows if r.bug != CORRECT and r.why_not is None]
    console.print(
        f"of {counted(len(hunted), 'bug')} that live clusters can show"
        f" {len(hunted) - len(missed)} caught",
        style="bold",
    )
    return rows, ExitCode.INVALID if correct or missed else ExitCode.VALID


def _hunted(bug: str, runs_max: int, store: Path) -> LiveRow:
    mutant = CATALOGUE.get(bug)
    why_not = None if mutant is None else why_not_live(mutant)
    if why_not is not None:
        return LiveRow(bug=bug, why_not=why_not)
    for seed in range(runs_max):
        found = _campaign(mutant, seed, store)
        if found:
            return LiveRow(bug=bug, runs=seed + 1, found=found)
    return LiveRow(bug=bug, runs=runs_max)


def _campaign(mutant: Mutant | None, seed: int, store: Path) -> tuple[str, ...]:
    config = live_config(mutant, seed, RUN_SECONDS)
    runs = RunStore(store)
    before = set(runs.runs())
    run_one(config, plan_faults(config), runs, ("zoo", "--live"), Console(quiet=True))
    (run,) = set(runs.runs()) - before
    return anomalies(dict(analyze(run, Budget(deadline=deadline_after(CHECK_SECONDS))).verdicts))


def _said(row: LiveRow) -> str:
    if row.why_not is not None:
        return f"simulated only: {row.why_not}"
    if not row.found:
        return f"not seen in {counted(row.runs, 'run')}"
    return f"{'; '.join(row.found)} (run {row.runs})"


def _table(rows: Sequence[LiveRow]) -> Table:
    table = Table(title="The bug zoo, live")
    table.add_column("bug", no_wrap=True)
    table.add_column("where")
    table.add_column("runs", justify="right")
    table.add_column("by, or why not")
    for row in rows:
        if row.why_not is not None:
            table.add_row(row.bug, "simulated", "", row.why_not)
        else:
            style = "red" if bool(row.found) == (row.bug == CORRECT) else None
            table.add_row(row.bug, "live", f"{row.runs}", "; ".join(row.found[:3]), style=style)
    return table
