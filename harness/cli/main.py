"""The ``hearsay`` command: what it takes; ``harness.cli`` holds what each command does.

Commands import what they need when they run, so that ``--help`` answers at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.kernel_cache import use_kernel_cache

app = typer.Typer(
    name="hearsay",
    help="Break a gossip-Raft cluster on purpose, and judge what its clients saw.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
cluster_app = typer.Typer(
    help="A cluster to play with by hand.", no_args_is_help=True, rich_markup_mode=None
)
app.add_typer(cluster_app, name="cluster")

EPILOG = "Exit codes: 0 valid, 1 invalid, 2 bad input, 3 unknown, 4 the environment failed."

StoreOption = Annotated[Path, typer.Option(help="Directory that holds all runs.")]
RunArgument = Annotated[
    str, typer.Argument(help="A run's directory or name, 'latest' or 'latest-failed'.")
]
TargetArgument = Annotated[
    str, typer.Argument(help="A history file, or a run.", metavar="FILE|RUN")
]
ConditionOption = Annotated[
    str,
    typer.Option(
        help="What to ask of the model: linearizable, sequential, regular, safe, "
        "monotonic-reads or bounded-staleness."
    ),
]
CheckJobsOption = Annotated[
    int, typer.Option(help="How many keys that are hard to judge are searched at a time.")
]
StalenessOption = Annotated[
    float, typer.Option(help="For bounded-staleness: how many seconds old a read may be.")
]
ModelOption = Annotated[str | None, typer.Option(help="Sequential model to check a file against.")]
InitialOption = Annotated[str | None, typer.Option(help="The model's initial value, as JSON.")]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="Of the file: journal, jepsen-edn, jepsen-json, porcupine-log, notation; "
        "found out if not given.",
    ),
]
WorkloadOption = Annotated[
    str | None, typer.Option(help="Test a file is of: append, wr, bank, set-full, counter ...")
]
ConsistencyOption = Annotated[
    list[str] | None,
    typer.Option(help="Transactions should keep; may be given again.  [strict-serializable]"),
]
SequentialKeysOption = Annotated[
    bool, typer.Option("--sequential-keys", help="Each register keeps the order of processes.")
]
LinearizableKeysOption = Annotated[
    bool, typer.Option("--linearizable-keys", help="Each register keeps real time.")
]
DrawOption = Annotated[
    Path | None, typer.Option(help="Directory for a picture (SVG) of each cycle found.")
]
SecondsOption = Annotated[float, typer.Option(help="Time budget.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ExploreOption = Annotated[
    str,
    typer.Option(
        help="How runs are chosen: random; coverage (near those that reached new states);"
        " pct (random priorities of messages)."
    ),
]
OptionsOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="Of the workload; may be given again ('hearsay workloads NAME' lists them).",
    ),
]
STORE = Path("runs")


@app.command(epilog=EPILOG)
def run(
    workload: Annotated[str, typer.Option(help="What clients ask.")] = "register",
    nodes: Annotated[int, typer.Option(help="Nodes in the cluster, 1 to 9.")] = 3,
    faults: Annotated[
        str,
        typer.Option(
            help="Comma-separated: partition, kill, pause, slow, reset, membership; or none."
        ),
    ] = "partition,kill,pause",
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
    failures: Annotated[int, typer.Option(help="Stop after so many failing seeds.")] = 10,
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
    )
    raise typer.Exit(run_zoo(chosen))


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
def replay(run: RunArgument = "latest", store: StoreOption = STORE) -> None:
    """Run a stored simulated run again, exactly."""
    from harness.cli.replay import replay_run

    raise typer.Exit(replay_run(run, store, tuple(sys.argv[1:])))


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
    """Find the fewest steps with which a simulated run still fails, and write a test of them."""
    from harness.cli.shrink import Chosen, shrink_run

    chosen = Chosen(run=run, anomaly=anomaly, seconds=seconds, runs=runs)
    raise typer.Exit(shrink_run(chosen, store, tuple(sys.argv[1:])))


@app.command(epilog=EPILOG)
def check(
    target: TargetArgument,
    model: ModelOption = None,
    initial: InitialOption = None,
    file_format: FormatOption = None,
    condition: ConditionOption = "linearizable",
    staleness_max: StalenessOption = 0.0,
    jobs: CheckJobsOption = 1,
    workload: WorkloadOption = None,
    consistency_model: ConsistencyOption = None,
    sequential_keys: SequentialKeysOption = False,
    linearizable_keys: LinearizableKeysOption = False,
    draw: DrawOption = None,
    seconds: SecondsOption = 300.0,
    json: JsonOption = False,
    store: StoreOption = STORE,
) -> None:
    """Judge a history file against a model, or a stored run again."""
    from harness.cli.check import FileOptions, check_target
    from harness.cli.workload_check import WorkloadOptions

    options = FileOptions(
        model=model,
        initial=initial,
        format=file_format,
        condition=condition,
        staleness_max_seconds=staleness_max,
        jobs=jobs,
        workload=WorkloadOptions(
            workload=workload,
            consistency_models=tuple(consistency_model or ()),
            sequential_keys=sequential_keys,
            linearizable_keys=linearizable_keys,
            draw=draw,
        ),
    )
    raise typer.Exit(check_target(target, options, seconds, store, as_json=json))


@app.command()
def show(run: RunArgument = "latest", json: JsonOption = False, store: StoreOption = STORE) -> None:
    """Show one run: configuration, faults, statistics, verdict."""
    from harness.cli.inspect import show_run

    raise typer.Exit(show_run(run, store, as_json=json))


@app.command()
def explain(
    target: TargetArgument = "latest",
    model: ModelOption = None,
    initial: InitialOption = None,
    file_format: FormatOption = None,
    condition: ConditionOption = "linearizable",
    staleness_max: StalenessOption = 0.0,
    jobs: CheckJobsOption = 1,
    workload: WorkloadOption = None,
    consistency_model: ConsistencyOption = None,
    sequential_keys: SequentialKeysOption = False,
    linearizable_keys: LinearizableKeysOption = False,
    draw: DrawOption = None,
    seconds: SecondsOption = 300.0,
    json: JsonOption = False,
    store: StoreOption = STORE,
) -> None:
    """Say in words why a history file or a run is invalid, with the smallest evidence."""
    from harness.cli.check import FileOptions
    from harness.cli.inspect import explain_target
    from harness.cli.workload_check import WorkloadOptions

    options = FileOptions(
        model=model,
        initial=initial,
        format=file_format,
        condition=condition,
        staleness_max_seconds=staleness_max,
        jobs=jobs,
        workload=WorkloadOptions(
            workload=workload,
            consistency_models=tuple(consistency_model or ()),
            sequential_keys=sequential_keys,
            linearizable_keys=linearizable_keys,
            draw=draw,
        ),
    )
    raise typer.Exit(explain_target(target, options, seconds, store, as_json=json))


@app.command()
def workloads(
    name: Annotated[
        str | None, typer.Argument(help="One of them, to be told all about it.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List what clients can ask, or say what one such test finds, misses and lets you choose."""
    from harness.cli.catalogues import show_workloads

    raise typer.Exit(show_workloads(name, as_json=json))


