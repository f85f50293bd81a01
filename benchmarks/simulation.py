"""How fast is the simulated world?  ``python -m benchmarks.simulation``.

Simulates 60 virtual seconds with clients and faults, judges the run with every checker,
and measures the CPU time of one core.  An event is what the scheduler lets happen: the
arrival of a message, the end of a sync, a wake-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.measure import cpu_seconds
from checker.base import Budget
from checker.verdict import Valid
from harness.collecting import collect_seldom
from harness.config import RunConfig
from harness.planning import plan_faults
from harness.simulated import Plan, simulate
from system_under_test.gossip_raft.simulation.cluster import WorldOptions

SECONDS = 60.0
CONCURRENCY = 10
RATE_HZ = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Of one run: CPU seconds, events, operations, virtual seconds."""

    simulating_s: float
    checking_s: float
    events: int
    ops: int
    virtual_s: float


def plan_of(nodes: int, seed: int, rate_hz: float) -> Plan:
    config = RunConfig(
        seed=seed,
        nodes=nodes,
        faults=("partition", "kill", "pause", "weather", "power", "crash"),
        time_s=SECONDS,
        concurrency=CONCURRENCY,
        rate_hz=rate_hz,
    )
    return Plan(config=config, schedule=plan_faults(config), world=WorldOptions(nodes=nodes))


def measure(plan: Plan) -> Measured:
    began = cpu_seconds()
    simulated = simulate(plan)
    done = cpu_seconds()
    verdict = simulated.verdict(Budget())
    checked = cpu_seconds()
    assert isinstance(verdict, Valid), verdict
    return Measured(
        simulating_s=done - began,
        checking_s=checked - done,
        events=simulated.steps,
        ops=len(simulated.history().ops),
        virtual_s=simulated.time / 1e9,
    )


def main(
    runs: Annotated[int, typer.Option(help="Seeds for each size; the fastest counts.")] = 5,
    rate: Annotated[float, typer.Option(help="Operations a second, all together.")] = RATE_HZ,
) -> None:
    collect_seldom()  # As the processes do that ``hearsay simulate`` has run the seeds.
    table = Table("nodes", "events", "ops", "simulating s", "checking s", "us per event")
    table.add_column("events a s")
    table.add_column("virtual s a s")
    for nodes in (3, 5):
        measure(plan_of(nodes, 0, rate))  # Compiles the kernels of the checkers.
        best = min(
            (measure(plan_of(nodes, seed, rate)) for seed in range(runs)),
            key=lambda m: m.simulating_s / m.events,
        )
        table.add_row(
            str(nodes),
            f"{best.events:,}",
            f"{best.ops:,}",
            f"{best.simulating_s:.2f}",
            f"{best.checking_s:.2f}",
            f"{1e6 * best.simulating_s / best.events:.1f}",
            f"{best.events / best.simulating_s:,.0f}",
            f"{best.virtual_s / best.simulating_s:,.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
