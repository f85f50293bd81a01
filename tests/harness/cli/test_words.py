"""What commands say of verdicts."""

from __future__ import annotations

from checker.verdict import Anomaly, Invalid, Unknown, UnknownCause, Valid
from harness.cli.words import explanation_lines, headline
from histories.notation import parse_history

HISTORY = parse_history("\n".join(f"0: write x {n} [{2 * n}, {2 * n + 1}]" for n in range(40)))


def anomaly(kind: str, *evidence: int, details: tuple[str, ...] = ()) -> Anomaly:
    return Anomaly(
        kind=kind, source="Somebody 1990", evidence=evidence, explanation="why", details=details
    )


def test_the_headline_counts_and_names_the_anomalies() -> None:
    assert headline(Invalid((anomaly("lost", 1),))) == "Invalid: lost"
    both = Invalid((anomaly("lost", 1), anomaly("found", 2), anomaly("lost", 3)))
    assert headline(both) == "Invalid: 3 anomalies: lost, found"
    assert headline(Valid("looked")) == "Valid: no violation found (looked)."
    assert headline(Unknown(UnknownCause.TIME_LIMIT, "late")) == "Unknown: time limit: late"


def test_an_anomaly_is_named_explained_and_proven() -> None:
    lines = list(explanation_lines({"a": Valid(), "b": Invalid((anomaly("lost", 3),))}, HISTORY))
    assert lines == [
        "lost (Somebody 1990), says the checker 'b':",
        "  why",
        "  What proves it, by itself:",
        "    op 3: process 0: write x 3: done  [events 6, 7]",
    ]


def test_of_many_operations_the_first_and_the_last_are_shown() -> None:
    lines = list(explanation_lines({"b": Invalid((anomaly("lost", *range(30)),))}, HISTORY))
    shown = [line.split(":")[0].strip() for line in lines[3:]]
    last = [f"op {index}" for index in range(20, 30)]
    assert shown == ["op 0", "op 1", "... 18 more operations, and at last", *last]


def test_of_many_anomalies_a_few_of_each_kind_are_shown() -> None:
    found = Invalid((*[anomaly("lost", 1)] * 5, anomaly("found", 2)))
    lines = list(explanation_lines({"b": found}, HISTORY))
    assert sum(line.startswith("lost (") for line in lines) == 3
    assert sum(line.startswith("found (") for line in lines) == 1
    assert lines[-1] == "... and 2 more of lost (--json prints them all)"


def test_long_lines_are_shortened_in_the_middle() -> None:
    found = Invalid((anomaly("lost", details=("begin" + "-" * 1000 + "end",)),))
    line = list(explanation_lines({"b": found}, HISTORY))[-1]
    assert len(line) == 240
    assert line.startswith("    begin--")
    assert line.endswith("--end")
