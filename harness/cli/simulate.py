"""``hearsay simulate``: many seeds in virtual time, over all cores."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from harness.cli.interrupts import interrupted_once
from harness.cli.words import COLOURS
from harness.config import settings_of
from harness.errors import BadInput
from harness.exit_codes import ExitCode, of_verdict, worst
from harness.exploration import Trial, explore, explorer_of
from harness.judged_run import judged_simulated
from harness.simulated import simulate
from harness.store import RunStore
from harness.swarm import Given, draw_plan
from harness.verdict_file import sentence, word
from harness.wall_clock import RunClock
from harness.workers import Crew
from histories.event import Completed, FaultBegan
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE

CHECK_SECONDS: Final = 60.0
TOLD_FROM: Final = 1_000
"""So many seeds take minutes: who has no terminal is told how far it is, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The options of ``hearsay simulate`` as they were typed."""

    seeds: str
    jobs: int
    workload: str | None
    nodes: int | None
    faults: str | None
    schedule: str | None
    time_s: float | None
    concurrency: int | None
    rate_hz: float | None
    operation_timeout_ms: int | None
    bug: str | None
    reads: str | None
    options: tuple[str, ...]
    explore: str
    failures_max: int
    keep: bool

    def given(self) -> Given:
        """Raises: BadInput: An option makes no sense; the message names it."""
        faults = None
        if self.faults is not None:
            names = [] if self.faults == "none" else self.faults.split(",")
            faults = tuple(filter(None, (name.strip() for name in names)))
        given = Given(
            workload=self.workload,
            nodes=self.nodes,
            faults=faults,
            schedule=self.schedule,
            time_s=self.time_s,
            concurrency=self.concurrency,
            rate_hz=self.rate_hz,
            operation_timeout_ms=self.operation_timeout_ms,
            bug=self.bug,
            reads=self.reads,
            options=settings_of(self.workload, self.options),
        )
        if given.bug is not None and given.bug not in CATALOGUE:
            raise BadInput(f"--bug: no bug is named {given.bug!r} (hearsay run --bug list)")
        if self.jobs < 0:
            raise BadInput(f"--jobs: {self.jobs} is below 0")
        if self.failures_max < 1:
            raise BadInput(f"--failures: {self.failures_max} is not at least 1")
        explorer_of(self.explore)
        return given

    def range(self) -> range:
        """Raises: BadInput."""
        first, dots, last = self.seeds.partition("..")
        try:
            seeds = range(int(first), int(last if dots else first) + 1)
        except ValueError as error:
            raise BadInput(f"--seeds: {self.seeds!r} is not A..B") from error
        if not seeds or seeds[0] < 0:
            raise BadInput(f"--seeds: {self.seeds!r} holds no seed from 0 on")
        return seeds

    def command(self, seed: int) -> str:
        """The one command that runs exactly this seed again.

        What came before it decides what coverage makes of a seed: it needs the whole search.
        """
        learns = explorer_of(self.explore).generation is not None
        first = self.range()[0] if learns else seed
        words = ["hearsay", "simulate", "--seeds", f"{first}..{seed}"]
        for name, value in (
            ("workload", self.workload),
            ("nodes", self.nodes),
            ("faults", self.faults),
            ("schedule", self.schedule),
            ("time", None if self.time_s is None else f"{self.time_s:g}"),
            ("concurrency", self.concurrency),
            ("rate", None if self.rate_hz is None else f"{self.rate_hz:g}"),
            ("timeout", self.operation_timeout_ms),
            ("bug", self.bug),
            ("reads", self.reads),
            ("explore", None if self.explore == "random" else self.explore),
            ("failures", seed - first + 1 if learns else None),
        ):
            if value is not None:
                words += [f"--{name}", str(value)]
        for option in self.options:
            words += ["--option", option]
        return shlex.join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What one seed came to.  ``run``: its directory, if it has one."""

    seed: int
    code: ExitCode
    verdict: str
    sentence: str
    run: str | None
    command: str
    steps: int
    virtual_ns: int
    ops: int
    faults: dict[str, int]
    states: frozenset[int]


