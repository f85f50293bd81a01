"""The report of one run as one HTML file that needs nothing else, no network either."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Final, assert_never

from jinja2 import Environment

from checker.stats import Window, stats
from checker.verdict import Anomaly, Invalid, Unknown, Valid, Verdict
from harness.errors import ReportError
from harness.meanings import rule_broken_by
from harness.report import templating
from harness.report.cycle_drawing import draw_cycle
from harness.report.data import ReportData, Span, span_of
from harness.report.drawing import Drawing, draw
from harness.report.measurements import (
    UNAVAILABLE_AFTER,
    FaultEffect,
    effect_of,
    summary_rows,
)
from harness.report.payload import payload_of, run_end, to_script_json
from harness.report.wording import (
    NANOS_PER_SECOND,
    counted,
    visible,
)
from harness.verdict_file import word
from histories.history import FaultWindow

SCRIPT: Final = "report.js"
STYLES: Final = ("uPlot.min.css", "report.css")

ANOMALIES_MAX: Final = 50
"""Anomalies shown with their evidence; a broken node can make thousands alike."""

DETAIL_LINES_MAX: Final = 60
NEVER: Final = 2**63
NOTES_MAX: Final = 500


def render(report: ReportData) -> str:
    """The page, ready to be written as UTF-8.

    Raises:
        ReportError: Anything at all went wrong.  The verdict of the run is not
            touched by that: warn and go on.

    Cost: O(n log n) in operations; the page grows by about 40 bytes an
    operation up to ``payload.TIMELINE_OPS_MAX`` operations, and not beyond.
    """
    try:
        return _render(report)
    except Exception as error:
        # As broad as it gets: a report must never decide over a run, not even by a bug.
        raise ReportError(
            f"report of {visible(report.run_name)} could not be made: "
            f"{type(error).__name__}: {visible(str(error))}"
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class AnomalyView:
    """``number`` is its place on the page, ``is_first`` says whether it is the first of its kind;
    ``span`` is ``None`` if no moment is known."""

    number: int
    anomaly: Anomaly
    is_first: bool
    checker: str
    rule: str
    span: Span | None
    drawing: Drawing | None
    cycle: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultView:
    number: int
    fault: FaultWindow
    effect: FaultEffect


@dataclass(frozen=True, slots=True)
class UnavailableView:
    window: Window
    during: tuple[FaultView, ...]


def _render(report: ReportData) -> str:
    columns = report.history.columns()
    end = run_end(report)
    measured = stats(report.history, unavailable_after=UNAVAILABLE_AFTER)
    faults = tuple(
        FaultView(number=number, fault=fault, effect=effect_of(fault, columns, end))
        for number, fault in enumerate(report.history.faults, start=1)
    )
    script = _static(SCRIPT)
    anomalies = anomaly_views(report)
    shown = [view.anomaly for view in anomalies]
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            tone=word(report.verdict),
            sentence=verdict_sentence(report),
            anomalies=anomalies,
            anomalies_max=ANOMALIES_MAX,
            detail_lines_max=DETAIL_LINES_MAX,
            configuration={str(name): str(value) for name, value in report.configuration.items()},
            rows=summary_rows(measured, columns),
            faults=faults,
            unavailable=tuple(
                UnavailableView(window, _during(window, faults)) for window in measured.unavailable
            ),
            notes=report.notes[:NOTES_MAX],
            end=end,
            script=script,
            script_hash=base64.b64encode(sha256(script.encode()).digest()).decode("ascii"),
            licence=_static("LICENSE"),
            styles="\n".join(_static(name) for name in STYLES),
            payload=to_script_json(payload_of(report, shown, columns, measured.unavailable, end)),
        )
    )


def verdict_sentence(report: ReportData) -> str:
    """The verdict for a person, in one sentence."""
    match report.verdict:
        case Valid():
            tested = counted(len(report.history.ops), "operation")
            suffered = counted(len(report.history.faults), "fault")
            return f"Nothing wrong was found in {tested} under {suffered}."
        case Invalid(anomalies=anomalies):
            return _what_broke(anomalies, report)
        case Unknown(cause=cause, detail=detail):
            return f"Nothing is proven either way ({cause.value}): {detail.rstrip('.')}."
        case _:
            assert_never(report.verdict)


def _what_broke(anomalies: Sequence[Anomaly], report: ReportData) -> str:
    """What broke first, and how much else."""
    spans = [(span_of(anomaly, report.history), anomaly.kind) for anomaly in anomalies]
    first, kind = min(spans, key=lambda each: NEVER if each[0] is None else each[0].at)
    when = "" if first is None else f", at {_seconds(first.at)}"
    kinds = list(dict.fromkeys(each for _, each in spans if each != kind))
    named = ", ".join(kinds[:3]) + (" and others" if len(kinds) > 3 else "")
    more = counted(len(anomalies) - 1, "further violation")
    rest = "" if len(anomalies) == 1 else f" And {more}{named and ': '}{named}."
    return f"{kind[:1].upper()}{kind[1:]}{when}.{rest}"


def verdict_remark(verdict: Verdict) -> str:
    """What a checker's verdict adds to its name, for the table of checks."""
    match verdict:
        case Valid(note=note):
            return note
        case Invalid(anomalies=anomalies):
            return anomalies[0].explanation
        case Unknown(cause=cause, detail=detail):
            return f"{cause.value}: {detail}"
        case _:
            assert_never(verdict)


def anomaly_views(report: ReportData) -> tuple[AnomalyView, ...]:
    """In the order of their moments: the first of each kind, then the others.

    What broke first is most often why the rest did.
    """
    if not isinstance(report.verdict, Invalid):
        return ()
    history = report.history
    moments = [(span_of(anomaly, history), anomaly) for anomaly in report.verdict.anomalies]
    moments.sort(key=lambda each: NEVER if each[0] is None else each[0].at)
    seen = set[str]()
    firsts, others = list[tuple[Span | None, Anomaly]](), list[tuple[Span | None, Anomaly]]()
    for each in moments:
        (others if each[1].kind in seen else firsts).append(each)
        seen.add(each[1].kind)
    return tuple(
        AnomalyView(
            number=number,
            anomaly=anomaly,
            is_first=number < len(firsts),
            checker=_finder_of(anomaly, report),
            rule=rule_broken_by(anomaly.kind),
            span=span,
            drawing=None if anomaly.cycle else draw(history, anomaly.evidence),
            cycle=draw_cycle(anomaly, history),
        )
        for number, (span, anomaly) in enumerate([*firsts, *others][:ANOMALIES_MAX])
    )


def _finder_of(anomaly: Anomaly, report: ReportData) -> str:
    for check in report.checks:
        if isinstance(check.verdict, Invalid) and anomaly in check.verdict.anomalies:
            return check.name
    return ""


def _during(window: Window, faults: tuple[FaultView, ...]) -> tuple[FaultView, ...]:
    return tuple(
        view
        for view in faults
        if view.fault.began <= window.ended and view.fault.ended >= window.began
    )


def _static(name: str) -> str:
    return templating.static("harness.report", name)


@cache
def _environment() -> Environment:
    return templating.environment(
        "harness.report", seconds=_seconds, tone=word, remark=verdict_remark
    )


def _seconds(nanos: int) -> str:
    return f"{nanos / NANOS_PER_SECOND:.3f} s"
