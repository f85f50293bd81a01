"""A cycle of transactions as a picture (SVG), for files and reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import networkx as nx

from checker.transactions.anomalies import Finding
from checker.transactions.cycle_classes import EDGE_NAMES
from checker.transactions.words import Words

_LINE: Final = 16
_CHARACTER: Final = 7.3
_MARGIN: Final = 24
_GAP: Final = 80
_BOLD: Final = ' font-weight="bold"'
_STYLE: Final = """
text { font: 12px monospace; fill: #222; }
.label { paint-order: stroke; stroke: #fff; stroke-width: 4px; }
rect { fill: #f6f6f2; stroke: #555; }
line { stroke: #555; stroke-width: 1.5; }
.rw { stroke: #c0392b; } .wr { stroke: #2471a3; } .ww { stroke: #1e8449; }
.process, .realtime { stroke-dasharray: 5 3; }
"""


@dataclass(frozen=True, slots=True)
class Edge:
    """From transaction to transaction; ``kind`` is one of ``EDGE_NAMES``."""

    src: int
    dst: int
    kind: str
    key: str


class _Box:
    """A transaction: its name, then one line a step."""

    def __init__(self, name: str, text: str) -> None:
        self.lines = [name, *text.split("; ")]
        self.width = max(map(len, self.lines)) * _CHARACTER + 16
        self.height = len(self.lines) * _LINE + 12
        self.x = self.y = 0.0

    def edge_towards(self, x: float, y: float) -> tuple[float, float]:
        """Where the line from the middle to that point leaves the box."""
        dx, dy = x - self.x, y - self.y
        stretch = max(abs(dx) / (self.width / 2), abs(dy) / (self.height / 2))
        return (self.x + dx / stretch, self.y + dy / stretch) if stretch else (self.x, self.y)

    def svg(self) -> str:
        left, top = self.x - self.width / 2, self.y - self.height / 2
        rows = "".join(
            f'<text x="{left + 8:.1f}" y="{top + 6 + _LINE * (number + 0.75):.1f}"'
            f"{_BOLD if number == 0 else ''}>{escape(line)}</text>"
            for number, line in enumerate(self.lines)
        )
        return (
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{self.width:.1f}" '
            f'height="{self.height:.1f}" rx="4"/>{rows}'
        )


def draw(finding: Finding, words: Words) -> str:
    """An SVG document of a finding that is a cycle; the same finding, the same text.

    Raises:
        ValueError: The finding is no cycle.
    """
    if not finding.steps:
        raise ValueError(f"{finding.kind} is no cycle")
    edges = [
        Edge(step.src, step.dst, EDGE_NAMES[step.kind], "" if step.key < 0 else words.key(step.key))
        for step in finding.steps
    ]
    texts = {step.src: words.txn(step.src) for step in finding.steps}
    return picture(edges, texts, title=finding.sentence, style=_STYLE) + "\n"


def picture(edges: Sequence[Edge], texts: Mapping[int, str], *, title: str, style: str = "") -> str:
    """The ``<svg>`` of a cycle, one box a transaction: T1, T2 ... in the order of ``edges``.

    Args:
        edges: Each begins where the last one ended.
        texts: What each transaction did, its steps separated by "; ".
        title: What it is called.
        style: Rules for its elements; without, those of the page around it.
    """
    boxes = {
        edge.src: _Box(f"T{number}", texts[edge.src]) for number, edge in enumerate(edges, start=1)
    }
    _place(boxes, edges)
    width = max(box.x + box.width / 2 for box in boxes.values()) + _MARGIN
    height = max(box.y + box.height / 2 for box in boxes.values()) + _MARGIN
    arrows = "".join(_arrow(edge, boxes) for edge in edges)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}"><title>{escape(title)}</title>'
        f"{style and f'<style>{style}</style>'}"
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>'
        f"{arrows}{''.join(box.svg() for box in boxes.values())}</svg>"
    )


def _place(boxes: Mapping[int, _Box], edges: Sequence[Edge]) -> None:
    """On an ellipse in the order of the cycle, wide enough that no two boxes touch.

    Neighbours on a circle of chord 1 are apart by 1 / sqrt(2) at least in one direction;
    two alone are so by all of it.
    """
    graph: nx.DiGraph[int] = nx.DiGraph((edge.src, edge.dst) for edge in edges)
    layout = nx.circular_layout(graph)
    chords = (1.0 if len(boxes) == 2 else math.sqrt(2)) / math.sin(math.pi / max(2, len(boxes)))
    across = (max(box.width for box in boxes.values()) + _GAP) * chords / 2
    down = (max(box.height for box in boxes.values()) + _GAP) * chords / 2
    for txn, box in boxes.items():
        box.x, box.y = float(layout[txn][0]) * across, float(layout[txn][1]) * down
    left = min(box.x - box.width / 2 for box in boxes.values())
    top = min(box.y - box.height / 2 for box in boxes.values())
    for box in boxes.values():
        box.x += _MARGIN - left
        box.y += _MARGIN - top


def _arrow(edge: Edge, boxes: Mapping[int, _Box]) -> str:
    """From box to box, beside the straight line so that two opposite ones differ."""
    one, other = boxes[edge.src], boxes[edge.dst]
    length = math.hypot(other.x - one.x, other.y - one.y) or 1.0
    aside_x, aside_y = (one.y - other.y) / length * 10, (other.x - one.x) / length * 10
    x1, y1 = one.edge_towards(other.x, other.y)
    x2, y2 = other.edge_towards(one.x, one.y)
    x1, y1, x2, y2 = x1 + aside_x, y1 + aside_y, x2 + aside_x, y2 + aside_y
    label = f"{edge.kind} {edge.key}".rstrip()
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return (
        f'<line class="{escape(edge.kind)}" {ends} '
        f'marker-end="url(#head)"/><text class="label" x="{(x1 + x2) / 2:.1f}" '
        f'y="{(y1 + y2) / 2 + 4:.1f}" text-anchor="middle">{escape(label)}</text>'
    )
