"""Operations in words, whatever they hold."""

from __future__ import annotations

import pytest

from harness.report.wording import (
    TEXT_MAX,
    counted,
    describe_answer,
    describe_call,
    describe_duration,
    describe_value,
    shortened,
    visible,
)
from histories.call import Call, CompareAndSet, Failed, Indeterminate, Ok, Outcome, Read, Write
from tests.harness.report.hostile import NASTY


@pytest.mark.parametrize(
    ("call", "outcome", "call_text", "answer_text"),
    [
        (Read("x"), Ok((3,)), "read x", "→ 3"),
        (Read("x"), Ok((None,)), "read x", "→ nothing"),
        (Write("x", "a"), Ok(), 'write x = "a"', "ok"),
        (CompareAndSet("x", 1, 2), Ok((1,)), "cas x: 1 → 2", "done"),
        (CompareAndSet("x", 1, 2), Ok((3,)), "cas x: 1 → 2", "refused, held 3"),
        (CompareAndSet("x", 1, 2), Ok((True,)), "cas x: 1 → 2", "refused, held True"),
        (Read("x"), Failed("not leader"), "read x", "failed: not leader"),
        (Read("x"), Indeterminate("timed out"), "read x", "no answer: timed out"),
    ],
)
def test_calls_and_answers_read_like_sentences(
    call: Call, outcome: Outcome, call_text: str, answer_text: str
) -> None:
    assert describe_call(call) == call_text
    assert describe_answer(call, outcome) == answer_text


def test_strings_are_told_from_numbers_and_lists_are_written_out() -> None:
    assert describe_value("1") == '"1"'
    assert describe_value(1) == "1"
    assert describe_value('a"b') == '"a\\"b"'
    assert describe_value((1, None, "a")) == '[1, nothing, "a"]'


@pytest.mark.parametrize("text", NASTY)
def test_what_is_shown_is_always_printable_utf8(text: str) -> None:
    assert visible(text).isprintable()
    visible(text).encode("utf-8")
    assert describe_value(text).isprintable()


def test_long_text_is_cut_and_says_how_long_it_was() -> None:
    assert shortened("x" * TEXT_MAX) == "x" * TEXT_MAX
    assert shortened("x" * 1_000_000) == "x" * TEXT_MAX + "… (1,000,000 characters)"


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (1_500, "1.50 µs"),
        (12_345_678, "12.3 ms"),
        (812_000_000, "812 ms"),
        (31_000_000_000, "31.0 s"),
        (4_000_000_000_000, "4,000 s"),
    ],
)
def test_durations_have_three_digits_and_the_unit_that_suits(nanos: int, text: str) -> None:
    assert describe_duration(nanos) == text


def test_counts_agree_with_their_nouns() -> None:
    assert counted(1, "anomaly") == "1 anomaly"
    assert counted(3000, "operation") == "3,000 operations"
    assert counted(0, "anomaly") == "0 anomalies"
