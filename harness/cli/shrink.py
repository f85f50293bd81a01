"""``hearsay shrink``: the smallest run that fails as a stored one did, and a test that runs it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.status import Status

from checker.base import Budget
from harness.analysis import analyze
from harness.cli.conclusion import conclude
from harness.cli.simulate import CHECK_SECONDS
from harness.closest import closest, worlds
from harness.config import RunRecord
from harness.errors import BadInput, EnvironmentFailure
from harness.exit_codes import ExitCode
from harness.provenance import record_of
from harness.regression import Regression, pytest_file, regression_of, write_regression
from harness.shrink import Failure, Shrinking, Spent, failures_in, steps_of
from harness.simulated import Plan, read_plan, simulate
from harness.simulated_files import write_run
from harness.store import RunDirectory, RunStore
from harness.verdict_file import read_verdicts
from harness.wall_clock import deadline_after, spent_after

JUDGING_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The options of ``hearsay shrink`` as they were typed."""

    run: str
    anomaly: str | None
    seconds: float
    runs: int

    def check(self) -> None:
        """Raises: BadInput: An option makes no sense; the message names it."""
        if self.seconds <= 0:
            raise BadInput(f"--seconds: {self.seconds:g} is not above 0")
        if self.runs < 1:
            raise BadInput(f"--runs: {self.runs} is not at least 1")


def shrink_run(chosen: Chosen, store: Path, arguments: tuple[str, ...]) -> ExitCode:
    """Leave a new run that fails with fewer steps; its exit code."""
    chosen.check()
    console = Console(highlight=False, soft_wrap=True)
    runs = RunStore(store)
    first = runs.find(chosen.run)
    record = first.read_record()
    spent = spent_after(chosen.seconds)
    if record.world is None:
        found = _failing(first, record, chosen, spent, console)
        if found is None:
            return ExitCode.UNKNOWN
        plan, failures = found
    else:
        plan = read_plan(first)
        failures = _wanted(failures_in(simulate(plan).verdicts(judging())), chosen.anomaly, first)
    console.print(f"shrinking {first.path.name}", markup=False)
    with console.status("") as status:
        shrinking = Shrinking(
            plan,
            failures,
            judging=judging,
            may_go_on=lambda now: now.runs < chosen.runs and not spent(),
            saw=lambda now: _show(status, now),
        )
        outcome = _search(shrinking)
    if shrinking.best.script is None:
        console.print(f"{outcome} before anything was shrunk", style="yellow")
        return ExitCode.UNKNOWN
    console.print(f"{outcome} after {shrinking.runs:,} runs: {_size(shrinking.best)}", style="bold")
    regression = regression_of(shrinking.best, shrinking.failure)
    for line in regression.story:
        console.print(f"  {line}", markup=False)
    words = ["hearsay", "shrink", first.path.name]
    words += [] if chosen.anomaly is None else ["--anomaly", chosen.anomaly]
    record = record_of(
        regression.config,
        shlex.join(words),
        arguments,
        0,
        world=regression.world,
        script=shrinking.best.script,
    )
    return _store(runs, record, shrinking.best, regression, console)


def judging() -> Budget:
    return Budget(deadline=deadline_after(JUDGING_SECONDS))


def _failing(
    run: RunDirectory,
    record: RunRecord,
    chosen: Chosen,
    spent: Callable[[], bool],
    console: Console,
) -> tuple[Plan, tuple[Failure, ...]] | None:
    """Of simulated runs close to a live one, one that fails as it did."""
    if not run.verdict.exists():
        raise BadInput(f"{run.path}: not judged yet (hearsay check {run.path.name} does that)")
    wanted = _wanted(failures_in(read_verdicts(run.verdict)), chosen.anomaly, run)
    for number, plan in enumerate(worlds(closest(run, record))):
        if number == chosen.runs or spent():
            console.print(f"none of {number:,} simulated runs failed so", style="yellow")
            return None
        found = failures_in(simulate(plan).verdicts(judging()))
        if failures := tuple(failure for failure in found if failure in wanted):
            console.print(f"simulated run {number + 1:,} that is close to it fails as it did")
            return plan, failures
    return None


def _wanted(
    found: tuple[Failure, ...], anomaly: str | None, run: RunDirectory
) -> tuple[Failure, ...]:
    if not found:
        raise BadInput(f"{run.path}: not invalid, so there is nothing to shrink it for")
    if anomaly is None:
        return found
    chosen = tuple(failure for failure in found if str(failure) == anomaly)
    if not chosen:
        there = "; ".join(map(str, found))
        raise BadInput(f"--anomaly: {anomaly!r} is none of those of the run: {there}")
    return chosen


def _search(shrinking: Shrinking) -> str:
    """How the search ended, in a word."""
    try:
        shrinking.search()
    except Spent:
        return "budget spent"
    except KeyboardInterrupt:
        return "interrupted"
    return "done"


def _show(status: Status, now: Shrinking) -> None:
    size = "" if now.best.script is None else f": {_size(now.best)}"
    status.update(f"{now.runs:,} runs, {now.doing}{size}")


def _size(plan: Plan) -> str:
    return f"{steps_of(plan):,} steps, {plan.config.nodes} nodes"


def _store(
    runs: RunStore, record: RunRecord, plan: Plan, regression: Regression, console: Console
) -> ExitCode:
    run = write_run(runs, record, simulate(plan))
    write_regression(run.shrunk, regression)
    try:
        run.regression_test.write_text(pytest_file(regression, run.shrunk.name), encoding="utf-8")
    except OSError as error:
        raise EnvironmentFailure(f"{run.path}: {error.strerror}") from error
    analysis = analyze(run, Budget(deadline=deadline_after(CHECK_SECONDS)))
    code = conclude(runs, run, analysis, console)
    console.print(f"test    {run.regression_test} (or copy {run.shrunk.name} to", markup=False)
    console.print("        tests/golden/shrunk, whose files are all tested)", markup=False)
    return code
