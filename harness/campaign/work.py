"""What is done for a campaign in a process of its own: one run, and what is said of it.

Each item may be done any number of times, here or elsewhere: the first result that is recorded
counts, and runs that no record speaks of are swept away.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias, assert_never

from msgspec import Struct
from msgspec.structs import replace

from checker.base import Budget as JudgingBudget
from harness.analysis import analyze
from harness.campaign.records import Canary, Ran, RanAgain, Record, Shrunk
from harness.campaign.spec import Budget
from harness.campaign.task import Task
from harness.closest import closest, worlds
from harness.errors import EnvironmentFailure, HarnessError
from harness.judged_run import JudgedRun, judged_live, judged_simulated
from harness.provenance import record_of
from harness.regression import Regression, pytest_file, shrunk, write_regression
from harness.reporting import store_verdict
from harness.simulated import Plan, simulate
from harness.simulated_files import write_run
from harness.store import CAMPAIGNS, RunDirectory, RunStore
from harness.verdict_file import sentence, word
from harness.wall_clock import RunClock, deadline_after, spent_after
from harness.zoo import anomalies, plan_of
from histories.errors import HistoryError
from histories.event import FaultBegan
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE

CANARY_RUNS_MAX: Final = 50
CLOSEST_WORLDS: Final = 10
"""In which what was done live is tried."""


class Place(Struct, frozen=True, kw_only=True):
    """Where results belong.

    Attributes:
        store: A directory that all workers see under this name.
        keep: Which runs stay there; see ``Spec``.
    """

    store: str
    campaign: str
    keep: str
    budget: Budget


class Run(Struct, frozen=True, kw_only=True, tag=True):
    """Do a task."""

    task: Task


class RunAgain(Struct, frozen=True, kw_only=True, tag=True):
    """Do a task that failed once more."""

    task: Task
    attempt: int


class Shrink(Struct, frozen=True, kw_only=True, tag=True):
    """Find the fewest steps with which a task that failed still fails so; ``run``: its run."""

    task: Task
    finding: str
    run: str


class Watch(Struct, frozen=True, kw_only=True, tag=True):
    """See whether wrong nodes are noticed."""

    bug: str


Item: TypeAlias = Run | RunAgain | Shrink | Watch


def perform(place: Place, item: Item) -> Record:
    """Do it.  What the environment does to one run is the result of that run.

    Raises:
        EnvironmentFailure: Nothing can be stored here at all.
    """
    if not (_store(place).root / CAMPAIGNS / place.campaign / "campaign.json").is_file():
        raise EnvironmentFailure(
            f"{place.store}: the store of this campaign is not there; workers on other machines"
            " need it under the same name"
        )
    clock = RunClock()
    try:
        match item:
            case Run(task=task):
                return _ran(task, _do(place, task), clock)
            case RunAgain(task=task):
                return _ran_again(item, _do(place, task), clock)
            case Shrink():
                return _shrink(place, item, clock)
            case Watch(bug=bug):
                return _watch(place, bug, clock)
            case _:
                assert_never(item)
    except (HarnessError, HistoryError, OSError) as error:
        return failed(item, f"{error}", _seconds(clock))
    except Exception as error:  # noqa: BLE001  A run that breaks has proven nothing; others go on.
        return _broken(item, error, _seconds(clock))


def failed(item: Item, problem: str, seconds: float) -> Record:
    """What is recorded of an item that could not be done: the environment's fault."""
    match item:
        case Run(task=task):
            return Ran(
                task=task.number,
                verdict="environment",
                sentence=f"The environment failed: {problem}",
                found=(),
                faults=(),
                run="",
                seconds=seconds,
            )
        case RunAgain(task=task, attempt=attempt):
            return RanAgain(
                task=task.number,
                attempt=attempt,
                verdict="environment",
                found=(),
                run="",
                seconds=seconds,
            )
        case Shrink(task=task):
            return Shrunk(
                task=task.number, shape=(), story=(), run="", problem=problem, seconds=seconds
            )
        case Watch(bug=bug):
            return Canary(bug=bug, seed=None, found=(), runs=0, seconds=seconds)
        case _:
            assert_never(item)


