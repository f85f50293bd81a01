"""Counts, quantiles, rates and silences; and runs that show nothing."""

from __future__ import annotations

import pytest

from checker.base import Budget
from checker.stats import Counts, VacuityChecker, Window, peak_concurrency, stats
from checker.verdict import Unknown, UnknownCause, Valid
from histories.history import History
from histories.notation import parse_history
from histories.op import Nanos

SECOND = 1_000_000_000


def test_operations_are_counted_by_function_and_outcome() -> None:
    figures = stats(
        parse_history(
            """
            0: read x -> nil             [1, 2]
            0: read x: failed            [3, 4]
            0: write x 1                 [5, 6]
            0: cas x 1 -> 2: saw nil     [7, 8]
            0: write x 3: unknown        [9, ?]
            """
        )
    )
    assert figures.counts == Counts(ok=3, failed=1, unknown=1)
    assert figures.counts.total == 5
    assert dict(figures.by_function) == {
        "read": Counts(ok=1, failed=1, unknown=0),
        "write": Counts(ok=1, failed=0, unknown=1),
        "cas": Counts(ok=1, failed=0, unknown=0),
    }


def test_quantiles_are_measured_values_of_answered_operations() -> None:
    lines = [
        f"0: read x -> nil [{1000 * number}, {1000 * number + number}]" for number in range(1, 101)
    ]
    lines.append("1: read x: failed [1, 900000]")
    lines.append("2: write x 1: unknown [1, ?]")
    latency = stats(parse_history("\n".join(lines))).latency
    assert list(latency) == ["read"]
    read = latency["read"]
    assert (read.p50, read.p95, read.p99, read.max) == (51, 96, 100, 100)


def test_rates_are_by_second_from_the_start_to_the_end() -> None:
    figures = stats(
        parse_history(
            """
            0: read x -> nil       [0.100 s, 0.900 s]
            1: read x: failed      [0.900 s, 1.100 s]
            0: write x 1: unknown  [3.200 s, ?]
            """
        )
    )
    assert figures.bucket_width == SECOND
    assert [bucket.began // SECOND for bucket in figures.buckets] == [0, 1, 2, 3]
    assert [bucket.counts for bucket in figures.buckets] == [
        Counts(ok=1, failed=0, unknown=0),
        Counts(ok=0, failed=1, unknown=0),
        Counts(ok=0, failed=0, unknown=0),
        Counts(ok=0, failed=0, unknown=1),
    ]


def test_absurd_times_do_not_fill_the_memory() -> None:
    figures = stats(parse_history(f"0: read x -> nil [1, {2**62}]"))
    assert len(figures.buckets) <= 10_000


def test_a_silence_with_attempts_is_unavailability() -> None:
    figures = stats(
        parse_history(
            """
            0: read x -> nil       [0.0 s, 0.1 s]
            0: read x: failed      [0.5 s, 0.6 s]
            0: write x 1: unknown  [0.7 s, ?]
            1: read x -> nil       [0.8 s, 4.0 s]
            """
        )
    )
    assert figures.unavailable == (Window(Nanos(SECOND // 2), Nanos(4 * SECOND)),)
    assert figures.unavailable[0].length == 3.5 * SECOND


def test_a_call_in_flight_makes_the_whole_silence_unavailable() -> None:
    figures = stats(
        parse_history("0: read x -> nil [0.0 s, 1.0 s]\n1: read x -> nil [0.5 s, 5.0 s]")
    )
    assert figures.unavailable == (Window(Nanos(SECOND), Nanos(5 * SECOND)),)


def test_a_pause_of_the_clients_is_not_unavailability() -> None:
    figures = stats(
        parse_history(
            """
            1: write x 1: unknown  [0.0 s, ?]
            0: read x -> nil       [0.0 s, 0.1 s]
            0: read x -> nil       [9.0 s, 9.1 s]
            """
        )
    )
    assert figures.unavailable == ()


def test_a_run_that_ends_in_silence_ends_unavailable() -> None:
    figures = stats(
        parse_history("0: read x -> nil [0.0 s, 0.1 s]\n0: read x: failed [0.2 s, 7.0 s]"),
        unavailable_after=Nanos(2 * SECOND),
    )
    assert figures.unavailable == (Window(Nanos(SECOND // 5), Nanos(7 * SECOND)),)


def test_nothing_has_no_figures() -> None:
    figures = stats(History(()))
    assert figures.counts.total == 0
    assert (figures.buckets, figures.unavailable, dict(figures.latency)) == ((), (), {})


@pytest.mark.parametrize(
    ("text", "peak"),
    [
        ("", 0),
        ("0: read x -> nil [1, 2]\n1: read x -> nil [3, 4]", 1),
        ("0: read x -> nil [1, 2]\n1: read x -> nil [2, 4]", 2),
        ("0: write x 1 [1, 9]\n1: write x 1 [2, 3]\n2: write x 2 [4, 5]", 2),
        ("0: write x 1 [1, 9]\n1: write x 1: unknown [2, ?]\n2: write x 2: failed [4, 5]", 1),
    ],
)
def test_peak_concurrency_counts_answered_operations(text: str, peak: int) -> None:
    answered = parse_history(text).answered()
    assert peak_concurrency(answered.invoked, answered.completed) == peak


RUN = """
0: write x 1    [1, 9]
1: read x -> 1  [2, 3]
0: read x -> 1  [10, 11]
"""


def test_a_run_with_answers_reads_and_overlap_is_not_vacuous() -> None:
    checker = VacuityChecker(acknowledged_min=3, reads_min=2, concurrency_min=2)
    assert checker.name == "vacuity"
    assert checker.check(parse_history(RUN), Budget()) == Valid(
        "3 operations answered, 2 of them reads, up to 2 at once"
    )


def test_what_transactions_read_counts_as_read() -> None:
    history = parse_history(
        """
        0: txn { append x 1; read x } -> [1]  [1, 3]
        1: txn { append x 2 }: done           [2, 4]
        """
    )
    verdict = VacuityChecker().check(history, Budget())
    assert verdict == Valid("2 operations answered, 1 of them reads, up to 2 at once")


@pytest.mark.parametrize(
    ("checker", "text", "reason"),
    [
        (VacuityChecker(), "", "only 0 operations were answered"),
        (VacuityChecker(), "0: read x: failed [1, 2]", "only 0 operations were answered (of 1"),
        (VacuityChecker(), "0: write x 1 [1, 2]", "only 0 reads"),
        (VacuityChecker(acknowledged_min=1000), RUN, "at least 1,000 are wanted"),
        (VacuityChecker(reads_min=3), RUN, "only 2 reads"),
        (VacuityChecker(concurrency_min=3), RUN, "only 2 operations were ever in flight at once"),
    ],
)
def test_a_run_that_tested_too_little_is_unknown(
    checker: VacuityChecker, text: str, reason: str
) -> None:
    verdict = checker.check(parse_history(text), Budget())
    assert isinstance(verdict, Unknown)
    assert verdict.cause is UnknownCause.NOTHING_TO_CHECK
    assert reason in verdict.detail
