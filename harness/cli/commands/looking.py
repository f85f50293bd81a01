"""Commands that judge and show what was recorded."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli.commands.options import (
    EPILOG,
    STORE,
    BeginOption,
    CheckJobsOption,
    ConditionOption,
    ConsistencyOption,
    DrawOption,
    EndOption,
    FormatOption,
    InitialOption,
    JsonOption,
    LinearizableKeysOption,
    ModelOption,
    RunArgument,
    SecondsOption,
    SequentialKeysOption,
    StalenessOption,
    StoreOption,
    TargetArgument,
    WorkloadOption,
)

app = typer.Typer(rich_markup_mode=None)


@app.command(
    "explain",
    help="Say in words why a history file or a run is invalid, with the smallest evidence.",
)
@app.command(help="Judge a history file against a model, or a stored run again.", epilog=EPILOG)
def check(
    context: typer.Context,
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
    """One declaration of two commands, which take the same options."""
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
    judge = check_target
    if context.info_name == "explain":
        from harness.cli.inspect import explain_target

        judge = explain_target
    raise typer.Exit(judge(target, options, seconds, store, as_json=json))


@app.command()
def show(run: RunArgument = "latest", json: JsonOption = False, store: StoreOption = STORE) -> None:
    """Show one run: configuration, faults, statistics, verdict."""
    from harness.cli.inspect import show_run

    raise typer.Exit(show_run(run, store, as_json=json))


@app.command()
def history(
    target: TargetArgument = "latest",
    key: Annotated[list[str] | None, typer.Option(help="Only calls on it.")] = None,
    process: Annotated[list[int] | None, typer.Option(help="Only its calls.")] = None,
    f: Annotated[list[str] | None, typer.Option("--f", help="Only such: read, write ...")] = None,
    outcome: Annotated[list[str] | None, typer.Option(help="Only: ok, fail or info.")] = None,
    begin: BeginOption = None,
    end: EndOption = None,
    first: Annotated[int | None, typer.Option(help="So many at most.")] = None,
    json: JsonOption = False,
    store: StoreOption = STORE,
) -> None:
    """Show operations as a table; options that may be given again are alternatives."""
    from harness.cli.history import Wanted, show_history

    wanted = Wanted(
        keys=tuple(key or ()),
        processes=tuple(process or ()),
        functions=tuple(f or ()),
        outcomes=tuple(outcome or ()),
        begin_s=begin,
        end_s=end,
        first=first,
    )
    raise typer.Exit(show_history(target, wanted, store, as_json=json))


@app.command()
def log(
    run: RunArgument = "latest",
    around: Annotated[int | None, typer.Option(help="Number of an operation.")] = None,
    within: Annotated[float, typer.Option(help="Milliseconds before and after it.")] = 100.0,
    begin: BeginOption = None,
    end: EndOption = None,
    who: Annotated[list[str] | None, typer.Option(help="Only a node, or p4: a process.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Only: operations, faults, run, trace or log.")
    ] = None,
    json: JsonOption = False,
    store: StoreOption = STORE,
) -> None:
    """Show all that a run wrote down, merged by time: operations, faults, traces, node logs."""
    from harness.cli.log import Wanted, show_log

    wanted = Wanted(
        around=around,
        within_ms=within,
        begin_s=begin,
        end_s=end,
        who=tuple(who or ()),
        sources=tuple(only or ()),
    )
    raise typer.Exit(show_log(run, wanted, store, as_json=json))


@app.command()
def export(
    target: TargetArgument = "latest",
    to: Annotated[
        str, typer.Option(help="perfetto, edn (Jepsen's), shiviz, csv, parquet or dot.")
    ] = "perfetto",
    out: Annotated[
        str | None, typer.Option(help="File to write, '-' for the screen; named if not given.")
    ] = None,
    store: StoreOption = STORE,
) -> None:
    """Write a run or a history file for another tool."""
    from harness.cli.export import export_target

    raise typer.Exit(export_target(target, to, out, store))


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
    from harness.cli.serve import serve_store

    raise typer.Exit(serve_store(store, port))