def _broken(item: Item, error: Exception, seconds: float) -> Record:
    """What is recorded of an item in which something broke that is ours: nothing is known."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    problem = f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"
    record = failed(item, problem, seconds)
    match record:
        case Ran():
            return replace(record, verdict="unknown", sentence=f"Unknown: crashed: {problem}")
        case RanAgain():
            return replace(record, verdict="unknown")
        case Shrunk() | Canary():
            return record
        case _:
            assert_never(record)


def _do(place: Place, task: Task) -> JudgedRun:
    seconds, keep = place.budget.check_seconds, place.keep == "all"
    if task.live:
        return judged_live(
            _store(place),
            task.config(),
            check_seconds=seconds,
            keep_valid=keep,
            campaign=place.campaign,
        )
    return judged_simulated(
        _store(place),
        simulate(task.plan()),
        task.command(),
        check_seconds=seconds,
        keep_valid=keep,
        campaign=place.campaign,
    )


def _ran(task: Task, done: JudgedRun, clock: RunClock) -> Ran:
    return Ran(
        task=task.number,
        verdict=word(done.verdict),
        sentence=sentence(done.verdict),
        found=anomalies(dict(done.verdicts)),
        faults=done.faults,
        run=_name(done.run),
        seconds=_seconds(clock),
    )


def _ran_again(item: RunAgain, done: JudgedRun, clock: RunClock) -> RanAgain:
    return RanAgain(
        task=item.task.number,
        attempt=item.attempt,
        verdict=word(done.verdict),
        found=anomalies(dict(done.verdicts)),
        run=_name(done.run),
        seconds=_seconds(clock),
    )


# --- shrinking -------------------------------------------------------------------------


def _shrink(place: Place, item: Shrink, clock: RunClock) -> Shrunk:
    spent = spent_after(place.budget.shrink_seconds)
    plans = _closest(place, item) if item.task.live else iter((item.task.plan(),))
    plan = next((plan for plan in plans if _fails_so(place, item, plan)), None)
    if plan is None:
        why = (
            f"a live run, and none of {CLOSEST_WORLDS} simulated runs close to it fails so"
            if item.task.live
            else "run again it does not fail so: it is not deterministic"
        )
        return _not_shrunk(item, why, clock)
    regression = shrunk(plan, lambda: _judging(place), spent)
    if regression is None:
        return _not_shrunk(item, "no smaller run was found in time", clock)
    run = _store_shrunk(place, item, regression)
    return Shrunk(
        task=item.task.number,
        shape=_shape(regression),
        story=regression.story,
        run=_name(run),
        problem="",
        seconds=_seconds(clock),
    )


def _closest(place: Place, item: Shrink) -> Iterator[Plan]:
    """The simulated runs that are closest to a live one."""
    run = RunDirectory(Path(place.store) / item.run)
    return islice(worlds(closest(run, run.read_record())), CLOSEST_WORLDS)


def _fails_so(place: Place, item: Shrink, plan: Plan) -> bool:
    return item.finding in anomalies(simulate(plan).verdicts(_judging(place)))


def _shape(regression: Regression) -> tuple[str, ...]:
    events = simulate(regression.plan).events
    return tuple(event.kind for event in events if isinstance(event, FaultBegan))


def _store_shrunk(place: Place, item: Shrink, regression: Regression) -> RunDirectory:
    """Leave the shrunk run with its test."""
    store, plan = _store(place), regression.plan
    record = record_of(
        regression.config,
        f"hearsay shrink {item.run.rpartition('/')[2]}",
        (),
        0,
        world=regression.world,
        script=plan.script,
        campaign=place.campaign,
    )
    run = write_run(store, record, simulate(plan))
    write_regression(run.shrunk, regression)
    run.regression_test.write_text(pytest_file(regression, run.shrunk.name), encoding="utf-8")
    store_verdict(store, run, analyze(run, _judging(place)))
    return run


def _not_shrunk(item: Shrink, why: str, clock: RunClock) -> Shrunk:
    return Shrunk(
        task=item.task.number, shape=(), story=(), run="", problem=why, seconds=_seconds(clock)
    )


# --- the canary ------------------------------------------------------------------------


def _watch(place: Place, bug: str, clock: RunClock) -> Canary:
    found: tuple[str, ...] = ()
    for seed in range(CANARY_RUNS_MAX):
        plan = plan_of(seed, CATALOGUE[bug], guided=True)
        found = anomalies(simulate(plan).verdicts(_judging(place)))
        if found:
            return Canary(bug=bug, seed=seed, found=found, runs=seed + 1, seconds=_seconds(clock))
    return Canary(bug=bug, seed=None, found=(), runs=CANARY_RUNS_MAX, seconds=_seconds(clock))


def _seconds(clock: RunClock) -> float:
    return round(clock.now() / 1e9, 3)


def _store(place: Place) -> RunStore:
    return RunStore(Path(place.store))


def _name(run: RunDirectory | None) -> str:
    return "" if run is None else f"{run.path.parent.name}/{run.path.name}"


def _judging(place: Place) -> JudgingBudget:
    return JudgingBudget(deadline=deadline_after(place.budget.check_seconds))
