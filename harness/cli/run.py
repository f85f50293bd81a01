"""``hearsay run``: live campaigns, one after the other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from msgspec.structs import replace
from rich.console import Console

from checker.base import Budget
from harness import foreign_system
from harness.analysis import analyze
from harness.cli.conclusion import conclude
from harness.cli.progress import Progress
from harness.config import RunConfig, settings_of
from harness.errors import BadInput
from harness.exit_codes import ExitCode, worst
from harness.live import run_live
from harness.planning import plan_faults, scheduled
from harness.provenance import record_of
from harness.store import RunStore
from harness.system_file import load_system
from harness.wall_clock import RunClock, deadline_after, fresh_seed
from nemesis.plan import KINDS
from nemesis.schedule import Schedule
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE

CHECK_SECONDS: Final = 300.0
ALL_AT_ONCE: Final = 3
"""How many faults hold at once where all kinds are asked for, unless that is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The options of ``hearsay run`` as they were typed."""

    workload: str
    nodes: int
    faults: str
    time_s: float
    concurrency: int
    rate_hz: float
    operation_timeout_ms: int
    seed: int | None
    bug: str | None
    reads: str
    options: tuple[str, ...]
    repeat: int
    at_once: int | None = None
    schedule: str | None = None
    system: str | None = None
    tls: bool = False
    stop_on_violation: bool = False

    def config(self) -> RunConfig:
        """Raises: BadInput: An option makes no sense; the message names it."""
        suffers = KINDS if self.system is None else foreign_system.KINDS
        names = {"none": (), "all": suffers}.get(self.faults, self.faults.split(","))
        at_once = ALL_AT_ONCE if self.faults == "all" else 1
        config = RunConfig(
            seed=fresh_seed() if self.seed is None else self.seed,
            workload=self.workload,
            nodes=self.nodes,
            faults=tuple(filter(None, (name.strip() for name in names))),
            at_once=at_once if self.at_once is None else self.at_once,
            schedule=self.schedule,
            time_s=self.time_s,
            concurrency=self.concurrency,
            rate_hz=self.rate_hz,
            operation_timeout_ms=self.operation_timeout_ms,
            bug=self.bug,
            tls=self.tls,
            reads=self.reads,
            system=self.system,
            options=settings_of(self.workload, self.options),
        )
        config.check()
        config = scheduled(config)
        if self.repeat < 1:
            raise BadInput(f"--repeat: {self.repeat} is not at least 1")
        if config.bug is not None and config.bug not in CATALOGUE:
            raise BadInput(f"--bug: no bug is named {config.bug!r} (--bug list names them)")
        if config.system is not None:
            load_system(config.system)
        more = () if config.system is None else foreign_system.CLOCK_KINDS
        plan_faults(config, (*suffers, *more))
        return config


def run_campaigns(chosen: Chosen, store: Path, arguments: tuple[str, ...]) -> ExitCode:
    """Run ``chosen.repeat`` campaigns with seeds counting up; the worst code of all."""
    console = Console(highlight=False, soft_wrap=True)
    if chosen.bug == "list":
        for name, mutant in CATALOGUE.items():
            console.print(f"{name:20} {mutant.summary}", markup=False)
        return ExitCode.VALID
    first = chosen.config()
    codes: list[ExitCode] = []
    for number in range(chosen.repeat):
        config = replace(first, seed=first.seed + number)
        code, interrupted = run_one(
            config,
            plan_faults(config),
            RunStore(store),
            arguments,
            console,
            stop_on_violation=chosen.stop_on_violation,
        )
        codes.append(code)
        if interrupted:
            break
    return worst(codes)


def run_one(
    config: RunConfig,
    schedule: Schedule,
    store: RunStore,
    arguments: tuple[str, ...],
    console: Console,
    *,
    stop_on_violation: bool = False,
) -> tuple[ExitCode, bool]:
    """One campaign with the faults of ``schedule``; its code, and whether it was cut short."""
    clock = RunClock()
    run = store.create(record_of(config, config.command(), arguments, clock.began_at))
    console.print(f"seed {config.seed}, run {run.path}", markup=False)
    with Progress(console, config) as progress:
        problem = asyncio.run(
            run_live(config, run, schedule, clock, progress, stop_on_violation=stop_on_violation)
        )
    console.print("checking ...", style="dim")
    analysis = analyze(run, Budget(deadline=deadline_after(CHECK_SECONDS)))
    code = conclude(store, run, analysis, console)
    if problem is not None:
        console.print(f"The run is incomplete: {problem}.", style="yellow", markup=False)
    return code, problem is not None