@dataclass(slots=True)
class Tally:
    """Over all seeds so far.

    ``first`` is the lowest of the seeds that visited a state.
    """

    seeds: list[int] = field(default_factory=list)
    steps: int = 0
    virtual_ns: int = 0
    ops: int = 0
    failing: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    first: dict[int, int] = field(default_factory=dict)
    codes: list[ExitCode] = field(default_factory=list)

    def add(self, judged: Judged) -> None:
        self.seeds.append(judged.seed)
        self.codes.append(judged.code)
        self.steps += judged.steps
        self.virtual_ns += judged.virtual_ns
        self.ops += judged.ops
        self.failing += judged.code is not ExitCode.VALID
        self.verdicts[judged.verdict] += 1
        self.faults.update(judged.faults)
        for state in judged.states:
            self.first[state] = min(judged.seed, self.first.get(state, judged.seed))

    def counted(self) -> str:
        """By verdict."""
        return ", ".join(f"{number:,} {verdict}" for verdict, number in self.verdicts.items())

    def discoveries(self) -> tuple[int, int]:
        """How many seeds are the last tenth, and how many states they were first to visit."""
        last = sorted(self.seeds)[-max(1, len(self.seeds) // 10) :]
        return len(last), sum(seed >= last[0] for seed in self.first.values())


def run_seeds(chosen: Chosen, store: Path, arguments: tuple[str, ...]) -> ExitCode:
    """Run and judge every seed; the worst code of all."""
    console = Console(highlight=False, soft_wrap=True)
    given, seeds = chosen.given(), chosen.range()
    draw_plan(seeds[0], given)  # What cannot be is said at once.
    jobs = min(chosen.jobs or len(os.sched_getaffinity(0)), len(seeds))
    clock, tally = RunClock(), Tally()
    explorer = explorer_of(chosen.explore)(partial(draw_plan, given=given))
    with interrupted_once():
        with Crew(partial(_judge, chosen, store, arguments), jobs) as crew:

            def run(trials: Iterable[Trial]) -> Iterator[tuple[Trial, Judged]]:
                """What is under way at the last failure ends too: no run is left half written."""
                return crew.spread(takewhile(lambda _: tally.failing < chosen.failures_max, trials))

            results = explore(explorer, seeds, run, lambda judged: judged.states)
            interrupted = show(console, results, len(seeds), tally)
        _say_tally(console, tally, clock)
    if interrupted:
        console.print("interrupted", style="yellow")
        tally.codes.append(ExitCode.UNKNOWN)
    return worst(tally.codes)


def _judge(chosen: Chosen, store: Path, arguments: tuple[str, ...], trial: Trial) -> Judged:
    """In a worker: everything about one seed."""
    command, simulated = chosen.command(trial.seed), simulate(trial.plan)
    judged = judged_simulated(
        RunStore(store),
        simulated,
        command,
        check_seconds=CHECK_SECONDS,
        keep_valid=chosen.keep,
        arguments=arguments,
    )
    verdict, events = judged.verdict, judged.events
    return Judged(
        seed=trial.seed,
        code=of_verdict(verdict),
        verdict=word(verdict),
        sentence=sentence(verdict),
        run=None if judged.run is None else str(judged.run.path),
        command=command,
        steps=simulated.steps,
        virtual_ns=simulated.time,
        ops=sum(isinstance(event, Completed) for event in events),
        faults=dict(Counter(event.kind for event in events if isinstance(event, FaultBegan))),
        states=simulated.states(),
    )


def show(
    console: Console, results: Iterator[tuple[Trial, Judged]], total: int, tally: Tally
) -> bool:
    """Count the results, while a bar shows how far it is and failing seeds are told of.

    Without a terminal it is a line for each tenth, if there are many.  Answers whether it was
    interrupted.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    tenth = 0 if console.is_terminal or total < TOLD_FROM else total // 10
    with bar, suppress(KeyboardInterrupt):
        task = bar.add_task("seeds", total=total)
        for _, judged in results:
            tally.add(judged)
            if judged.code is not ExitCode.VALID:
                _say_failure(console, judged)
            bar.update(task, advance=1, description=f"seeds, {tally.failing} failing")
            if tenth and len(tally.seeds) % tenth == 0:
                console.print(f"{len(tally.seeds):,} of {total:,} seeds: {tally.counted()}")
        return False
    return True


def _say_failure(console: Console, judged: Judged) -> None:
    console.print(
        f"seed {judged.seed}: {judged.sentence}",
        style=f"bold {COLOURS[judged.verdict]}",
        markup=False,
    )
    console.print(f"  run     {judged.run}", markup=False)
    console.print(f"  again   {judged.command}", markup=False)


def _say_tally(console: Console, tally: Tally, clock: RunClock) -> None:
    seconds = clock.now() / 1e9
    console.print(f"{len(tally.seeds):,} seeds: {tally.counted() or 'none judged'}", style="bold")
    console.print(
        f"{tally.steps:,} events, {tally.ops:,} operations, {tally.virtual_ns / 1e9:,.0f} virtual"
        f" seconds in {seconds:,.1f} s ({tally.steps / max(seconds, 1e-9):,.0f} events a second)"
    )
    faults = ", ".join(f"{kind} {number:,}" for kind, number in sorted(tally.faults.items()))
    console.print(f"faults: {faults or 'none'}")
    if tally.seeds:
        last, new = tally.discoveries()
        console.print(
            f"{len(tally.first):,} abstract states of the cluster visited; the last {last:,} seeds"
            f" found {new:,} of them ({new * 1000 / last:,.0f} new per 1,000 runs)"
        )
