"""The numbers that are drawn, against small histories counted by hand."""

from __future__ import annotations

import pytest

from checker.stats import Counts, stats
from harness.report.measurements import (
    BUCKETS_MAX,
    FAILED,
    INDETERMINATE,
    OK,
    bucket_width,
    effect_of,
    series_by_function,
    series_of,
    summary_rows,
)
from histories.call import Failed, Indeterminate, Ok, Outcome, Read
from histories.history import FaultWindow, History
from histories.op import FOREVER, Nanos, Op, ProcessId
from tests.harness.report.synthetic import synthetic_history

SECOND = 1_000_000_000


def op(index: int, invoked: int, completed: int, outcome: Outcome | None = None) -> Op:
    return Op(
        index=index,
        process=ProcessId(index),
        call=Read("x"),
        outcome=outcome or Ok((None,)),
        invoked=Nanos(invoked),
        completed=Nanos(completed),
    )


def history(*ops: Op) -> History:
    return History.of(ops)


def test_summary_counts_by_function_and_outcome() -> None:
    run = history(
        op(0, 0, 10),
        op(1, 0, 30),
        op(2, 0, 20, Failed("no")),
        op(3, 5, FOREVER, Indeterminate("?")),
    )
    read, total = summary_rows(stats(run), run.columns())
    assert (read.name, total.name) == ("read", "all")
    assert read.counts == total.counts == Counts(ok=2, failed=1, unknown=1)
    assert read.latency == total.latency
    assert total.latency is not None
    assert (total.latency.p50, total.latency.max) == (30, 30)


def test_summary_of_nothing_is_one_row_of_zeros() -> None:
    (total,) = summary_rows(stats(History(())), History(()).columns())
    assert (total.counts.total, total.latency) == (0, None)


@pytest.mark.parametrize("span", [1, 999, 10**6, 388_000_000, 30 * SECOND, 3600 * SECOND])
def test_bucket_width_suits_short_and_long_runs(span: int) -> None:
    width = bucket_width(span, 100_000)
    assert str(width).strip("0") in {"1", "2", "5"}
    assert -(-span // width) <= BUCKETS_MAX
    assert width == 1 or span // width >= BUCKETS_MAX // 3


def test_few_operations_get_few_buckets() -> None:
    assert 30 * SECOND // bucket_width(30 * SECOND, 20) <= 10


def test_rates_add_up_to_the_number_of_operations() -> None:
    columns = history(
        op(0, 0, SECOND // 2),
        op(1, 0, SECOND),
        op(2, SECOND, SECOND + 5, Failed("no")),
        op(3, SECOND, FOREVER, Indeterminate("?")),
    ).columns()
    series = series_of(columns, SECOND + 5)
    seconds = [series.width_ns / SECOND] * (len(series.rates[OK]) - 1) + [
        series.width_ns // 2 / SECOND
    ]
    for code, count in ((OK, 2), (FAILED, 1), (INDETERMINATE, 1)):
        pairs = zip(series.rates[code], seconds, strict=True)
        assert sum(rate * length for rate, length in pairs) == pytest.approx(count)
    assert len(series.quantiles_ns[0]) == len(series.rates[0])
    assert [value for value in series.quantiles_ns[0] if value is not None] == [
        SECOND // 2,
        SECOND,
    ]


def test_effect_counts_calls_that_overlap_the_fault() -> None:
    fault = FaultWindow(
        kind="kill",
        nodes=("n0",),
        detail="",
        began=Nanos(100),
        ended=Nanos(200),
        evidence="",
    )
    columns = history(
        op(0, 0, 50),
        op(1, 50, FOREVER, Indeterminate("before it began")),
        op(2, 60, 110),
        op(3, 150, 400),
        op(4, 160, FOREVER, Indeterminate("?")),
        op(5, 170, 180, Failed("no")),
        op(6, 300, 310),
    ).columns()
    effect = effect_of(fault, columns, span_ns=400)
    assert (effect.ok, effect.failed, effect.indeterminate) == (2, 1, 1)
    assert effect.slowest_ns == 250
    assert effect.ok_per_second == pytest.approx(1 / 100e-9)


def test_series_of_functions_add_up_to_the_whole() -> None:
    columns, end = synthetic_history().columns(), 34 * SECOND
    whole = series_of(columns, end)
    parts = series_by_function(columns, end)
    assert set(parts) == {"read", "write", "cas"}
    assert {part.width_ns for part in parts.values()} == {whole.width_ns}
    for outcome, rates in enumerate(whole.rates):
        summed = [
            sum(rate) for rate in zip(*(p.rates[outcome] for p in parts.values()), strict=True)
        ]
        assert summed == pytest.approx(list(rates))
