"""Ours against PySyncObj and etcd, side by side: ``python -m benchmarks.cluster --help``.

Three nodes each on loopback, small writes in a closed loop.  All systems are up during the
whole run and take turns in short rounds, so that a neighbour's load hits them alike; those
that wait cost next to nothing.  The figures of a cell are over all its rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks import etcd_cluster, pysyncobj_cluster
from benchmarks.etcd_cluster import EtcdCluster
from benchmarks.hearsay_cluster import HearsayCluster
from benchmarks.measure import Limit, Round, System, cpu_ns, fdatasync_ns, percentile
from benchmarks.pysyncobj_cluster import PySyncObjCluster
from benchmarks.stages import stage_percentiles
from harness.wall_clock import utc_now

OUTSTANDING: Final = (1, 16, 64)
_WARM_UP: Final = Limit(writes_max=200, seconds_max=2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one system did with one number of outstanding writes."""

    system: str
    outstanding: int
    writes: int
    writes_per_s: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WhereTimeGoes:
    """Of ours: stages in ms (p50, p99), and computing in ms a write, by process."""

    outstanding: int
    stages_ms: dict[str, tuple[float, float]]
    cpu_ms_per_write: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    date: str
    machine: str
    fdatasync_p50_ms: float
    fdatasync_p99_ms: float
    rounds: int
    durability: dict[str, str]
    skipped: dict[str, str]
    cells: list[Cell]
    where_time_goes: list[WhereTimeGoes]


def main() -> None:
    arguments = _parser().parse_args()
    limit = Limit(arguments.writes, arguments.seconds)
    with tempfile.TemporaryDirectory(prefix="hearsay-benchmark-", dir=arguments.directory) as name:
        report = asyncio.run(_run(Path(name), arguments.rounds, limit))
    if arguments.json:
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
    else:
        _print(report)


async def _run(directory: Path, rounds: int, limit: Limit) -> Report:
    ours = HearsayCluster(_made(directory / "hearsay"))
    systems: list[System] = [ours]
    skipped: dict[str, str] = {}
    if pysyncobj_cluster.installed():
        for batch in (True, False):
            home = _made(directory / f"pysyncobj-{batch}")
            systems.append(PySyncObjCluster(home, batch=batch))
    else:
        skipped["pysyncobj"] = "not installed (pip install pysyncobj)"
    if (program := etcd_cluster.installed()) is not None:
        systems.append(EtcdCluster(program, _made(directory / "etcd")))
    else:
        skipped["etcd"] = "not installed (apt-get install etcd-server)"
    syncs = fdatasync_ns(directory)
    try:
        for system in systems:
            await system.start()
            await system.load(1, _WARM_UP)
        cells, where = await _take_turns(systems, ours, rounds, limit)
    finally:
        for system in systems:
            await system.stop()
    return Report(
        date=utc_now().strftime("%Y-%m-%d %H:%M UTC"),
        machine=_machine(),
        fdatasync_p50_ms=percentile(syncs, 0.5) / 1e6,
        fdatasync_p99_ms=percentile(syncs, 0.99) / 1e6,
        rounds=rounds,
        durability={system.name: system.durability for system in systems},
        skipped=skipped,
        cells=cells,
        where_time_goes=where,
    )


async def _take_turns(
    systems: Sequence[System], ours: HearsayCluster, rounds: int, limit: Limit
) -> tuple[list[Cell], list[WhereTimeGoes]]:
    done: dict[tuple[str, int], list[Round]] = defaultdict(list)
    where: list[WhereTimeGoes] = []
    spent: dict[str, int] = {}
    for outstanding in OUTSTANDING:
        for _ in range(rounds):
            for system in systems:
                before = _cpu(ours)
                result = await system.load(outstanding, limit)
                done[system.name, outstanding].append(result)
                if system is ours:
                    spent = {name: cpu - before[name] for name, cpu in _cpu(ours).items()}
        where.append(_where(ours, outstanding, spent))
    cells = [_cell(name, outstanding, parts) for (name, outstanding), parts in done.items()]
    return cells, where


