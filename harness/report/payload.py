"""The data that the page's scripts draw, as one JSON value of bounded size."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import chain
from typing import Final, TypeAlias, TypeVar

import numpy as np

from checker.raft.life import FOLLOWER, ClusterLife, Point
from checker.stats import Window
from checker.verdict import Anomaly, Invalid, Verdict
from harness.report.data import ReportData, Span, span_of
from harness.report.measurements import OK, Series, series_by_function, series_of
from harness.report.messages import CLIENTS, KINDS, Messages
from harness.report.packing import packed
from harness.report.wording import (
    NANOS_PER_MILLISECOND,
    describe_answer,
    describe_call,
    shortened,
)
from histories.call import Call, Txn, function_of
from histories.columns import Columns, outcome_number
from histories.history import FaultWindow, History
from histories.op import FOREVER, Op
from nemesis.partition import cuts_in

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"

TIMELINE_OPS_MAX: Final = 100_000
"""Operations drawn one by one.  Rates and quantiles are always made from all of them."""

UNKNOWN: Final = -1
"""Of a latency: nobody answered; of a text or a moment: there is none."""

REMARK_MAX: Final = 1_000
DOWN: Final = "down"
ROLES: Final = (FOLLOWER, "pre_candidate", "candidate", "leader", DOWN)

T = TypeVar("T")


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
    """A row for each operation, so that a process takes over the row of one that is over.

    A process stays on its row; a new one takes the row that has been free for
    longest, else a new row.  So there are about as many rows as clients at a time.
    """
    last_of = {op.process: op.index for op in ops}
    row_of: dict[int, int] = {}
    free: list[tuple[int, int]] = []
    lanes: list[int] = []
    rows = 0
    for op in ops:
        row = row_of.get(op.process)
        if row is None:
            if free and free[0][0] <= op.invoked:
                _, row = heappop(free)
            else:
                row, rows = rows, rows + 1
            row_of[op.process] = row
        if op.completed == FOREVER:
            heappush(free, (op.invoked, row))
        elif last_of[op.process] == op.index:
            heappush(free, (op.completed, row))
        lanes.append(row)
    return lanes


class Texts:
    """Texts that occur once, and their numbers."""

    def __init__(self, known: Sequence[str] = ()) -> None:
        self._numbers = {text: number for number, text in enumerate(known)}

    def number(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    def listed(self) -> list[str]:
        return list(self._numbers)


def _packed(values: Iterable[int]) -> str:
    return packed(np.fromiter(values, np.int64))


def keys_of(call: Call) -> tuple[str, ...]:
    """What an operation is about: of a transaction the keys of its steps."""
    if isinstance(call, Txn):
        return tuple(dict.fromkeys(step.key for step in call.micro)) or (call.key,)
    return (call.key,)


def ops_payload(
    sample: Sample, evidence: frozenset[int], trails: Mapping[int, str]
) -> dict[str, Json]:
    """One packed column a property; ``call``, ``answer``, ``trail`` are indices into ``texts``."""
    ops = sample.ops
    texts, keys, fs = Texts(), Texts(), Texts()
    keysets: dict[tuple[int, ...], int] = {}

    def keyset(call: Call) -> int:
        numbers = tuple(keys.number(shortened(key)) for key in keys_of(call))
        return keysets.setdefault(numbers, len(keysets))

    def trail(op: Op) -> int:
        said = trails.get(op.index)
        return UNKNOWN if said is None else texts.number(shortened(said))

    columns: dict[str, Iterable[int]] = {
        "index": (op.index for op in ops),
        "process": (int(op.process) for op in ops),
        "lane": lanes_of(ops),
        "invoked": (op.invoked for op in ops),
        "took": (UNKNOWN if op.completed == FOREVER else op.completed - op.invoked for op in ops),
        "outcome": (outcome_number(op.outcome) for op in ops),
        "f": (fs.number(function_of(op.call)) for op in ops),
        "keyset": (keyset(op.call) for op in ops),
        "call": (texts.number(describe_call(op.call)) for op in ops),
        "answer": (texts.number(describe_answer(op.call, op.outcome)) for op in ops),
        "trail": (trail(op) for op in ops),
    }
    return {
        "count": len(ops),
        **{name: _packed(values) for name, values in columns.items()},
        "fs": fs.listed(),
        "keys": keys.listed(),
        "keysets": [list(numbers) for numbers in keysets],
        "texts": texts.listed(),
        "evidence": sorted(evidence),
        "remark": sample.remark,
    }


def faults_payload(faults: Sequence[FaultWindow], end: int) -> list[Json]:
    """In the order of the history; ``lane`` is where it is shown without overlapping others."""
    lanes_free_from: list[int] = []
    lanes: dict[int, int] = {}
    for number, fault in sorted(enumerate(faults), key=lambda pair: (pair[1].began, pair[0])):
        lane = next(
            (lane for lane, free in enumerate(lanes_free_from) if free <= fault.began),
            len(lanes_free_from),
        )
        lanes_free_from[lane : lane + 1] = [min(fault.ended, end)]
        lanes[number] = lane
    return [
        {
            "number": number + 1,
            "kind": shortened(fault.kind),
            "nodes": [shortened(node) for node in fault.nodes],
            "detail": shortened(fault.detail),
            "began": int(fault.began),
            "ended": min(int(fault.ended), end),
            "lane": lanes[number],
            "cuts": [[link.source, link.target] for link in cuts_in(fault.detail)],
        }
        for number, fault in enumerate(faults)
    ]


def cluster_payload(
    cluster: ClusterLife, faults: Sequence[FaultWindow], names: Texts, end: int
) -> dict[str, Json]:
    """The nodes' life with its times cut to the run; sources are numbers in ``names``."""
    roles = Texts(ROLES)

    def track(points: Sequence[Point[T]], number: Callable[[T], int]) -> dict[str, Json]:
        return {
            "at": _packed(min(max(point.at, 0), end) for point in points),
            "value": _packed(number(point.value) for point in points),
        }

    nodes: list[Json] = []
    for node in cluster.terms:
        names.number(shortened(node))
        logs = cluster.logs.get(node, ())
        down = list(_down(node, cluster, faults, end))
        nodes.append(
            {
                "name": shortened(node),
                "boots": [
                    [min(max(boot.at, 0), end), boot.incarnation, boot.term]
                    for boot in cluster.boots
                    if boot.node == node
                ],
                "down": [[began, until, reason] for began, until, reason in down],
                "roles": track(_with_ends(cluster.roles.get(node, ()), down), roles.number),
                "terms": track(cluster.terms[node], int),
                "commits": track(cluster.commit_points.get(node, ()), int),
                "logIndex": track(logs, lambda last: last[0]),
                "logTerm": track(logs, lambda last: last[1]),
                "sources": track(
                    cluster.sources.get(node, ()), lambda source: names.number(shortened(source))
                ),
            }
        )
    return {"roles": [shortened(role) for role in roles.listed()], "nodes": nodes}