@app.command()
def faults(json: JsonOption = False) -> None:
    """List the kinds of faults, and in which world each can be had."""
    from harness.cli.catalogues import show_faults

    raise typer.Exit(show_faults(as_json=json))


@app.command()
def runs(
    verdict: Annotated[
        str | None, typer.Option(help="valid, invalid, unknown, 'not judged' or unreadable.")
    ] = None,
    workload: Annotated[str | None, typer.Option(help="Its name.")] = None,
    fault: Annotated[str | None, typer.Option(help="A kind that was chosen; or none.")] = None,
    bug: Annotated[str | None, typer.Option(help="Of the zoo; or none, or any.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Started then or later: 2026-11-28, 2026-11-28T10, 12h, 7d.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Started then or before.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Its name, as 'campaign' says it.")] = None,
    text: Annotated[
        str | None, typer.Option(help="Anywhere in name, sentence, anomalies or campaign.")
    ] = None,
    limit: Annotated[int, typer.Option(help="The latest so many; 0: all.")] = 0,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make the index anew from the directories.")
    ] = False,
    json: JsonOption = False,
    store: StoreOption = STORE,
) -> None:
    """List runs, oldest first; all of them, or those that the options describe."""
    from harness.cli.runs import Chosen, list_runs

    chosen = Chosen(
        verdict=verdict,
        workload=workload,
        fault=fault,
        bug=bug,
        since=since,
        until=until,
        campaign=campaign,
        text=text,
        limit=limit,
        rebuild=rebuild,
    )
    raise typer.Exit(list_runs(chosen, store, as_json=json))


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="On 127.0.0.1; 0: any.")] = 8080,
    store: StoreOption = STORE,
) -> None:
    """Show all runs as pages: search, compare, open reports, logs and traces, watch live."""
    from harness.cli.serve import serve as serve_store

    raise typer.Exit(serve_store(store, port))


