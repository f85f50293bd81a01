"""Where everything goes in the drawing of a small sub-history.

The horizontal axis keeps the order of calls and answers, which is all that
linearizability looks at, and not their distances: five calls of one millisecond
spread over a minute would otherwise be five invisible dots.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from harness.report.wording import (
    describe_answer,
    describe_call,
    describe_duration,
    describe_instant,
)
from histories.history import History
from histories.op import FOREVER, Op

OPS_MAX: Final = 40
"""More intervals than this show nothing; the last ones to complete are kept."""

LABEL_MAX: Final = 40
CHAR_PX: Final = 7.3
CAPTION_CHAR_PX: Final = 6.0
STEP_PX: Final = 26.0
PADDING_PX: Final = 10.0
GUTTER_PX: Final = 92.0
ROW_PX: Final = 76.0
BAR_PX: Final = 44.0
TOP_PX: Final = 14.0
OPEN_END_PX: Final = 34.0
WIDTH_MIN_PX: Final = 640.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One operation: its box, and what is written in and under it."""

    x: float
    y: float
    width: float
    call: str
    answer: str
    caption: str
    full: str
    css: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class RowLabel:
    y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """``guides``: the x of the call and the answer of the operation that cannot be explained."""

    width: float
    height: float
    bars: tuple[Bar, ...]
    rows: tuple[RowLabel, ...]
    guides: tuple[float, ...]
    left_out: int


def offending_index(ops: Sequence[Op]) -> int | None:
    """The operation at whose answer the history stops being explicable.

    Of a minimal violation this is the last to complete: linearizability is
    prefix-closed, so without that answer the rest would be fine.
    """
    completed = [op for op in ops if op.completed != FOREVER]
    if not completed:
        return None
    return max(completed, key=lambda op: (op.completed, op.index)).index


def draw(history: History, evidence: Sequence[int]) -> Drawing | None:
    """The sub-history ``evidence`` laid out; ``None`` if it names no operation of the history."""
    named = frozenset(evidence)
    found = [op for op in history.ops if op.index in named]
    if not found:
        return None
    ops = sorted(found, key=lambda op: (op.completed, op.index))[-OPS_MAX:]
    ops.sort(key=lambda op: op.index)
    processes = list(dict.fromkeys(op.process for op in ops))
    row_of = {process: row for row, process in enumerate(processes)}
    place, right = _places(ops)
    offending = offending_index(ops)
    bars = tuple(
        _bar(op, row=row_of[op.process], place=place, right=right, offending=offending)
        for op in ops
    )
    guides = next(
        ((place[op.invoked], place[op.completed]) for op in ops if op.index == offending), ()
    )
    return Drawing(
        width=right + PADDING_PX,
        height=TOP_PX + ROW_PX * len(processes) + PADDING_PX,
        bars=bars,
        rows=tuple(
            RowLabel(TOP_PX + ROW_PX * row + BAR_PX / 2, f"process {process}")
            for process, row in row_of.items()
        ),
        guides=guides,
        left_out=len(found) - len(ops),
    )


def _places(ops: Sequence[Op]) -> tuple[Mapping[int, float], float]:
    """An x for each instant, and the right edge: as tight as the labels allow."""
    instants = sorted({t for op in ops for t in (op.invoked, op.completed) if t != FOREVER})
    place: dict[int, float] = {}
    x = GUTTER_PX
    for instant in instants:
        needed = [place.get(op.invoked, x) + _width_of(op) for op in ops if op.completed == instant]
        x = max([x, *needed])
        place[instant] = x
        x += STEP_PX
    open_ends = [
        place[op.invoked] + _width_of(op) + OPEN_END_PX for op in ops if op.completed == FOREVER
    ]
    return place, max([x, WIDTH_MIN_PX, *open_ends])


def _width_of(op: Op) -> float:
    label = max(len(_cut(describe_call(op.call))), len(_cut(describe_answer(op.call, op.outcome))))
    return max(label * CHAR_PX + 2 * PADDING_PX, len(_caption(op)) * CAPTION_CHAR_PX)


def _bar(
    op: Op, *, row: int, place: Mapping[int, float], right: float, offending: int | None
) -> Bar:
    is_open = op.completed == FOREVER
    x = place[op.invoked]
    end = right if is_open else place[op.completed]
    call = describe_call(op.call)
    answer = describe_answer(op.call, op.outcome)
    return Bar(
        x=x,
        y=TOP_PX + ROW_PX * row,
        width=end - x,
        call=_cut(call),
        answer=_cut(answer),
        caption=_caption(op),
        full=f"operation {op.index}, process {op.process}: {call} {answer}",
        css="offending" if op.index == offending else "open" if is_open else "",
        is_open=is_open,
    )


def _caption(op: Op) -> str:
    if op.completed == FOREVER:
        return f"#{op.index} at {describe_instant(op.invoked)}, may happen any time later"
    took = describe_duration(op.completed - op.invoked)
    return f"#{op.index} at {describe_instant(op.invoked)} for {took}"


def _cut(text: str) -> str:
    return text if len(text) <= LABEL_MAX else text[: LABEL_MAX - 1] + "…"
