"""Operations as rows, for spreadsheets and data frames."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

from harness.errors import BadInput
from histories.call import Failed, Indeterminate, Ok
from histories.history import History
from histories.notation import describe_call, describe_outcome
from histories.op import FOREVER

OUTCOMES: Final = {Ok: "ok", Failed: "fail", Indeterminate: "info"}
COLUMNS: Final = (
    "op",
    "process",
    "f",
    "key",
    "call",
    "outcome",
    "answer",
    "invoked_ns",
    "completed_ns",
)
"""``completed_ns`` is empty where nobody knows; ``call`` and ``answer`` are words."""


def rows(history: History) -> Iterator[tuple[int | str | None, ...]]:
    """One for each operation; see ``COLUMNS``."""
    for op in history.ops:
        yield (
            op.index,
            op.process,
            op.call.__struct_config__.tag,
            op.call.key,
            describe_call(op.call),
            OUTCOMES[type(op.outcome)],
            describe_outcome(op.call, op.outcome),
            op.invoked,
            None if op.completed == FOREVER else op.completed,
        )


def write_csv(history: History, file: TextIO) -> None:
    """As RFC 4180 has it, with a line of names."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    writer.writerows(rows(history))


def write_parquet(history: History, path: Path) -> None:
    """The same, typed.

    Raises:
        BadInput: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise BadInput("--to parquet: needs pyarrow (pip install 'hearsay[parquet]')") from error
    types = {
        **dict.fromkeys(COLUMNS, pyarrow.string()),
        **dict.fromkeys(("op", "process", "invoked_ns", "completed_ns"), pyarrow.int64()),
    }
    columns = zip(*rows(history), strict=True) if history.ops else ((),) * len(COLUMNS)
    table = pyarrow.table(
        {
            name: pyarrow.array(column, type=types[name])
            for name, column in zip(COLUMNS, columns, strict=True)
        }
    )
    parquet.write_table(table, path)
