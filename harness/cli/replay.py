"""``hearsay replay``: a stored simulated run again, step by step the same."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from checker.base import Budget
from harness.analysis import analyze
from harness.cli.conclusion import conclude
from harness.cli.simulate import CHECK_SECONDS
from harness.exit_codes import ExitCode
from harness.provenance import record_of
from harness.simulated import read_plan, simulate
from harness.simulated_files import write_run
from harness.store import RunStore
from harness.wall_clock import deadline_after


def replay_run(name: str, store: Path, arguments: tuple[str, ...]) -> ExitCode:
    """Run it again as a new run, and judge that; says whether it was the same."""
    console = Console(highlight=False, soft_wrap=True)
    runs = RunStore(store)
    first = runs.find(name)
    plan = read_plan(first)
    command = first.read_record().command
    record = record_of(plan.config, command, arguments, 0, world=plan.world, script=plan.script)
    again = write_run(runs, record, simulate(plan))
    same = first.journal.read_bytes() == again.journal.read_bytes()
    analysis = analyze(again, Budget(deadline=deadline_after(CHECK_SECONDS)))
    code = conclude(runs, again, analysis, console)
    if same:
        console.print(f"The journal is that of {first.path.name}, byte for byte.", markup=False)
    else:
        console.print(
            f"The journal differs from that of {first.path.name}: other code ran it.",
            style="yellow",
            markup=False,
        )
    return code
