"""What the pages show of a run, and of two beside each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from checker.stats import Counts, Latency, stats
from checker.verdict import Invalid, Verdict, combine
from harness.config import RunRecord
from harness.errors import HarnessError
from harness.report.page import verdict_remark
from harness.report.wording import describe_duration
from harness.run_index import NOT_JUDGED, UNREADABLE
from harness.store import RunDirectory
from harness.verdict_file import read_verdicts, sentence, word
from harness.web.files import files_of
from harness.web.progress import is_under_way
from histories.errors import HistoryError
from histories.history import FaultWindow, History
from histories.journal import read_journal
from histories.pairing import history_of

JOURNAL_BYTES_MAX: Final = 64 << 20
"""A larger one is not read for a page: that would take too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What one checker said; ``kinds``: of its anomalies, with how many there are."""

    name: str
    verdict: str
    remark: str
    kinds: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One kind of operation: how many, and how long the answered ones took."""

    f: str
    ok: int
    failed: int
    unknown: int
    p50: str
    p99: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """``problems``: what of the run could not be read."""

    name: str
    title: str
    verdict: str
    sentence: str
    record: RunRecord | None
    configuration: Mapping[str, str]
    checks: tuple[Check, ...]
    measured: tuple[Measured, ...]
    faults: tuple[FaultWindow, ...]
    files: tuple[str, ...]
    has_report: bool
    under_way: bool
    problems: tuple[str, ...]


def page_of(run: RunDirectory) -> RunPage:
    """All that fits on a page; whatever is broken is said on it, and the rest is shown."""
    problems: list[str] = []
    record, verdicts, history = None, None, None
    try:
        record = run.read_record()
    except HarnessError as error:
        problems.append(str(error))
    try:
        verdicts = read_verdicts(run.verdict) if run.verdict.exists() else None
    except HarnessError as error:
        problems.append(str(error))
    under_way = is_under_way(run)
    try:
        history = None if under_way else _history(run)
    except (HistoryError, HarnessError) as error:
        problems.append(str(error))
    verdict = None if verdicts is None else combine(verdicts.values())
    return RunPage(
        name=f"{run.path.parent.name}/{run.path.name}",
        title=run.path.name,
        verdict=_word(verdict, problems),
        sentence=_sentence(verdict, problems, under_way=under_way),
        record=record,
        configuration={} if record is None else _configuration(record),
        checks=tuple(_check(*item) for item in (verdicts or {}).items()),
        measured=() if history is None else _measured(history),
        faults=() if history is None else tuple(history.faults),
        files=files_of(run.path),
        has_report=run.report.is_file(),
        under_way=under_way,
        problems=tuple(problems),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One thing that two runs have or lack.  ``differs``: in a way that means something."""

    name: str
    left: str
    right: str
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    left: RunPage
    right: RunPage
    configuration: tuple[Row, ...]
    checks: tuple[Row, ...]
    measured: tuple[Row, ...]
    faults: tuple[Row, ...]


def compared(left: RunPage, right: RunPage) -> Comparison:
    """What is alike in two runs and what is not."""
    return Comparison(
        left=left,
        right=right,
        configuration=_rows(left.configuration, right.configuration, lambda text: text),
        checks=_rows(_checks(left), _checks(right), lambda text: text.partition(":")[0]),
        measured=_rows(_operations(left), _operations(right), lambda _: ""),
        faults=_rows(_fault_counts(left), _fault_counts(right), lambda text: text),
    )


def _history(run: RunDirectory) -> History | None:
    if not run.journal.is_file() or run.journal.stat().st_size > JOURNAL_BYTES_MAX:
        return None
    return history_of(read_journal(run.journal))


def _word(verdict: Verdict | None, problems: list[str]) -> str:
    if verdict is not None:
        return word(verdict)
    return UNREADABLE if problems else NOT_JUDGED


def _sentence(verdict: Verdict | None, problems: list[str], *, under_way: bool) -> str:
    if verdict is not None:
        return sentence(verdict)
    if problems:
        return problems[0]
    return "It is under way." if under_way else "It was broken off, or nobody has judged it yet."


def _configuration(record: RunRecord) -> dict[str, str]:
    config = record.config
    options = ", ".join(f"{name}={setting}" for name, setting in config.options.items())
    return {
        "started": record.started,
        "world": "live" if record.world is None else "simulated",
        "workload": config.workload,
        "options": options or "default",
        "system": config.system or "gossip-Raft",
        "nodes": str(config.nodes),
        "faults": ", ".join(config.faults) or "none",
        "time": f"{config.time_s:g} s",
        "clients": str(config.concurrency),
        "rate": f"{config.rate_hz:g} operations a second",
        "client time-out": f"{config.operation_timeout_ms} ms",
        "reads": config.reads,
        "bug": config.bug or "none",
        "seed": str(config.seed),
        "code": record.commit or "unknown",
        "campaign": record.campaign or "none",
    }


def _check(name: str, verdict: Verdict) -> Check:
    kinds: Counter[str] = Counter()
    if isinstance(verdict, Invalid):
        kinds.update(anomaly.kind for anomaly in verdict.anomalies)
    return Check(
        name=name,
        verdict=word(verdict),
        remark=verdict_remark(verdict),
        kinds=tuple(kinds.items()),
    )


def _measured(history: History) -> tuple[Measured, ...]:
    found = stats(history)
    return tuple(_line(f, counts, found.latency.get(f)) for f, counts in found.by_function.items())


def _line(f: str, counts: Counts, latency: Latency | None) -> Measured:
    return Measured(
        f=f,
        ok=counts.ok,
        failed=counts.failed,
        unknown=counts.unknown,
        p50="" if latency is None else describe_duration(latency.p50),
        p99="" if latency is None else describe_duration(latency.p99),
    )


def _rows(
    left: Mapping[str, str], right: Mapping[str, str], meaning: Callable[[str], str]
) -> tuple[Row, ...]:
    """``meaning``: as much of a text as matters; times differ from run to run anyway."""
    pairs = [(name, left.get(name, ""), right.get(name, "")) for name in {**left, **right}]
    return tuple(
        Row(name=name, left=one, right=other, differs=meaning(one) != meaning(other))
        for name, one, other in pairs
    )


def _checks(page: RunPage) -> dict[str, str]:
    return {check.name: f"{check.verdict}: {check.remark}" for check in page.checks}


def _operations(page: RunPage) -> dict[str, str]:
    return {
        one.f: f"{one.ok:,} answered, {one.failed:,} refused, {one.unknown:,} unknown"
        + (f"; p50 {one.p50}, p99 {one.p99}" if one.p50 else "")
        for one in page.measured
    }


def _fault_counts(page: RunPage) -> dict[str, str]:
    return {kind: f"{count:,}" for kind, count in Counter(f.kind for f in page.faults).items()}
