"""Small line charts as SVG: no library, no script, readable on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 640
HEIGHT: Final = 360
LEFT, RIGHT, TOP, BOTTOM = 72, 168, 44, 52
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, which colour-blind people can tell apart."""


@dataclass(frozen=True, slots=True)
class Line:
    """Points (x, y) in the order in which they are joined."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Attributes:
    x_log, y_log: Logarithmic; then every value there is above 0.
    x_ticks: Where the horizontal axis is labelled; ``None`` chooses round numbers.
    """

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    x_log: bool = False
    y_log: bool = False
    x_ticks: Sequence[float] | None = None


def svg(chart: Chart) -> str:
    """The picture, as one ``<svg>`` element.

    Raises:
        ValueError: No line has a point.
    """
    points = [point for line in chart.lines for point in line.points]
    if not points:
        raise ValueError(f"{chart.title}: nothing to draw")
    across = _Axis.over([x for x, _ in points], LEFT, WIDTH - RIGHT, chart.x_log, chart.x_ticks)
    up = _Axis.over([y for _, y in points], HEIGHT - BOTTOM, TOP, chart.y_log, None)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        f' font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(chart.title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 24, chart.title, size=14),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, chart.x_label, anchor="middle"),
        f'<text transform="translate(18 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)"'
        f' text-anchor="middle" fill="#333333">{escape(chart.y_label)}</text>',
    ]
    for tick in across.ticks:
        x = across.at(tick)
        parts.append(_rule(x, TOP, x, HEIGHT - BOTTOM))
        parts.append(_text(x, HEIGHT - BOTTOM + 18, _number(tick), anchor="middle"))
    for tick in up.ticks:
        y = up.at(tick)
        parts.append(_rule(LEFT, y, WIDTH - RIGHT, y))
        parts.append(_text(LEFT - 8, y + 4, _number(tick), anchor="end"))
    for rank, line in enumerate(chart.lines):
        parts += _drawn(line, COLOURS[rank % len(COLOURS)], rank, across, up)
    return "\n".join([*parts, "</svg>"]) + "\n"


@dataclass(frozen=True, slots=True)
class _Axis:
    least: float
    most: float
    begin: float
    end: float
    is_log: bool
    ticks: Sequence[float]

    @classmethod
    def over(
        cls,
        values: Sequence[float],
        begin: float,
        end: float,
        is_log: bool,
        ticks: Sequence[float] | None,
    ) -> _Axis:
        if is_log:
            least, most = min(values), max(values)
            low, high = math.floor(math.log10(least)), math.ceil(math.log10(most))
            decades = [10.0**power for power in range(low, max(high, low + 1) + 1)]
            if ticks is not None:
                return cls(least / 1.15, most * 1.15, begin, end, True, ticks)
            return cls(decades[0], decades[-1], begin, end, True, decades)
        most = max(*values, 1e-9)
        step = 10.0 ** math.floor(math.log10(most))
        step = next(s for s in (step / 5, step / 2, step, step * 2) if most / s <= 6)
        count = math.ceil(most / step)
        round_ones = [step * number for number in range(count + 1)]
        return cls(0.0, step * count, begin, end, False, ticks or round_ones)

    def at(self, value: float) -> float:
        if self.is_log:
            share = math.log(value / self.least) / math.log(self.most / self.least)
        else:
            share = (value - self.least) / (self.most - self.least)
        return self.begin + share * (self.end - self.begin)


def _drawn(line: Line, colour: str, rank: int, across: _Axis, up: _Axis) -> list[str]:
    where = [(across.at(x), up.at(y)) for x, y in line.points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in where)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in where]
    y = TOP + 16 + 20 * rank
    x = WIDTH - RIGHT + 14
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *(dots if len(dots) <= 12 else ()),
        f'<line x1="{x}" y1="{y - 4}" x2="{x + 18}" y2="{y - 4}" stroke="{colour}"'
        ' stroke-width="3"/>',
        _text(x + 24, y, line.name),
    ]


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#dddddd"/>'


def _text(x: float, y: float, words: str, *, size: int = 12, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"'
        f' fill="#333333">{escape(words)}</text>'
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:g}"
