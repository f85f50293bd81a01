"""Commands that run something: live, simulated, once or all night."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.commands.options import (
    EPILOG,
    STORE,
    ExploreOption,
    OptionsOption,
    RunArgument,
    ScheduleOption,
    StoreOption,
)

app = typer.Typer(rich_markup_mode=None)


@app.command(epilog=EPILOG)
def run(
    workload: Annotated[str, typer.Option(help="What clients ask.")] = "register",
    nodes: Annotated[int, typer.Option(help="Nodes in the cluster, 1 to 9.")] = 3,
    faults: Annotated[
        str,
        typer.Option(help="Comma-separated kinds (hearsay faults names them); or all, or none."),
    ] = "partition,kill,pause",
    at_once: Annotated[
        int | None, typer.Option(help="Faults that may hold at once: 1, or 3 of all kinds.")
    ] = None,
    schedule: ScheduleOption = None,
    time: Annotated[float, typer.Option(help="Seconds under load and faults.")] = 30.0,
    concurrency: Annotated[int, typer.Option(help="Clients at once.")] = 10,
    rate: Annotated[float, typer.Option(help="Operations a second, all clients together.")] = 100.0,
    timeout: Annotated[int, typer.Option(help="Milliseconds a client waits for an answer.")] = 1000,
    seed: Annotated[int | None, typer.Option(help="Fixes the plan; fresh if absent.")] = None,
    bug: Annotated[
        str | None, typer.Option(help="Run a deliberately wrong node; 'list' names them.")
    ] = None,
    reads: Annotated[
        str, typer.Option(help="linearizable, lease, or local (which may be stale).")
    ] = "linearizable",
    system: Annotated[
        str | None,
        typer.Option(help="Your own system: FILE.py, FILE.py:NAME or MODULE:NAME."),
    ] = None,
    option: OptionsOption = None,
    repeat: Annotated[int, typer.Option(help="Campaigns in a row, seeds counting up.")] = 1,
    tls: Annotated[bool, typer.Option("--tls", help="Mutual TLS on every link.")] = False,
    stop_on_violation: Annotated[
        bool, typer.Option("--stop-on-violation", help="End at the first certain violation.")
    ] = False,
    store: StoreOption = STORE,
) -> None:
    """Run one fault campaign against a live cluster, and judge it."""
    from harness.cli.run import Chosen, run_campaigns

    chosen = Chosen(
        workload=workload,
        nodes=nodes,
        faults=faults,
        at_once=at_once,
        schedule=schedule,
        time_s=time,
        concurrency=concurrency,
        rate_hz=rate,
        operation_timeout_ms=timeout,
        seed=seed,
        bug=bug,
        reads=reads,
        options=tuple(option or ()),
        repeat=repeat,
        system=system,
        tls=tls,
        stop_on_violation=stop_on_violation,
    )
    raise typer.Exit(run_campaigns(chosen, store, tuple(sys.argv[1:])))


@app.command(epilog=EPILOG)
def simulate(
    seeds: Annotated[
        str, typer.Option(help="A..B, or one seed; each draws what is not given.")
    ] = "0..99",
    jobs: Annotated[int, typer.Option(help="Processes; 0: one for each core.")] = 0,
    workload: Annotated[str | None, typer.Option(help="What clients ask.")] = None,
    nodes: Annotated[int | None, typer.Option(help="Nodes in the cluster, 1 to 9.")] = None,
    faults: Annotated[str | None, typer.Option(help="Comma-separated kinds; or none.")] = None,
    schedule: ScheduleOption = None,
    time: Annotated[float | None, typer.Option(help="Virtual seconds under load.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Clients at once.")] = None,
    rate: Annotated[float | None, typer.Option(help="Operations a second, all together.")] = None,
    timeout: Annotated[
        int | None, typer.Option(help="Milliseconds a client waits for an answer.")
    ] = None,
    bug: Annotated[str | None, typer.Option(help="Run deliberately wrong nodes.")] = None,
    reads: Annotated[str | None, typer.Option(help="linearizable, lease, or local.")] = None,
    option: OptionsOption = None,
    explore: ExploreOption = "random",
    failures: Annotated[
        int, typer.Option(help="Begin no other seed once so many have failed.")
    ] = 10,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave a run directory of every seed.")
    ] = False,
    store: StoreOption = STORE,
) -> None:
    """Run many seeds in virtual time on the same nodes, and judge each."""
    from harness.cli.simulate import Chosen, run_seeds

    chosen = Chosen(
        seeds=seeds,
        jobs=jobs,
        workload=workload,
        nodes=nodes,
        faults=faults,
        schedule=schedule,
        time_s=time,
        concurrency=concurrency,
        rate_hz=rate,
        operation_timeout_ms=timeout,
        bug=bug,
        reads=reads,
        options=tuple(option or ()),
        explore=explore,
        failures_max=failures,
        keep=keep,
    )
    raise typer.Exit(run_seeds(chosen, store, tuple(sys.argv[1:])))


@app.command(epilog=EPILOG)
def zoo(
    bugs: Annotated[
        list[str] | None, typer.Argument(help="Their names; default: all, and correct nodes.")
    ] = None,
    hunts: Annotated[int, typer.Option(help="For each bug, with seeds of their own.")] = 3,
    runs: Annotated[int, typer.Option(help="Simulated runs of one hunt at most.")] = 300,
    seconds: Annotated[float, typer.Option(help="CPU seconds of one hunt, about.")] = 60.0,
    jobs: Annotated[int, typer.Option(help="Processes; 0: one for each core.")] = 0,
    explore: ExploreOption = "random",
    json: Annotated[Path | None, typer.Option(help="Write the table here, too.")] = None,
    golden: Annotated[
        Path | None, typer.Option(help="Shrink what was caught into files in this directory.")
    ] = None,
    shrink_seconds: Annotated[float, typer.Option(help="CPU seconds of shrinking a run.")] = 20.0,
    live: Annotated[
        bool, typer.Option("--live", help="Hunt in live clusters; --hunts: campaigns for each bug.")
    ] = False,
    store: StoreOption = STORE,
) -> None:
    """Switch on every known bug in turn, and see what it takes to catch it."""
    from harness.cli.zoo import Chosen, run_zoo

    chosen = Chosen(
        bugs=tuple(bugs or ()),
        hunts=hunts,
        runs=runs,
        seconds=seconds,
        jobs=jobs,
        explore=explore,
        json=json,
        golden=golden,
        shrink_seconds=shrink_seconds,
        live=live,
    )
    raise typer.Exit(run_zoo(chosen, store))


@app.command(epilog=EPILOG)
def campaign(
    file: Annotated[Path, typer.Argument(help="campaigns/NAME.toml")],
    jobs: Annotated[int, typer.Option(help="Processes; 0: one for each core.")] = 0,
    scheduler: Annotated[
        str | None, typer.Option(help="tcp://HOST:PORT of a Dask scheduler to hand runs to.")
    ] = None,
    dask: Annotated[
        bool, typer.Option("--dask", help="Hand runs to a Dask cluster started here.")
    ] = False,
    seconds: Annotated[
        float | None, typer.Option(help="Time for all of it, whatever the file says.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin anew, even if one was broken off.")
    ] = False,
    store: StoreOption = STORE,
) -> None:
    """Make many runs, group the failures by cause, and end with one page.

    Broken off, it goes on where it was when the same command is given again.
    """
    from harness.cli.campaign import Chosen, run_campaign

    chosen = Chosen(
        file=file, jobs=jobs, scheduler=scheduler, dask=dask, seconds=seconds, fresh=fresh
    )
    raise typer.Exit(run_campaign(chosen, store))


@app.command(epilog=EPILOG)
def replay(
    run: RunArgument = "latest",
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Of a live run: the closest simulated one.")
    ] = False,
    store: StoreOption = STORE,
) -> None:
    """Run a stored run again: a simulated one exactly, of a live one the plan."""
    from harness.cli.replay import replay_run

    raise typer.Exit(replay_run(run, store, tuple(sys.argv[1:]), simulated=simulated))


@app.command(epilog=EPILOG)
def shrink(
    run: RunArgument = "latest-failed",
    anomaly: Annotated[
        str | None, typer.Option(help="'CHECKER: KIND'; default: the first in the run.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="CPU seconds, about.")] = 120.0,
    runs: Annotated[int, typer.Option(help="Simulated runs at most.")] = 10_000,
    store: StoreOption = STORE,
) -> None:
    """Find the fewest steps with which a run still fails, and write a test of them.

    Of a live run, simulated ones that are close to it are tried until one fails as it did.
    """
    from harness.cli.shrink import Chosen, shrink_run

    chosen = Chosen(run=run, anomaly=anomaly, seconds=seconds, runs=runs)
    raise typer.Exit(shrink_run(chosen, store, tuple(sys.argv[1:])))
