"""What a report is made from.  Plain values: whoever has them can have a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from checker.raft.life import ClusterLife
from checker.verdict import Anomaly, Verdict
from harness.report.messages import NO_MESSAGES, Messages
from histories.event import Note
from histories.history import History
from histories.op import FOREVER


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one checker said, under the name the user knows it by."""

    name: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportData:
    """Everything one page shows.

    Attributes:
        run_name: The run as the store names it.
        configuration: What determined the run, in the order to be shown.
        replay_command: The line that runs it again, ready to paste.
        verdict: The combined verdict; the page repeats it and never forms its own.
        checks: What it was combined from.
        cluster: What the nodes' traces say, on the clock of the history.
        notes: The journal's notes: phases, nodes that died by themselves.
        messages: Between clients and nodes, those around what went wrong at least.
        trails: Of operations by index, as far as known: whom the client asked, who answered.
    """

    run_name: str
    configuration: Mapping[str, object]
    seed: int
    replay_command: str
    verdict: Verdict
    checks: tuple[CheckResult, ...]
    history: History
    cluster: ClusterLife
    notes: tuple[Note, ...] = ()
    messages: Messages = NO_MESSAGES
    trails: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """When an anomaly was there for all to see, and the interval that shows how it came."""

    at: int
    began: int
    ended: int


def span_of(anomaly: Anomaly, history: History) -> Span | None:
    """``None`` if neither node events nor operations of the history tell."""
    named = frozenset({*anomaly.evidence, *([] if anomaly.culprit is None else [anomaly.culprit])})
    ops = [history.op(index) for index in sorted(named) if index < len(history.ops)]
    answers = [op.completed for op in ops if op.completed != FOREVER]
    at = anomaly.at
    if at is None and ops:
        culprit = next((op for op in ops if op.index == anomaly.culprit), None)
        if culprit is not None and culprit.completed != FOREVER:
            at = culprit.completed
        else:
            at = max(answers, default=max(op.invoked for op in ops))
    if at is None:
        return None
    since = at if anomaly.since is None else anomaly.since
    began = min([at, since, *(op.invoked for op in ops)])
    return Span(at=at, began=began, ended=max([at, *answers]))