@cluster_app.command("up")
def cluster_up(
    nodes: Annotated[int, typer.Option(help="Nodes in the cluster, 1 to 9.")] = 3,
    configuration: Annotated[
        Path | None, typer.Option(help="A cluster-configuration.json to use instead.")
    ] = None,
    gateway_port: Annotated[int, typer.Option(help="HTTP port on 127.0.0.1; 0: any.")] = 8000,
    data: Annotated[Path, typer.Option(help="Directory for the nodes' data.")] = Path(
        "cluster-data"
    ),
    bug: Annotated[str | None, typer.Option(help="Run deliberately wrong nodes.")] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Mutual TLS on every link.")] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Make lost or damaged nodes anew from the others.")
    ] = False,
) -> None:
    """Start nodes and HTTP gateway; Ctrl-C stops them."""
    from harness.cli.cluster import up

    raise typer.Exit(up(nodes, configuration, gateway_port, data, bug, tls=tls, rebuild=rebuild))


@cluster_app.command("status")
def cluster_status(
    data: Annotated[Path, typer.Option(help="Directory given to 'cluster up'.")] = Path(
        "cluster-data"
    ),
    configuration: Annotated[
        Path | None, typer.Option(help="A cluster-configuration.json to use instead.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Until Ctrl-C.")] = False,
    json: JsonOption = False,
) -> None:
    """Show role, term, log and lag of every node; exit 4 if none answers."""
    from harness.cli.cluster_status import status

    raise typer.Exit(status(data, configuration, watch=watch, as_json=json))


ClusterConfiguration = Annotated[
    Path | None,
    typer.Option(help="The cluster's cluster-configuration.json; default: the one in --data."),
]
ClusterData = Annotated[Path, typer.Option(help="The directory that 'cluster up' was given.")]
CLUSTER_DATA = Path("cluster-data")


@cluster_app.command("add")
def cluster_add(
    name: Annotated[str, typer.Argument(help="A name that no member has.")],
    configuration: ClusterConfiguration = None,
    data: ClusterData = CLUSTER_DATA,
) -> None:
    """Run one more node in this terminal and add it to a running cluster; Ctrl-C stops it."""
    from harness.cli.membership import add

    raise typer.Exit(add(name, configuration, data))


@cluster_app.command("remove")
def cluster_remove(
    name: Annotated[str, typer.Argument(help="A member.")],
    configuration: ClusterConfiguration = None,
    data: ClusterData = CLUSTER_DATA,
) -> None:
    """Remove a node from a running cluster; its process goes on, but counts no more."""
    from harness.cli.membership import remove

    raise typer.Exit(remove(name, configuration, data))


@cluster_app.command("transfer")
def cluster_transfer(
    name: Annotated[
        str | None, typer.Argument(help="Who is to lead; default: whoever is best prepared.")
    ] = None,
    configuration: ClusterConfiguration = None,
    data: ClusterData = CLUSTER_DATA,
) -> None:
    """Hand leadership over."""
    from harness.cli.membership import transfer

    raise typer.Exit(transfer(name, configuration, data))


def main() -> None:
    """Entry point: errors that we foresee become one line and the exit code they mean."""
    # Broken connections are our trade; gRPC's own remarks on them are noise.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    use_kernel_cache()
    try:
        app()
    except Exception as error:
        from harness.cli.failures import explain_failure

        explained = explain_failure(error)
        if explained is None:
            raise
        line, code = explained
        typer.echo(f"hearsay: {line}", err=True)
        sys.exit(code)
