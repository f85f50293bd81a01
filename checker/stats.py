"""What a run looked like: how much, how fast, and when nothing went through.

Also whether it was enough of a run for any verdict to mean something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from checker.base import Budget
from checker.verdict import Unknown, UnknownCause, Valid, Verdict
from histories.columns import FUNCTIONS, OUTCOMES, Columns, Int64s
from histories.history import History
from histories.op import FOREVER, Nanos

_SECOND: Final = Nanos(1_000_000_000)
_BUCKETS_MAX: Final = 10_000
_OK, _FAILED, _UNKNOWN = range(len(OUTCOMES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many operations ended how."""

    ok: int
    failed: int
    unknown: int

    @property
    def total(self) -> int:
        return self.ok + self.failed + self.unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Of answered operations, nanoseconds; a quantile is one of the values measured."""

    p50: Nanos
    p95: Nanos
    p99: Nanos
    max: Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One second of a run, or more: see ``Stats.bucket_width``.

    Answers and failures count when they came, unknown outcomes when they were
    called for.  ``began`` is in nanoseconds since the start of the run.
    """

    began: Nanos
    counts: Counts


@dataclass(frozen=True, slots=True)
class Window:
    """A closed interval of time, nanoseconds since the start of the run."""

    began: Nanos
    ended: Nanos

    @property
    def length(self) -> Nanos:
        return Nanos(self.ended - self.began)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    """A history in numbers.

    Attributes:
        counts: Over all operations.
        by_function: For each name of ``histories.columns.FUNCTIONS`` that occurs.
        latency: For each of those that was answered at least once.
        buckets: Consecutive, from 0 to the last event.
        bucket_width: One second, or whole seconds more for a very long run.
        unavailable: When operations were attempted and none was answered.
    """

    counts: Counts
    by_function: Mapping[str, Counts]
    latency: Mapping[str, Latency]
    buckets: tuple[Bucket, ...]
    bucket_width: Nanos
    unavailable: tuple[Window, ...]


def stats(history: History, *, unavailable_after: Nanos = _SECOND) -> Stats:
    """Count and measure.

    Args:
        history: May be empty.
        unavailable_after: How long a silence must last to be reported, nanoseconds.

    Cost: O(n log n).
    """
    columns = history.columns()
    by_function: dict[str, Counts] = {}
    latency: dict[str, Latency] = {}
    for number, name in enumerate(FUNCTIONS):
        chosen = columns.f == number
        if chosen.any():
            by_function[name] = _counts(columns.outcome[chosen])
        answered = chosen & (columns.outcome == _OK)
        if answered.any():
            latency[name] = _latency(columns.completed[answered] - columns.invoked[answered])
    width = _bucket_width(columns)
    return Stats(
        counts=_counts(columns.outcome),
        by_function=by_function,
        latency=latency,
        buckets=_buckets(columns, width),
        bucket_width=width,
        unavailable=_unavailable(columns, unavailable_after),
    )


def peak_concurrency(invoked: Int64s, completed: Int64s) -> int:
    """The largest number of operations in flight at one instant.

    An operation that ends when another begins is in flight together with it.

    Args:
        invoked: Shape (n,), nanoseconds, any order.
        completed: Shape (n,), nanoseconds.
    """
    if not invoked.size:
        return 0
    invoked = np.sort(invoked)
    ended_before = np.searchsorted(np.sort(completed), invoked, side="left")
    return int((np.arange(1, invoked.size + 1) - ended_before).max())


@dataclass(frozen=True, slots=True, kw_only=True)
class VacuityChecker:
    """Says ``Unknown`` of a run that could not have shown anything.

    Attributes:
        acknowledged_min: So many operations must have been answered.
        reads_min: So many of them must have read, alone or within a transaction.
        concurrency_min: So many of them must have been in flight at once.
    """

    acknowledged_min: int = 1
    reads_min: int = 1
    concurrency_min: int = 1
    name: str = "vacuity"

    def check(self, history: History, budget: Budget) -> Verdict:  # noqa: ARG002  costs nothing
        answered = history.answered()
        acknowledged = len(answered.invoked)
        concurrency = peak_concurrency(answered.invoked, answered.completed)
        for number, least, what in (
            (acknowledged, self.acknowledged_min, "operations were answered"),
            (answered.reads, self.reads_min, "reads were answered"),
            (concurrency, self.concurrency_min, "operations were ever in flight at once"),
        ):
            if number < least:
                return Unknown(
                    UnknownCause.NOTHING_TO_CHECK,
                    f"only {number:,} {what} (of {len(history.ops):,} called), "
                    f"at least {least:,} are wanted",
                )
        return Valid(
            f"{acknowledged:,} operations answered, {answered.reads:,} of them reads, "
            f"up to {concurrency} at once"
        )


def _counts(outcomes: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> Counts:
    ok, failed, unknown = np.bincount(outcomes, minlength=len(OUTCOMES)).tolist()
    return Counts(ok=ok, failed=failed, unknown=unknown)


def _latency(durations: Int64s) -> Latency:
    p50, p95, p99, longest = np.quantile(durations, (0.5, 0.95, 0.99, 1), method="higher")
    return Latency(
        p50=Nanos(int(p50)), p95=Nanos(int(p95)), p99=Nanos(int(p99)), max=Nanos(int(longest))
    )


def _ended(columns: Columns) -> Int64s:
    return np.where(columns.completed == FOREVER, columns.invoked, columns.completed)


def _bucket_width(columns: Columns) -> Nanos:
    last = int(_ended(columns).max(initial=0))
    return Nanos(_SECOND * (1 + last // (_SECOND * _BUCKETS_MAX)))


def _buckets(columns: Columns, width: Nanos) -> tuple[Bucket, ...]:
    if not columns.invoked.size:
        return ()
    buckets = _ended(columns) // width
    rows = np.zeros((int(buckets.max()) + 1, len(OUTCOMES)), dtype=np.int64)
    np.add.at(rows, (buckets, columns.outcome), 1)
    return tuple(
        Bucket(began=Nanos(number * width), counts=Counts(ok=ok, failed=failed, unknown=unknown))
        for number, (ok, failed, unknown) in enumerate(rows.tolist())
    )


def _unavailable(columns: Columns, threshold: Nanos) -> tuple[Window, ...]:
    """Silences between answers, from the first attempt in them on."""
    if not columns.invoked.size:
        return ()
    finite = columns.completed[columns.completed != FOREVER]
    end = max(int(columns.invoked.max()), int(finite.max(initial=0)))
    answers = np.sort(columns.completed[columns.outcome == _OK])
    bounds = np.unique(np.concatenate(([columns.invoked[0]], answers, [end])))
    windows: list[Window] = []
    for at in np.flatnonzero(np.diff(bounds) > threshold).tolist():
        began, ended = int(bounds[at]), int(bounds[at + 1])
        in_flight = (columns.invoked <= began) & (columns.completed > began)
        if not (in_flight & (columns.completed != FOREVER)).any():
            later = columns.invoked[(columns.invoked >= began) & (columns.invoked < ended)]
            if not later.size:
                continue
            began = int(later.min())
        if ended - began > threshold:
            windows.append(Window(Nanos(began), Nanos(ended)))
    return tuple(windows)
