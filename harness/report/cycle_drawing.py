"""A cycle of transactions as markup for the page, in the colours of the page."""

from __future__ import annotations

from typing import Final

from checker.transactions.drawing import Edge, picture
from checker.verdict import Anomaly
from harness.report.wording import describe_answer, describe_call, shortened
from histories.history import History
from histories.op import Op

ANSWER_MAX: Final = 60
STEPS_MAX: Final = 12
"""Larger cycles show nothing; they are told in words."""


def draw_cycle(anomaly: Anomaly, history: History) -> str | None:
    """An ``<svg>`` in which every text is escaped.

    ``None`` if the anomaly is no cycle of this history, or too large a one.
    """
    if not 0 < len(anomaly.cycle) <= STEPS_MAX:
        return None
    try:
        ops = {edge.earlier: history.op(edge.earlier) for edge in anomaly.cycle}
    except KeyError:
        return None
    edges = [
        Edge(edge.earlier, edge.later, shortened(edge.kind), shortened(edge.key))
        for edge in anomaly.cycle
    ]
    texts = {index: _told(op) for index, op in ops.items()}
    return picture(edges, texts, title=shortened(anomaly.explanation))


def _told(op: Op) -> str:
    """One line a step, the answers last."""
    answer = shortened(describe_answer(op.call, op.outcome), ANSWER_MAX)
    return f"op {op.index}, process {op.process}; {describe_call(op.call)}; {answer}"
