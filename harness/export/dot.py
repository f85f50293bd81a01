"""What an invalid verdict rests on, as graphs for Graphviz.

One graph for each anomaly that operations show: a cycle of dependencies with its edges, or
the operations of the evidence in real time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final

from checker.verdict import Anomaly
from histories.history import History
from histories.notation import clock_for, describe_call, describe_outcome
from histories.op import Op

TITLE_WIDTH: Final = 80

_COLOURS: Final = {"ww": "#1e8449", "wr": "#2471a3", "rw": "#c0392b"}


def dot(history: History, anomalies: Sequence[Anomaly]) -> Iterator[str]:
    """The lines of a digraph with a cluster for each of ``anomalies``."""
    yield "digraph evidence {"
    yield '  node [shape=box, fontname="monospace"]; edge [fontname="monospace"];'
    for number, anomaly in enumerate(anomalies):
        if not anomaly.evidence:
            continue
        ops = [history.op(index) for index in anomaly.evidence]
        yield f"  subgraph cluster_{number} {{"
        title = "\n".join(wrap(f"{anomaly.kind}: {anomaly.explanation}", TITLE_WIDTH))
        yield f"    label={_quoted(title)};"
        yield from (f"    {line}" for line in _nodes(number, ops, anomaly.culprit))
        yield from (f"    {line}" for line in _edges(number, ops, anomaly))
        yield "  }"
    yield "}"


def _nodes(number: int, ops: Sequence[Op], culprit: int | None) -> Iterator[str]:
    clock = clock_for(ops)
    for op in ops:
        text = (
            f"op {op.index}, process {op.process}\n{describe_call(op.call)}\n"
            f"{describe_outcome(op.call, op.outcome)}\nfrom {clock(op.invoked)}"
        )
        colour = ", color=red, penwidth=2" if op.index == culprit else ""
        yield f"a{number}_{op.index} [label={_quoted(text)}{colour}];"


def _edges(number: int, ops: Sequence[Op], anomaly: Anomaly) -> Iterator[str]:
    if anomaly.cycle:
        for edge in anomaly.cycle:
            label = f"{edge.kind} {edge.key}".strip()
            style = (
                f"color={_quoted(_COLOURS[edge.kind])}" if edge.kind in _COLOURS else "style=dashed"
            )
            why = _quoted(edge.why)
            yield (
                f"a{number}_{edge.earlier} -> a{number}_{edge.later}"
                f" [label={_quoted(label)}, {style}, tooltip={why}];"
            )
        return
    for earlier, later in _immediately_before(ops):
        yield f"a{number}_{earlier.index} -> a{number}_{later.index} [style=dashed, label=before];"


def _immediately_before(ops: Sequence[Op]) -> Iterator[tuple[Op, Op]]:
    """Real-time order without what follows from it (an interval order's covering pairs)."""
    for later in ops:
        before = [op for op in ops if op.completed < later.invoked]
        newest = max((op.invoked for op in before), default=0)
        yield from ((op, later) for op in before if op.completed >= newest)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
