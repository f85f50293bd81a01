"""Options and arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
BeginOption = Annotated[
    float | None, typer.Option("--from", help="Only what went on after so many seconds.")
]
EndOption = Annotated[float | None, typer.Option("--to", help="Or before so many.")]
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
ScheduleOption = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="Faults written by hand, in TOML (docs/faults.md), or a run's."
    ),
]
STORE = Path("runs")
