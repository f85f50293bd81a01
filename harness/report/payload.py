"""The data that the page's scripts draw, as one JSON value of bounded size."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, TypeAlias

import numpy as np

from checker.raft.life import ClusterLife
from checker.stats import Window
from checker.verdict import Invalid, Verdict
from harness.report.data import ReportData
from harness.report.measurements import OK, Series
from harness.report.wording import (
    NANOS_PER_MILLISECOND,
    describe_answer,
    describe_call,
    shortened,
)
from histories.columns import Columns
from histories.history import FaultWindow, History
from histories.op import FOREVER, Op

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

TIMELINE_OPS_MAX: Final = 100_000
"""Operations drawn one by one.  Rates and quantiles are always made from all of them."""

NO_END: Final = -1


def to_script_json(value: Json) -> str:
    """JSON that may stand inside a ``<script>`` element whatever strings it holds.

    Plain ASCII, so that lone surrogates (which msgspec and UTF-8 refuse) survive
    as escapes; no ``<``, ``>`` or ``&``, so that nothing ends or opens an element.
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def evidence_of(verdict: Verdict) -> frozenset[int]:
    """Indices of all operations that some anomaly names."""
    if not isinstance(verdict, Invalid):
        return frozenset()
    return frozenset(index for anomaly in verdict.anomalies for index in anomaly.evidence)


def run_end(data: ReportData) -> int:
    """The last instant at which anything is known to have happened, at least 1 ms.

    Nodes may outlive the run and their clocks are for drawing only, so they are
    asked only where nothing else is known.
    """
    history = data.history
    seen = chain(
        (op.invoked if op.completed == FOREVER else op.completed for op in history.ops),
        (fault.ended for fault in history.faults),
        (note.time for note in data.notes),
    )
    told = chain(
        (lead.until_at for lead in data.cluster.leaderships),
        (boot.at for boot in data.cluster.boots),
    )
    last = max(seen, default=0) or max(told, default=0)
    return max(NANOS_PER_MILLISECOND, last)


@dataclass(frozen=True, slots=True)
class Sample:
    """The operations that are drawn, and in words which ones those are."""

    ops: tuple[Op, ...]
    remark: str | None


