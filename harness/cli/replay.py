"""``hearsay replay``: a stored run again: a simulated one exactly, of a live one the plan."""

from __future__ import annotations

import shlex
from pathlib import Path

from rich.console import Console

from checker.base import Budget
from harness.analysis import analyze
from harness.cli.conclusion import conclude
from harness.cli.run import run_one
from harness.cli.simulate import CHECK_SECONDS
from harness.closest import closest
from harness.errors import BadInput
from harness.exit_codes import ExitCode
from harness.provenance import record_of
from harness.simulated import Plan, read_plan, read_schedule, simulate
from harness.simulated_files import write_run
from harness.store import RunDirectory, RunStore
from harness.wall_clock import deadline_after


def replay_run(name: str, store: Path, arguments: tuple[str, ...], *, simulated: bool) -> ExitCode:
    """Run it again as a new run, and judge that.

    Of a simulated run it says whether it was the same.  Of a live one the same calls are made
    and the same faults injected, but threads and networks have their own timing;
    ``simulated`` makes of it the simulated run that comes closest, which is exact from then on.
    """
    console = Console(highlight=False, soft_wrap=True)
    runs = RunStore(store)
    first = runs.find(name)
    record = first.read_record()
    if record.world is None and not simulated:
        return run_one(record.config, read_schedule(first), runs, arguments, console)[0]
    if record.world is None:
        command = shlex.join(("hearsay", "replay", first.path.name, "--simulated"))
        code, again = _simulated(closest(first, record), runs, command, arguments, console)
        console.print(f"The simulated run closest to {first.path.name}.", markup=False)
        console.print(f"exactly hearsay replay {again.path.name}", markup=False)
        return code
    if simulated:
        raise BadInput(f"--simulated: {first.path} is a simulated run already")
    code, again = _simulated(read_plan(first), runs, record.command, arguments, console)
    if first.journal.read_bytes() == again.journal.read_bytes():
        console.print(f"The journal is that of {first.path.name}, byte for byte.", markup=False)
    else:
        console.print(
            f"The journal differs from that of {first.path.name}: other code ran it.",
            style="yellow",
            markup=False,
        )
    return code


def _simulated(
    plan: Plan, runs: RunStore, command: str, arguments: tuple[str, ...], console: Console
) -> tuple[ExitCode, RunDirectory]:
    record = record_of(plan.config, command, arguments, 0, world=plan.world, script=plan.script)
    run = write_run(runs, record, simulate(plan))
    analysis = analyze(run, Budget(deadline=deadline_after(CHECK_SECONDS)))
    return conclude(runs, run, analysis, console), run