def _cell(system: str, outstanding: int, rounds: Sequence[Round]) -> Cell:
    latencies = sorted(latency for part in rounds for latency in part.latencies_ns)
    return Cell(
        system=system,
        outstanding=outstanding,
        writes=len(latencies),
        writes_per_s=len(latencies) / sum(part.elapsed_ns for part in rounds) * 1e9,
        p50_ms=percentile(latencies, 0.5) / 1e6,
        p99_ms=percentile(latencies, 0.99) / 1e6,
    )


def _where(ours: HearsayCluster, outstanding: int, spent: dict[str, int]) -> WhereTimeGoes:
    """Of the newest round of ours."""
    traces = {node: home / "trace.jsonl" for node, home in ours.directories.items()}
    leader = traces.pop(ours.leader)
    return WhereTimeGoes(
        outstanding=outstanding,
        stages_ms=stage_percentiles(ours.sent, leader, traces.values()),
        cpu_ms_per_write={name: cpu / len(ours.sent) / 1e6 for name, cpu in spent.items()},
    )


def _cpu(ours: HearsayCluster) -> dict[str, int]:
    spent = {
        "leader" if node == ours.leader else f"follower {node}": cpu_ns(pid)
        for node, pid in ours.pids.items()
    }
    return {**spent, "client": cpu_ns(os.getpid())}


def _machine() -> str:
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    ]
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores ({models[0] if models else platform.machine()}),"
        f" {platform.system()} {platform.release()}, Python {platform.python_version()},"
        f" load average at the end {load:.1f}"
    )


def _made(directory: Path) -> Path:
    directory.mkdir()
    return directory


# --- the tables --------------------------------------------------------------------


def _print(report: Report) -> None:
    console = Console(width=100)
    console.print(f"{report.date}; {report.machine}")
    console.print(
        f"write + fdatasync of 128 bytes: p50 {report.fdatasync_p50_ms:.2f} ms,"
        f" p99 {report.fdatasync_p99_ms:.2f} ms; {report.rounds} rounds a cell, in turns"
    )
    for name, durability in report.durability.items():
        console.print(f"  {name}: {durability}", markup=False, highlight=False)
    for name, reason in report.skipped.items():
        console.print(f"  {name}: skipped, {reason}", markup=False, highlight=False)
    console.print(_cells_table(report))
    console.print(_where_table(report))


def _cells_table(report: Report) -> Table:
    table = Table(title="Durable writes, 3 nodes (ratios: ours to theirs)")
    table.add_column("outstanding", justify="right")
    table.add_column("system")
    for heading in ("writes/s", "p50 ms", "p99 ms", "throughput ours/theirs", "p50 ours/theirs"):
        table.add_column(heading, justify="right")
    ours = {cell.outstanding: cell for cell in report.cells if cell.system == HearsayCluster.name}
    for cell in report.cells:
        base = ours[cell.outstanding]
        table.add_row(
            str(cell.outstanding),
            cell.system,
            f"{cell.writes_per_s:.0f}",
            f"{cell.p50_ms:.2f}",
            f"{cell.p99_ms:.2f}",
            "" if cell is base else f"{base.writes_per_s / cell.writes_per_s:.2f}",
            "" if cell is base else f"{base.p50_ms / cell.p50_ms:.2f}",
            end_section=cell.system == report.cells[-1].system,
        )
    return table


def _where_table(report: Report) -> Table:
    table = Table(title="Where the time goes in ours: p50 (p99) ms by stage; CPU ms a write")
    table.add_column("stage")
    for where in report.where_time_goes:
        table.add_column(f"{where.outstanding} outstanding", justify="right")
    for stage in report.where_time_goes[0].stages_ms:
        cells = (where.stages_ms[stage] for where in report.where_time_goes)
        table.add_row(stage, *(f"{p50:.2f} ({p99:.2f})" for p50, p99 in cells))
    table.add_section()
    for process in report.where_time_goes[0].cpu_ms_per_write:
        spent = (where.cpu_ms_per_write[process] for where in report.where_time_goes)
        table.add_row(f"CPU, {process}", *(f"{ms:.2f}" for ms in spent))
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each system and load; default 5")
    parser.add_argument("--seconds", type=float, default=2.0, help="at most a round; default 2")
    parser.add_argument("--writes", type=int, default=20_000, help="at most a round")
    parser.add_argument("--directory", type=Path, help="where the data go; default: temporary")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    return parser


if __name__ == "__main__":
    main()