def _down(
    node: str, cluster: ClusterLife, faults: Sequence[FaultWindow], end: int
) -> Iterator[tuple[int, int, str]]:
    """From when to when a node was down, and what it said about it.

    A node that was killed cannot say when: it is taken to be down since the fault on it
    that began last before it started again, or since its last event.
    """
    boots = [boot.at for boot in cluster.boots if boot.node == node]
    for last in (each for each in cluster.ends if each.node == node):
        again = next((at for at in boots if at > last.at), end)
        blows = (
            fault.began
            for fault in faults
            if node in fault.nodes and last.at < fault.began <= again
        )
        began = last.at if last.reason else max(blows, default=last.at)
        if began < end and again > 0:
            yield max(began, 0), min(again, end), shortened(last.reason)


def _with_ends(
    roles: Sequence[Point[str]], down: Sequence[tuple[int, int, str]]
) -> Sequence[Point[str]]:
    """A node that is down has no role; one that starts again follows."""
    changes = [
        point for began, until, _ in down for point in (Point(began, DOWN), Point(until, FOLLOWER))
    ]
    changes += [
        point for point in roles if not any(began <= point.at < until for began, until, _ in down)
    ]
    return sorted(changes, key=lambda point: point.at)


def messages_payload(messages: Messages, names: Texts) -> dict[str, Json]:
    """One packed column a property; who and whom are numbers in ``names``."""
    texts, kinds = Texts(), Texts(KINDS)
    arrows = messages.arrows
    columns: dict[str, Iterable[int]] = {
        "departed": (arrow.departed for arrow in arrows),
        "took": (
            UNKNOWN if arrow.arrived is None else arrow.arrived - arrow.departed for arrow in arrows
        ),
        "source": (names.number(shortened(arrow.source)) for arrow in arrows),
        "target": (names.number(shortened(arrow.target)) for arrow in arrows),
        "kind": (kinds.number(arrow.kind) for arrow in arrows),
        "text": (texts.number(shortened(arrow.text)) for arrow in arrows),
    }
    return {
        **{name: _packed(values) for name, values in columns.items()},
        "kinds": kinds.listed(),
        "texts": texts.listed(),
        "remark": shortened(messages.remark, REMARK_MAX),
    }


def anomalies_payload(anomalies: Sequence[Anomaly], history: History, end: int) -> list[Json]:
    """Those that can be pointed at carry their moment; the others say -1."""
    listed: list[Json] = []
    for anomaly in anomalies:
        span = span_of(anomaly, history) or Span(UNKNOWN, UNKNOWN, UNKNOWN)
        listed.append(
            {
                "kind": shortened(anomaly.kind),
                "at": min(span.at, end),
                "from": min(span.began, end),
                "to": min(span.ended, end),
                "evidence": list(anomaly.evidence),
                "culprit": anomaly.culprit,
                "order": list(anomaly.order),
                "nodes": [shortened(node) for node in anomaly.nodes],
                "states": [
                    shortened(line) for line in anomaly.details if line.startswith("possible state")
                ],
            }
        )
    return listed


def series_payload(columns: Columns, end: int) -> dict[str, Json]:
    def plain(name: str, series: Series) -> Json:
        return {"name": name, "rates": series.rates, "quantiles": series.quantiles_ns}

    whole = series_of(columns, end)
    return {
        "width": whole.width_ns,
        "all": plain("all", whole),
        "functions": [plain(f, series) for f, series in series_by_function(columns, end).items()],
    }


def payload_of(
    data: ReportData,
    anomalies: Sequence[Anomaly],
    columns: Columns,
    unavailable: Sequence[Window],
    end: int,
) -> dict[str, Json]:
    """Everything the scripts read.  All times are nanoseconds since the start of the run.

    ``anomalies`` are those that the page shows, in its order.
    """
    evidence = evidence_of(data.verdict)
    sample = sample_of(data.history, columns, evidence)
    names = Texts()
    cluster = cluster_payload(data.cluster, data.history.faults, names, end)
    names.number(CLIENTS)
    messages = messages_payload(data.messages, names)
    return {
        "end": end,
        "ops": ops_payload(sample, evidence, data.trails),
        "faults": faults_payload(data.history.faults, end),
        "series": series_payload(columns, end),
        "unavailable": [[window.began, window.ended] for window in unavailable],
        "anomalies": anomalies_payload(anomalies, data.history, end),
        "cluster": {**cluster, "names": names.listed()},
        "messages": messages,
    }
