"""``hearsay export``: a run or a history file for another tool."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, TextIO, TypeAlias

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

Write: TypeAlias = Callable[[TextIO, Path], None]
"""Into an open file of text, or else to its path."""
Prepare: TypeAlias = Callable[[Source], Write]
"""Raises what is to be raised before a file is made."""


def export_target(target: str, to: str, out: str | None, store: Path) -> ExitCode:
    """Write ``target`` in the format ``to`` into the file ``out``; says where that is."""
    if to not in FORMATS:
        raise BadInput(f"--to: {to!r} is none of {', '.join(FORMATS)}")
    suffix, prepare = FORMATS[to]
    if out == STANDARD_OUTPUT and to == "parquet":
        raise BadInput("--out: Parquet goes to a file, not to standard output")
    source = read_source(target, store, with_traces=True)
    write = prepare(source)
    if out == STANDARD_OUTPUT:
        write(sys.stdout, Path())
        return ExitCode.VALID
    path = Path(out if out is not None else f"{source.name}.{suffix}")
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            write(file, path)
    except OSError as error:
        raise EnvironmentFailure(f"{path}: {error.strerror}") from error
    print(path)
    return ExitCode.VALID


def _text(make: Callable[[Source], Iterable[str]], end: str = "\n") -> Prepare:
    def prepare(source: Source) -> Write:
        pieces = make(source)
        return lambda file, _: file.writelines(f"{piece}{end}" for piece in pieces)

    return prepare


def _perfetto(source: Source) -> Iterable[str]:
    return perfetto(source.history, source.traces)


def _csv(source: Source) -> Write:
    return lambda file, _: write_csv(source.history, file)


def _parquet(source: Source) -> Write:
    return lambda _, path: write_parquet(source.history, path)


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


FORMATS: Final[Mapping[str, tuple[str, Prepare]]] = {
    "perfetto": ("perfetto.json", _text(_perfetto, end="")),
    "edn": ("edn", _text(_edn)),
    "shiviz": ("shiviz.log", _text(_shiviz)),
    "csv": ("csv", _csv),
    "parquet": ("parquet", _parquet),
    "dot": ("dot", _text(_dot)),
}
"""Suffix of the file, and who makes ready to write it."""
