"""Judging a run from its files alone, so that judging it again says the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from msgspec import structs

from checker.availability import check_availability
from checker.backlog import check_backlog
from checker.base import Budget
from checker.liveness import check_liveness
from checker.raft.invariants import check_traces
from checker.raft.life import ClusterLife, cluster_life
from checker.stats import Stats, stats
from checker.verdict import Verdict, combine
from harness.config import RunRecord
from harness.errors import BadInput
from harness.judging import guarded, judge
from harness.promises import NONE, Promises, promises_of
from harness.store import RunDirectory
from histories.event import Event
from histories.history import History
from histories.journal import read_journal, read_trace
from histories.pairing import history_of
from histories.trace import NodeEvent
from workloads.base import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Everything that can be said of a run; all times are those of its journal.

    ``verdicts`` by checker, in the order in which they are shown.  ``traces`` by node.
    ``warnings``: what was left out, such as a torn last line.
    """

    record: RunRecord
    events: tuple[Event, ...]
    history: History
    verdicts: Mapping[str, Verdict]
    stats: Stats
    life: ClusterLife
    traces: Mapping[str, Sequence[NodeEvent]]
    warnings: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        return combine(self.verdicts.values())


def analyze(run: RunDirectory, budget: Budget) -> Analysis:
    """Read the files of ``run`` and let every checker judge.

    Raises:
        BadInput: ``run.json`` is broken or names an unknown workload.
        HistoryError: The journal or a trace is malformed.
    """
    record = run.read_record()
    try:
        chosen = record.config.made_workload()
    except BadInput as error:
        raise BadInput(f"{run.record}: {error}") from error
    journal = read_journal(run.journal)
    history = history_of(journal)
    traces, warnings = read_traces(run, record)
    if journal.torn is not None:
        warnings.insert(0, f"{journal.file}: {journal.torn}")
    return Analysis(
        record=record,
        events=journal.events,
        history=history,
        verdicts=verdicts_of(
            chosen,
            journal.events,
            history,
            None if record.config.system is not None else traces,
            budget,
            promises=promises_of(record.world),
        ),
        stats=stats(history),
        life=cluster_life(traces),
        traces=traces,
        warnings=tuple(warnings),
    )


def verdicts_of(
    workload: Workload,
    events: Sequence[Event],
    history: History,
    traces: Mapping[str, Sequence[NodeEvent]] | None,
    budget: Budget,
    *,
    promises: Promises = NONE,
) -> dict[str, Verdict]:
    """What every checker says of a run; ``history`` is that of ``events``.

    ``traces``: what the nodes recorded; ``None`` of a system that records nothing for us.
    What they did while faults held is judged only by what they have promised.
    """
    checks = checks_of(workload, events, history, traces, budget, promises=promises)
    return {name: check() for name, check in checks.items()}


def checks_of(
    workload: Workload,
    events: Sequence[Event],
    history: History,
    traces: Mapping[str, Sequence[NodeEvent]] | None,
    budget: Budget,
    *,
    promises: Promises = NONE,
) -> dict[str, Callable[[], Verdict]]:
    """All checks of a run by the name of their checker, to be made by whoever wants to know."""
    checks: dict[str, Callable[[], Verdict]] = {
        checker.name: partial(judge, checker, history, budget) for checker in workload.checkers()
    }
    checks["liveness"] = partial(guarded, lambda: check_liveness(events, traces or {}))
    if traces is None:
        return checks
    checks["raft"] = partial(guarded, lambda: check_traces(traces, budget=budget))
    patience, backlog_max = promises.patience, promises.backlog_max
    if patience is not None:
        checks["availability"] = partial(
            guarded, lambda: check_availability(events, traces, patience)
        )
    if backlog_max is not None:
        checks["backlog"] = partial(guarded, lambda: check_backlog(traces, backlog_max))
    return checks


def read_traces(
    run: RunDirectory, record: RunRecord
) -> tuple[dict[str, Sequence[NodeEvent]], list[str]]:
    """What every node recorded, on the clock of the journal, and what is to be warned of.

    Raises:
        HistoryError: A trace is malformed.
    """
    if record.config.system is not None:
        return {}, []  # Such nodes record nothing for us.
    files = run.traces()
    traces: dict[str, Sequence[NodeEvent]] = {}
    warnings: list[str] = []
    for number in range(record.config.nodes):
        node = f"n{number}"
        if node not in files:
            warnings.append(f"{node} left no trace")
            continue
        trace = read_trace(files[node])
        traces[node] = [
            structs.replace(event, at=event.at - record.clock_origin_ns) for event in trace.events
        ]
        if trace.torn is not None:
            warnings.append(f"{trace.file}: {trace.torn}")
    return traces, warnings
