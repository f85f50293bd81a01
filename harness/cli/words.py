"""What commands say of a run, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, assert_never

from checker.verdict import Anomaly, Invalid, Unknown, Valid, Verdict
from harness.verdict_file import sentence
from histories.history import History
from histories.notation import clock_for, describe_op

COLOURS: Final = {"valid": "green", "invalid": "red", "unknown": "yellow"}

NO_TIMES: Final = "The file gives no times: n ns stands for its event number n, counted from 0."

_DETAILS_MAX: Final = 12
_EVIDENCE_MAX: Final = 12


_MEANINGS: Final = {
    "nonlinearizable": "in no order could these operations have happened one after another, each "
    "at some moment between its call and its answer, and given these answers",
}
"""For people who have not read the sources."""


def headline(verdict: Verdict) -> str:
    """The verdict in one line, where ``explanation_lines`` follow."""
    match verdict:
        case Invalid(anomalies=(anomaly,)):
            return f"Invalid: {anomaly.kind}"
        case Invalid(anomalies=anomalies):
            kinds = dict.fromkeys(anomaly.kind for anomaly in anomalies)
            return f"Invalid: {len(anomalies)} anomalies: {', '.join(kinds)}"
        case Valid() | Unknown():
            return sentence(verdict)
        case _:
            assert_never(verdict)


def explanation_lines(verdicts: Mapping[str, Verdict], history: History) -> Iterator[str]:
    """Why each checker that does not say valid does not."""
    for name, verdict in verdicts.items():
        match verdict:
            case Valid():
                continue
            case Invalid(anomalies=anomalies):
                for anomaly in anomalies:
                    yield from _anomaly_lines(name, anomaly, history)
            case Unknown(cause=cause, detail=detail):
                yield f"{name}: unknown, {cause.value}: {detail}"
            case _:
                assert_never(verdict)


def _anomaly_lines(checker: str, anomaly: Anomaly, history: History) -> Iterator[str]:
    yield f"{anomaly.kind} ({anomaly.source}), says the checker {checker!r}:"
    yield f"  {anomaly.explanation}"
    if anomaly.kind in _MEANINGS:
        yield f"  ({anomaly.kind}: {_MEANINGS[anomaly.kind]})"
    if anomaly.evidence:
        yield "  What proves it, by itself:"
    clock = clock_for(history.op(index) for index in anomaly.evidence[:_EVIDENCE_MAX])
    for index in anomaly.evidence[:_EVIDENCE_MAX]:
        yield f"    op {index}: {describe_op(history.op(index), clock)}"
    yield from _rest(len(anomaly.evidence), _EVIDENCE_MAX, "operations")
    if anomaly.details:
        yield "  More about it:"
    for line in anomaly.details[:_DETAILS_MAX]:
        yield f"    {line}"
    yield from _rest(len(anomaly.details), _DETAILS_MAX, "lines")


def _rest(count: int, shown: int, what: str) -> Iterator[str]:
    if count > shown:
        yield f"    ... and {count - shown} more {what}"
