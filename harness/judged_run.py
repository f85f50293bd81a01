"""One run from its configuration to its stored verdict, for whoever makes many."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from checker.base import Budget
from checker.verdict import Valid, Verdict, combine
from harness.analysis import analyze
from harness.config import RunConfig
from harness.driver import Phase
from harness.errors import EnvironmentFailure
from harness.live import run_live
from harness.own_system import System
from harness.planning import plan_faults
from harness.provenance import record_of
from harness.reporting import store_verdict
from harness.simulated import Simulated
from harness.simulated_files import write_run
from harness.store import RunDirectory, RunStore
from harness.wall_clock import RunClock, deadline_after
from histories.event import Event, FaultBegan
from histories.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRun:
    """``run``: its files; ``None`` if it was valid and need not be kept."""

    run: RunDirectory | None
    command: str
    verdicts: Mapping[str, Verdict]
    history: History
    events: Sequence[Event]

    @property
    def verdict(self) -> Verdict:
        return combine(self.verdicts.values())

    @property
    def faults(self) -> tuple[str, ...]:
        """Kinds that came over the cluster, each once, in alphabetical order."""
        kinds = {event.kind for event in self.events if isinstance(event, FaultBegan)}
        return tuple(sorted(kinds))


def judged_live(
    store: RunStore,
    config: RunConfig,
    *,
    check_seconds: float,
    keep_valid: bool = True,
    campaign: str = "",
    system: System | None = None,
) -> JudgedRun:
    """Make that run of real processes, and judge it; it stays in the store.

    Args:
        keep_valid: Whether it stays there if it is valid, too.
        system: The user's that ``config`` names, if it is at hand already.

    Raises:
        BadInput, EnvironmentFailure, HistoryError: As ``run_live`` and ``analyze`` do.
    """
    clock = RunClock()
    record = record_of(config, config.command(), (), clock.began_at, campaign=campaign)
    run = store.create(record)
    work = run_live(config, run, plan_faults(config), clock, _Nobody(), system=system)
    if (problem := asyncio.run(work)) is not None:
        raise EnvironmentFailure(f"{run.path.name}: the run is incomplete: {problem}")
    judged = _judged(store, run, check_seconds)
    if isinstance(judged.verdict, Valid) and not keep_valid:
        store.forget(run)
        return replace(judged, run=None)
    return judged


def judged_simulated(
    store: RunStore,
    simulated: Simulated,
    command: str,
    *,
    check_seconds: float,
    keep_valid: bool = False,
    arguments: tuple[str, ...] = (),
    campaign: str = "",
) -> JudgedRun:
    """Likewise in virtual time: of a run that is over."""
    plan = simulated.plan
    verdicts = simulated.verdicts(Budget(deadline=deadline_after(check_seconds)))
    if isinstance(combine(verdicts.values()), Valid) and not keep_valid:
        return JudgedRun(
            run=None,
            command=command,
            verdicts=verdicts,
            history=simulated.history(),
            events=simulated.events,
        )
    record = record_of(plan.config, command, arguments, 0, world=plan.world, campaign=campaign)
    return _judged(store, write_run(store, record, simulated), check_seconds)


def _judged(store: RunStore, run: RunDirectory, check_seconds: float) -> JudgedRun:
    analysis = analyze(run, Budget(deadline=deadline_after(check_seconds)))
    store_verdict(store, run, analysis)
    return JudgedRun(
        run=run,
        command=analysis.record.command,
        verdicts=analysis.verdicts,
        history=analysis.history,
        events=analysis.events,
    )


class _Nobody:
    """Watches a live run."""

    def saw(self, event: Event) -> None: ...

    def entered(self, phase: Phase) -> None: ...
