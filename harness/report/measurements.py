"""The numbers a report draws: series over time, and what each fault did to clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from checker.stats import Counts, Latency, Stats
from harness.report.wording import NANOS_PER_MILLISECOND, NANOS_PER_SECOND
from histories.columns import FUNCTIONS, OUTCOMES, Columns, Int64s
from histories.history import FaultWindow
from histories.op import Nanos

Bools: TypeAlias = NDArray[np.bool_]

OK: Final = OUTCOMES.index("ok")
FAILED: Final = OUTCOMES.index("fail")
INDETERMINATE: Final = OUTCOMES.index("info")

BUCKETS_MAX: Final = 120
"""About what a plot 1,100 pixels wide can show; short runs get short buckets."""

BUCKETS_MIN: Final = 10

OPS_PER_BUCKET: Final = 8
"""Fewer than this have no quantiles worth the name: few operations get wide buckets."""

UNAVAILABLE_AFTER: Final = Nanos(500 * NANOS_PER_MILLISECOND)
"""A pause in acknowledgements shorter than this is not called unavailability."""

QUANTILES: Final = (0.5, 0.95, 0.99, 1.0)


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """One line of the summary; ``latency`` is ``None`` where nothing was acknowledged."""

    name: str
    counts: Counts
    latency: Latency | None


def summary_rows(stats: Stats, columns: Columns) -> tuple[FunctionRow, ...]:
    """One row per function that was called, and a last one for all together."""
    rows = [
        FunctionRow(name, counts, stats.latency.get(name))
        for name, counts in stats.by_function.items()
    ]
    found = _quantiles(_latency(columns)[_acknowledged(columns)])
    every = (
        None if found is None else Latency(p50=found[0], p95=found[1], p99=found[2], max=found[3])
    )
    return (*rows, FunctionRow("all", stats.counts, every))


def _acknowledged(columns: Columns) -> Bools:
    return np.asarray(columns.outcome == OK)


def _latency(columns: Columns) -> Int64s:
    """Nanoseconds; meaningless where the outcome is indeterminate."""
    return columns.completed - columns.invoked


def _last_seen(columns: Columns) -> Int64s:
    """When each call ended; where nobody knows, when it was invoked."""
    known = columns.outcome != INDETERMINATE
    return np.where(known, columns.completed, columns.invoked)


def _quantiles(latency: Int64s) -> tuple[Nanos, ...] | None:
    """Values that were measured, by the same rule as ``checker.stats``."""
    if len(latency) == 0:
        return None
    found = np.quantile(latency, QUANTILES, method="higher")
    return tuple(Nanos(int(value)) for value in found)


def bucket_width(span_ns: int, ops: int) -> int:
    """1, 2 or 5 times a power of ten, in nanoseconds, to suit a run of that length and size."""
    buckets = min(max(ops // OPS_PER_BUCKET, BUCKETS_MIN), BUCKETS_MAX)
    wanted = max(1, -(-span_ns // buckets))
    power = 1
    while power * 10 <= wanted:
        power *= 10
    return next(power * step for step in (1, 2, 5, 10) if power * step >= wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Per bucket of ``width_ns``, the first beginning at 0.

    Rates are per second, the last bucket's by the part of it that the run covers
    (at least half, or one call would be a peak); a call counts where it ended, an indeterminate one
    where it was invoked, for when it ended nobody knows.  ``quantiles_ns`` holds
    one row per member of ``QUANTILES``, ``None`` where nothing was acknowledged.
    """

    width_ns: int
    rates: tuple[tuple[float, ...], ...]
    quantiles_ns: tuple[tuple[int | None, ...], ...]


def series_by_function(columns: Columns, span_ns: int) -> dict[str, Series]:
    """Of each function that was called, in the same buckets as ``series_of``."""
    width = bucket_width(span_ns, len(columns.index))
    return {
        FUNCTIONS[f]: series_of(columns.only(np.flatnonzero(columns.f == f)), span_ns, width)
        for f in np.unique(columns.f).tolist()
    }


def series_of(columns: Columns, span_ns: int, width: int | None = None) -> Series:
    """In buckets of ``width`` nanoseconds, or else of what suits the run."""
    width = width or bucket_width(span_ns, len(columns.index))
    count = max(1, -(-span_ns // width))
    bucket = np.clip(_last_seen(columns) // width, 0, count - 1)
    covered = np.full(count, width, dtype=np.int64)
    covered[-1] = max(span_ns - (count - 1) * width, width // 2, 1)
    rates = tuple(
        tuple(
            (
                np.bincount(bucket[columns.outcome == code], minlength=count)
                * (NANOS_PER_SECOND / covered)
            ).tolist()
        )
        for code in (OK, FAILED, INDETERMINATE)
    )
    chosen = _acknowledged(columns)
    order = np.argsort(bucket[chosen], kind="stable")
    latency = _latency(columns)[chosen][order]
    edges = np.searchsorted(bucket[chosen][order], np.arange(count + 1))
    found = [_quantiles(latency[edges[at] : edges[at + 1]]) for at in range(count)]
    return Series(
        width_ns=width,
        rates=rates,
        quantiles_ns=tuple(
            tuple(None if row is None else row[rank] for row in found)
            for rank in range(len(QUANTILES))
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultEffect:
    """What clients saw of the calls that overlapped a fault."""

    ok: int
    failed: int
    indeterminate: int
    slowest_ns: int | None
    ok_per_second: float


def effect_of(fault: FaultWindow, columns: Columns, span_ns: int) -> FaultEffect:
    """Counts of the calls invoked before the fault ended and not yet answered when it began.

    An indeterminate call counts only where it was invoked during the fault, for
    it would overlap every later one as well.
    """
    ended = min(fault.ended, span_ns)
    seen = _last_seen(columns)
    overlaps = (columns.invoked <= ended) & (seen >= fault.began)
    counts = np.bincount(columns.outcome[overlaps], minlength=len(OUTCOMES))
    latency = _latency(columns)[overlaps & _acknowledged(columns)]
    inside = _acknowledged(columns) & (seen >= fault.began) & (seen <= ended)
    seconds = max(1, ended - fault.began) / NANOS_PER_SECOND
    return FaultEffect(
        ok=int(counts[OK]),
        failed=int(counts[FAILED]),
        indeterminate=int(counts[INDETERMINATE]),
        slowest_ns=int(latency.max()) if len(latency) else None,
        ok_per_second=int(inside.sum()) / seconds,
    )
