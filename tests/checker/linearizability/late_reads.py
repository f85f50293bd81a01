"""Reads one after the other, after all else."""

from __future__ import annotations

from histories.call import Ok, Read
from histories.op import Nanos, Op, ProcessId


def late_reads(values: list[int | None], since: int) -> list[Op]:
    """Of the key "x", what each answers; their indices begin with ``since``."""
    return [
        Op(
            index=since + number,
            process=ProcessId(10_000),
            call=Read("x"),
            outcome=Ok((value,)),
            invoked=Nanos(10_000 + 2 * number),
            completed=Nanos(10_001 + 2 * number),
        )
        for number, value in enumerate(values)
    ]
