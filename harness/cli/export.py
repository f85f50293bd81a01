"""``hearsay export``: a run or a history file for another tool."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TextIO

from checker.base import Budget
from checker.verdict import Invalid, combine
from harness.analysis import analyze
from harness.cli.simulate import CHECK_SECONDS
from harness.cli.source import Source, read_source
from harness.errors import BadInput, EnvironmentFailure
from harness.exit_codes import ExitCode
from harness.export.dot import dot
from harness.export.perfetto import perfetto
from harness.export.shiviz import shiviz
from harness.export.table import write_csv, write_parquet
from harness.reporting import communication
from harness.verdict_file import read_verdicts
from harness.wall_clock import deadline_after
from histories.formats.jepsen_writer import jepsen_edn

STANDARD_OUTPUT: Final = "-"


def export_target(target: str, to: str, out: str | None, store: Path) -> ExitCode:
    """Write ``target`` in the format ``to`` into the file ``out``; says where that is."""
    if to not in FORMATS:
        raise BadInput(f"--to: {to!r} is none of {', '.join(FORMATS)}")
    suffix, write = FORMATS[to]
    source = read_source(target, store, with_traces=True)
    if out == STANDARD_OUTPUT:
        if to == "parquet":
            raise BadInput("--out: Parquet goes to a file, not to standard output")
        write(source, sys.stdout, Path())
        return ExitCode.VALID
    path = Path(out if out is not None else f"{source.name}.{suffix}")
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            write(source, file, path)
    except OSError as error:
        raise EnvironmentFailure(f"{path}: {error.strerror}") from error
    print(path)
    return ExitCode.VALID


def _lines(make: Callable[[Source], Iterable[str]]) -> Callable[[Source, TextIO, Path], None]:
    def write(source: Source, file: TextIO, path: Path) -> None:
        del path
        file.writelines(f"{line}\n" for line in make(source))

    return write


def _perfetto(source: Source, file: TextIO, path: Path) -> None:
    del path
    file.writelines(perfetto(source.history, source.traces))


def _csv(source: Source, file: TextIO, path: Path) -> None:
    del path
    write_csv(source.history, file)


def _parquet(source: Source, file: TextIO, path: Path) -> None:
    del file
    write_parquet(source.history, path)


def _dot(source: Source) -> Iterable[str]:
    if source.run is None or not source.run.verdict.exists():
        raise BadInput(f"--to dot: draws what a verdict rests on, and {source.name} has none")
    verdict = combine(read_verdicts(source.run.verdict).values())
    if not isinstance(verdict, Invalid):
        raise BadInput(f"--to dot: {source.name} is not invalid: there is nothing to draw")
    return dot(source.history, verdict.anomalies)


def _shiviz(source: Source) -> Iterable[str]:
    if source.run is None:
        raise BadInput(
            f"--to shiviz: shows messages between nodes, and {source.name} is but a file"
        )
    analysis = analyze(source.run, Budget(deadline=deadline_after(CHECK_SECONDS)))
    messages, _ = communication(source.run, analysis)
    return shiviz(messages.arrows, analysis.traces)


def _edn(source: Source) -> Iterable[str]:
    return jepsen_edn(source.history)


FORMATS: Final = {
    "perfetto": ("perfetto.json", _perfetto),
    "edn": ("edn", _lines(_edn)),
    "shiviz": ("shiviz.log", _lines(_shiviz)),
    "csv": ("csv", _csv),
    "parquet": ("parquet", _parquet),
    "dot": ("dot", _lines(_dot)),
}
"""Suffix of the file, and who writes it."""
