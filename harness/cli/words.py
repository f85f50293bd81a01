"""What commands say of a run, as lines of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, assert_never

from checker.verdict import Anomaly, Invalid, Unknown, Valid, Verdict
from harness.meanings import rule_broken_by
from harness.verdict_file import sentence
from histories.history import History
from histories.notation import clock_for, describe_op

COLOURS: Final = {"valid": "green", "invalid": "red", "unknown": "yellow"}

NO_TIMES: Final = "The file gives no times: events are numbered in its order, from 0."

_OF_A_KIND_MAX: Final = 3
_DETAILS_MAX: Final = 12
_EVIDENCE_MAX: Final = 12
_EVIDENCE_FIRST: Final = 2
_WIDTH_MAX: Final = 240


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
    """Why each checker that does not say valid does not; a few anomalies of each kind."""
    for name, verdict in verdicts.items():
        match verdict:
            case Valid():
                continue
            case Invalid(anomalies=anomalies, note=note):
                yield from _invalid_lines(name, anomalies, history)
                if note:
                    yield f"{name}: {note}"
            case Unknown(cause=cause, detail=detail):
                yield f"{name}: unknown, {cause.value}: {detail}"
            case _:
                assert_never(verdict)


def _invalid_lines(checker: str, anomalies: Sequence[Anomaly], history: History) -> Iterator[str]:
    counts = Counter[str]()
    for anomaly in anomalies:
        counts[anomaly.kind] += 1
        if counts[anomaly.kind] <= _OF_A_KIND_MAX:
            yield from _anomaly_lines(checker, anomaly, history)
    for kind, count in counts.items():
        if count > _OF_A_KIND_MAX:
            yield f"... and {count - _OF_A_KIND_MAX:,} more of {kind} (--json prints them all)"


def _anomaly_lines(checker: str, anomaly: Anomaly, history: History) -> Iterator[str]:
    yield f"{anomaly.kind} ({anomaly.source}), says the checker {checker!r}:"
    yield f"  {anomaly.explanation}"
    if rule := rule_broken_by(anomaly.kind):
        yield f"  (the rule: {rule})"
    if anomaly.evidence:
        yield "  What proves it, by itself:"
        yield from map(_shortened, _evidence_lines(anomaly.evidence, history))
    if anomaly.details:
        yield "  More about it:"
    for line in anomaly.details[:_DETAILS_MAX]:
        yield _shortened(f"    {line}")
    if len(anomaly.details) > _DETAILS_MAX:
        yield f"    ... and {len(anomaly.details) - _DETAILS_MAX} more lines"


def _evidence_lines(evidence: Sequence[int], history: History) -> Iterator[str]:
    """All operations, or how it began and how it ended."""
    left_out = max(0, len(evidence) - _EVIDENCE_MAX)
    first, last = evidence[:_EVIDENCE_FIRST], evidence[_EVIDENCE_FIRST + left_out :]
    clock = clock_for(history.op(index) for index in (*first, *last))
    for index in first:
        yield f"    op {index}: {describe_op(history.op(index), clock)}"
    if left_out:
        yield f"    ... {left_out:,} more operations, and at last"
    for index in last:
        yield f"    op {index}: {describe_op(history.op(index), clock)}"


def _shortened(line: str) -> str:
    """Its beginning and its end, where the times are."""
    if len(line) <= _WIDTH_MAX:
        return line
    return f"{line[: _WIDTH_MAX - 60]} ... {line[-55:]}"
