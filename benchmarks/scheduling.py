"""How fast are operations handed out and recorded?  ``python -m benchmarks.scheduling``.

Clients that answer at once and do nothing, as fast as one core can serve them: what is measured
is our own overhead.  The stages build on each other: the generator of a workload alone; the
driver, paced as in every run, around it; and the journal, two lines for each operation, of which
the first is the operating system's before the operation begins.
"""

from __future__ import annotations

import random
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.measure import cpu_seconds
from harness.config import RunConfig
from harness.effects import Dispatch, Effect, Journal
from harness.planning import driver_of
from histories.call import Call, Ok, Outcome, answers_with
from histories.event import Event
from histories.journal import JournalWriter
from histories.op import Nanos, ProcessId
from nemesis.schedule import Schedule, heal_at
from workloads.generator import Completion, Context, Invoke

OPS: Final = 100_000
ROUNDS: Final = 5
AS_FAST_AS_CAN_BE: Final = 1e9
"""Operations a second that are asked for, so that nothing ever waits."""

FOR_A_DAY: Final = 86_400.0
TARGET: Final = 30_000
"""Operations a second; Jepsen's interpreter does about 20,000."""


def answer(call: Call) -> Outcome:
    """Of a client that does nothing."""
    return Ok() if answers_with(call, 0) else Ok((None,))


def generate(config: RunConfig, ops: int) -> None:
    """Ask the workload's generator for so many calls, each answered before the next."""
    generator = config.made_workload().generator(random.Random(config.seed))
    free = deque(map(ProcessId, range(config.concurrency)))
    for now in range(ops):
        context = Context(Nanos(now), tuple(free), config.concurrency)
        step, generator = generator.next(context)
        assert isinstance(step, Invoke), "with nothing in flight there is always a call"
        free.remove(step.process)
        free.append(step.process)
        done = Completion(Nanos(now), step.process, step.call, answer(step.call))
        generator = generator.update(done)


def drive(config: RunConfig, ops: int, write: Callable[[Event], None]) -> None:
    """Obey a driver until so many operations are done; ``write`` is given its journal."""
    driver = driver_of(config, config.made_workload(), Schedule(steps=(heal_at(0),)))
    now, done = Nanos(0), 0
    _obey(driver.start(now), write)
    while done < ops:
        now = Nanos(now + 1)
        for process, call in _obey(driver.poll(now), write):
            _obey(driver.completed(process, answer(call), now), write)
            done += 1


def record(config: RunConfig, ops: int) -> None:
    """The same, and the journal goes to a file."""
    with (
        tempfile.TemporaryDirectory() as directory,
        JournalWriter(Path(directory) / "journal.jsonl") as journal,
    ):
        drive(config, ops, journal.write)


def _obey(
    effects: tuple[Effect, ...], write: Callable[[Event], None]
) -> list[tuple[ProcessId, Call]]:
    """Journal what is to be, in order; what is to be dispatched."""
    calls = []
    for effect in effects:
        if isinstance(effect, Journal):
            write(effect.event)
        elif isinstance(effect, Dispatch):
            calls.append((effect.process, effect.call))
    return calls


def forget(event: Event) -> None:
    """Nobody reads it."""
    del event


def fastest(work: Callable[[], None], rounds: int) -> float:
    """CPU seconds, user and system: a neighbour's load only ever adds to them."""
    taken = []
    for _ in range(rounds):
        began = cpu_seconds()
        work()
        taken.append(cpu_seconds() - began)
    return min(taken)


def main(
    ops: Annotated[int, typer.Option(help="Operations of one round.")] = OPS,
    rounds: Annotated[int, typer.Option(help="Of each stage; the fastest counts.")] = ROUNDS,
    workload: Annotated[str, typer.Option(help="Whose generator.")] = "register",
    concurrency: Annotated[int, typer.Option(help="Clients at once.")] = 10,
) -> None:
    config = RunConfig(
        seed=1,
        workload=workload,
        concurrency=concurrency,
        rate_hz=AS_FAST_AS_CAN_BE,
        time_s=FOR_A_DAY,
        faults=(),
    )
    stages: dict[str, Callable[[], None]] = {
        "generator": lambda: generate(config, ops),
        "and driver": lambda: drive(config, ops, forget),
        "and journal": lambda: record(config, ops),
    }
    table = Table("stage", "us an operation", "operations a s")
    for name, work in stages.items():
        seconds = fastest(work, rounds)
        table.add_row(name, f"{1e6 * seconds / ops:.1f}", f"{ops / seconds:,.0f}")
    Console().print(table)
    Console().print(f"The last is to be at least {TARGET:,}.")


if __name__ == "__main__":
    typer.run(main)
