"""The drawing keeps the order of calls and answers, and nothing covers anything."""

from __future__ import annotations

import pytest

from harness.report.drawing import OPS_MAX, Bar, draw, offending_index
from histories.call import Indeterminate, Ok, Read, Write
from histories.history import History
from histories.op import FOREVER, Nanos, Op, ProcessId
from tests.harness.report.synthetic import Shape, synthetic_history


def op(index: int, process: int, invoked: int, completed: int) -> Op:
    is_open = completed == FOREVER
    return Op(
        index=index,
        process=ProcessId(process),
        call=Write("x", index) if is_open else Read("x"),
        outcome=Indeterminate("timed out") if is_open else Ok((1,)),
        invoked=Nanos(invoked),
        completed=Nanos(completed),
    )


def right(bar: Bar) -> float:
    return bar.x + bar.width


@pytest.mark.parametrize("seed", range(5))
def test_order_of_calls_and_answers_is_the_order_on_paper(seed: int) -> None:
    history = synthetic_history(seed, Shape(ops=30, seconds=1.0, clients=4))
    evidence = [op.index for op in history.ops]
    drawing = draw(history, evidence)
    assert drawing is not None
    bars = dict(zip(evidence, drawing.bars, strict=True))
    for a in history.ops:
        for b in history.ops:
            if a.completed < b.invoked:
                assert right(bars[a.index]) < bars[b.index].x
            elif b.invoked < a.completed != FOREVER:
                assert bars[b.index].x < right(bars[a.index])


def test_no_two_bars_share_a_place_and_all_fit_the_paper() -> None:
    history = synthetic_history(3, Shape(ops=30, seconds=1.0, clients=4))
    drawing = draw(history, range(30))
    assert drawing is not None
    for number, a in enumerate(drawing.bars):
        assert right(a) <= drawing.width
        assert a.y < drawing.height
        for b in drawing.bars[:number]:
            assert a.y != b.y or right(b) < a.x or right(a) < b.x


def test_the_last_answer_is_the_offending_one() -> None:
    ops = (op(0, 0, 0, FOREVER), op(1, 1, 5, 30), op(2, 2, 6, 20))
    assert offending_index(ops) == 1
    drawing = draw(History.of(ops), (0, 1, 2))
    assert drawing is not None
    assert [bar.css for bar in drawing.bars] == ["open", "offending", ""]
    assert drawing.guides == (drawing.bars[1].x, right(drawing.bars[1]))


def test_without_an_answer_nothing_is_offending() -> None:
    assert offending_index([op(0, 0, 0, FOREVER)]) is None
    drawing = draw(History.of([op(0, 0, 0, FOREVER)]), (0,))
    assert drawing is not None
    assert drawing.guides == ()


def test_long_evidence_keeps_what_completed_last_and_counts_the_rest() -> None:
    ops = [op(i, 0, i * 10, i * 10 + 5) for i in range(OPS_MAX + 3)]
    drawing = draw(History.of(ops), range(len(ops)))
    assert drawing is not None
    assert len(drawing.bars) == OPS_MAX
    assert drawing.left_out == 3
    assert drawing.bars[-1].css == "offending"


def test_evidence_from_elsewhere_draws_nothing() -> None:
    assert draw(History.of([op(0, 0, 0, 1)]), (7,)) is None