def sample_of(history: History, columns: Columns, evidence: frozenset[int]) -> Sample:
    """All operations if there are few; else evidence, the odd ones, and every n-th.

    Odd are those that were not acknowledged, as long as they fill at most half;
    what is left over is thinned evenly.  Deterministic.
    """
    count = len(history.ops)
    if count <= TIMELINE_OPS_MAX:
        return Sample(tuple(history.ops), None)
    chosen = np.isin(columns.index, np.fromiter(evidence, np.int64, len(evidence)))
    odd = columns.outcome != OK
    keeps_odd = int(odd.sum()) <= TIMELINE_OPS_MAX // 2
    if keeps_odd:
        chosen |= odd
    rest = np.flatnonzero(~chosen)
    stride = -(-len(rest) // max(1, TIMELINE_OPS_MAX - int(chosen.sum())))
    chosen[rest[::stride]] = True
    kept = np.flatnonzero(chosen).tolist()
    exceptions = ["the evidence"] if evidence else []
    if keeps_odd:
        exceptions.append("every operation that was not acknowledged")
    remark = (
        f"Shows {len(kept):,} of {count:,} operations: "
        + "".join(f"{exception}, " for exception in exceptions)
        + f"and one in {stride:,} of the rest. Rates, quantiles and counts are made from all."
    )
    return Sample(tuple(history.ops[position] for position in kept), remark)


def lanes_of(ops: Sequence[Op]) -> list[int]:
    """A row for each operation, so that a process takes over the row of a retired one.

    A process stays on its row; a new one takes the row that has been free for
    longest, else a new row.  So there are about as many rows as clients at a time.
    """
    row_of: dict[int, int] = {}
    free: list[int] = []
    lanes: list[int] = []
    rows = 0
    for op in ops:
        row = row_of.get(op.process)
        if row is None:
            if free:
                row = free.pop(0)
            else:
                row, rows = rows, rows + 1
            row_of[op.process] = row
        if op.completed == FOREVER:
            free.append(row)
        lanes.append(row)
    return lanes


class _Strings:
    """Texts that occur once, and their numbers."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    def listed(self) -> list[str]:
        return list(self._numbers)


def ops_payload(sample: Sample, evidence: frozenset[int], columns: Columns) -> dict[str, Json]:
    """One array a column; ``call`` and ``answer`` are indices into ``texts``."""
    texts = _Strings()
    outcome_of = dict(zip(columns.index.tolist(), columns.outcome.tolist(), strict=True))
    ops = sample.ops
    return {
        "index": [op.index for op in ops],
        "process": [int(op.process) for op in ops],
        "lane": list(lanes_of(ops)),
        "invoked": [int(op.invoked) for op in ops],
        "completed": [NO_END if op.completed == FOREVER else int(op.completed) for op in ops],
        "outcome": [outcome_of[op.index] for op in ops],
        "call": [texts.number(describe_call(op.call)) for op in ops],
        "answer": [texts.number(describe_answer(op.call, op.outcome)) for op in ops],
        "texts": texts.listed(),
        "evidence": sorted(evidence),
        "remark": sample.remark,
    }


def faults_payload(faults: Sequence[FaultWindow], end: int) -> list[Json]:
    """In the order of the history; ``row`` is where a strip shows it without overlap."""
    rows_free_from: list[int] = []
    rows: dict[int, int] = {}
    for number, fault in sorted(enumerate(faults), key=lambda pair: (pair[1].began, pair[0])):
        row = next(
            (row for row, free in enumerate(rows_free_from) if free <= fault.began),
            len(rows_free_from),
        )
        rows_free_from[row : row + 1] = [min(fault.ended, end)]
        rows[number] = row
    return [
        {
            "number": number + 1,
            "kind": shortened(fault.kind),
            "nodes": [shortened(node) for node in fault.nodes],
            "detail": shortened(fault.detail),
            "began": int(fault.began),
            "ended": min(int(fault.ended), end),
            "row": rows[number],
        }
        for number, fault in enumerate(faults)
    ]


def cluster_payload(cluster: ClusterLife, end: int) -> dict[str, Json]:
    """The nodes' life with its times cut to the run."""

    def within(at: int) -> int:
        return min(max(at, 0), end)

    return {
        "nodes": [shortened(node) for node in cluster.terms],
        "leaderships": [
            {
                "node": shortened(lead.node),
                "term": lead.term,
                "began": within(lead.from_at),
                "ended": within(lead.until_at),
            }
            for lead in cluster.leaderships
        ],
        "boots": [
            {
                "node": shortened(boot.node),
                "at": within(boot.at),
                "text": f"booted, incarnation {boot.incarnation}, term {boot.term}",
            }
            for boot in cluster.boots
        ],
        "terms": [
            [[within(point.at), point.value] for point in points]
            for points in cluster.terms.values()
        ],
        "commits": commits_payload(
            {
                node: tuple((within(point.at), point.value) for point in points)
                for node, points in cluster.commit_points.items()
            },
            end,
        ),
    }


def commits_payload(commits: Mapping[str, Sequence[tuple[int, int]]], end: int) -> dict[str, Json]:
    """All nodes on one grid of instants: what each last said it had committed, if anything."""
    instants = sorted({end, *(at for points in commits.values() for at, _ in points)})
    grid = np.array(instants, np.int64)
    lines: list[Json] = []
    for points in commits.values():
        known_from = np.fromiter((at for at, _ in points), np.int64, len(points))
        position = np.searchsorted(known_from, grid, side="right") - 1
        lines.append([points[at][1] if at >= 0 else None for at in position.tolist()])
    return {
        "nodes": [shortened(node) for node in commits],
        "at": instants,
        "lines": lines,
    }


def payload_of(
    data: ReportData, columns: Columns, series: Series, unavailable: Sequence[Window], end: int
) -> dict[str, Json]:
    """Everything the scripts read.  All times are nanoseconds since the start of the run."""
    evidence = evidence_of(data.verdict)
    return {
        "end": end,
        "ops": ops_payload(sample_of(data.history, columns, evidence), evidence, columns),
        "faults": faults_payload(data.history.faults, end),
        "series": {
            "width": series.width_ns,
            "rates": series.rates,
            "quantiles": series.quantiles_ns,
        },
        "unavailable": [[window.began, window.ended] for window in unavailable],
        "cluster": cluster_payload(data.cluster, end),
    }
