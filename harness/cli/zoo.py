"""``hearsay zoo``: every known bug switched on in turn, and what it took to catch it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table

from checker.base import Budget
from harness.cli.zoo_live import hunt_live
from harness.directed import judged
from harness.errors import BadInput, EnvironmentFailure
from harness.exit_codes import ExitCode
from harness.exploration import explorer_of
from harness.regression import read_regression, read_steps, shrunk, write_regression
from harness.wall_clock import cpu_seconds, deadline_after, spent_after
from harness.workers import spread
from harness.zoo import CORRECT, Hunt, HuntBudget, Row, hunt, rows_of
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE

JUDGING_SECONDS: Final = 30.0
WIDTH_OF_FILES: Final = 160

_GOLDEN: Final = Path(__file__).parents[2] / "tests" / "golden"
GOLDEN: Final = _GOLDEN / "shrunk"
DIRECTED: Final = _GOLDEN / "zoo"
"""Shrunk runs, one for each bug, in a checkout of the source."""

STEPS_WANTED: Final = 12
"""A run that is no longer is not shrunk again, nor is another tried."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The options of ``hearsay zoo`` as they were typed."""

    bugs: tuple[str, ...]
    hunts: int
    runs: int
    seconds: float
    jobs: int
    explore: str
    json: Path | None
    golden: Path | None
    shrink_seconds: float
    live: bool = False

    def check(self) -> None:
        """Raises: BadInput: An option makes no sense; the message names it."""
        for bug in self.bugs:
            if bug not in CATALOGUE and bug != CORRECT:
                raise BadInput(f"no bug is named {bug!r} (hearsay run --bug list names them)")
        if self.hunts < 1:
            raise BadInput(f"--hunts: {self.hunts} is not at least 1")
        if self.runs < 1:
            raise BadInput(f"--runs: {self.runs} is not at least 1")
        if self.seconds <= 0:
            raise BadInput(f"--seconds: {self.seconds:g} is not above 0")
        if self.shrink_seconds <= 0:
            raise BadInput(f"--shrink-seconds: {self.shrink_seconds:g} is not above 0")
        if self.jobs < 0:
            raise BadInput(f"--jobs: {self.jobs} is below 0")
        explorer_of(self.explore)


def run_zoo(chosen: Chosen, store: Path) -> ExitCode:
    """Hunt; invalid if a bug that is known to be found was missed, or the control was not quiet.

    ``store`` gets the runs of live clusters.
    """
    chosen.check()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
    bugs = chosen.bugs or (*CATALOGUE, CORRECT)
    if chosen.live:
        live, code = hunt_live(bugs, chosen.hunts, store, console)
        if chosen.json is not None:
            _write(chosen.json, live)
        return code
    items = [(bug, number) for bug in bugs for number in range(chosen.hunts)]
    jobs = min(chosen.jobs or len(os.sched_getaffinity(0)), len(items))
    budget = HuntBudget(runs_max=chosen.runs, seconds_max=chosen.seconds)
    hunts = _spread(console, "hunting", partial(_hunt, budget, chosen.explore), items, jobs)
    rows = rows_of(hunts)
    if chosen.golden is not None:
        caught = [row for row in rows if row.bug != CORRECT and row.caught]
        _spread(console, "shrinking", partial(_shrink, chosen), caught, min(jobs, len(caught)))
    directed = {row.bug: _follow(row.bug) for row in rows if row.bug != CORRECT}
    console.print(_table(rows, read_steps(chosen.golden or GOLDEN), directed))
    _say_sum(console, rows, directed)
    if chosen.json is not None:
        _write(chosen.json, [_plain(row, directed.get(row.bug)) for row in rows])
    disappointing = any(row.disappoints for row in rows) or not all(directed.values())
    return ExitCode.INVALID if disappointing else ExitCode.VALID


def _follow(bug: str) -> bool:
    """Whether its directed schedule reveals it, and nothing of correct nodes."""
    try:
        schedule = (DIRECTED / f"{bug}.txt").read_text()
    except OSError as error:
        raise EnvironmentFailure(f"{DIRECTED / bug}.txt: {error.strerror}") from error
    return judged(schedule) == (CATALOGUE[bug].revealed_by, ())


def _spread(
    console: Console,
    doing: str,
    work: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
) -> list[Result]:
    """What ``work`` made of ``items``, as it came, while a bar shows how far it is."""
    results = spread(work, items, jobs)
    # The workers are forked before the bar has a thread.
    made = [result for _, result in islice(results, 1)]
    rest = track(
        results,
        description=doing,
        total=len(items) - 1,
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    return [*made, *(result for _, result in rest)]


def _hunt(budget: HuntBudget, explore: str, item: tuple[str, int]) -> Hunt:
    bug, number = item
    return hunt(bug, number, budget, cpu_seconds, _judging, explorer=explorer_of(explore))


def _shrink(chosen: Chosen, row: Row) -> None:
    """Store the smallest run that its hunts lead to, unless a smaller one is there."""
    assert chosen.golden is not None
    path = chosen.golden / f"{row.bug}.json"
    steps = read_regression(path).steps if path.exists() else None
    for one in row.hunts:
        if one.plan is not None and (steps is None or steps > STEPS_WANTED):
            made = shrunk(one.plan, _judging, spent_after(chosen.shrink_seconds))
            if made is not None and (steps is None or made.steps < steps):
                write_regression(path, made)
                steps = made.steps


def _judging() -> Budget:
    return Budget(deadline=deadline_after(JUDGING_SECONDS))


def _table(rows: Sequence[Row], steps: Mapping[str, int], directed: Mapping[str, bool]) -> Table:
    table = Table(title="The bug zoo: medians over the hunts, the hardest to catch first")
    table.add_column("bug", no_wrap=True)
    table.add_column("caught", justify="right")
    table.add_column("runs", justify="right")
    table.add_column("virtual s", justify="right")
    table.add_column("CPU s", justify="right")
    table.add_column("steps", justify="right")
    table.add_column("directed")
    table.add_column("by")
    for row in sorted(rows, key=lambda row: (row.bug == CORRECT, row.caught, -row.runs)):
        missed = row.disappoints
        table.add_row(
            row.bug,
            f"{row.caught}/{len(row.hunts)}",
            f"{row.runs:g}",
            f"{row.virtual_s:,.0f}",
            f"{row.seconds:.1f}",
            str(steps.get(row.bug, "")),
            {True: "caught", False: "MISSED"}[directed[row.bug]] if row.bug in directed else "",
            "; ".join(row.found[:3]),
            style="red" if missed else None,
        )
    return table


def _say_sum(console: Console, rows: Sequence[Row], directed: Mapping[str, bool]) -> None:
    bugs = [row for row in rows if row.bug != CORRECT]
    caught = sum(row.caught * 2 >= len(row.hunts) for row in bugs)
    if bugs:
        console.print(
            f"of {len(bugs)} bugs {caught} caught by random search,"
            f" {sum(directed.values())} by their directed schedules",
            style="bold",
        )
    for row in rows:
        if row.bug == CORRECT:
            runs = sum(one.runs for one in row.hunts)
            quiet = "quiet" if not row.caught else f"ACCUSED of {'; '.join(row.found)}"
            console.print(f"correct nodes: {quiet} in {runs:,} runs")
        elif row.disappoints:
            console.print(f"{row.bug} is known to be found and was missed", style="red")


def _write(path: Path, plain: Sequence[object]) -> None:
    text = msgspec.json.format(msgspec.json.encode(plain), indent=1)
    try:
        path.write_bytes(text + b"\n")
    except OSError as error:
        raise EnvironmentFailure(f"{path}: {error.strerror}") from error


def _plain(row: Row, directed: bool | None) -> dict[str, object]:
    return {
        "bug": row.bug,
        "directed": directed,
        "caught": row.caught,
        "runs": row.runs,
        "virtual_s": row.virtual_s,
        "cpu_s": round(row.seconds, 3),
        "found": row.found,
        "hunts": [replace(one, plan=None) for one in row.hunts],
    }
