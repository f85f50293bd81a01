"""What is drawn, and that its size is bounded."""

from __future__ import annotations

import json

import numpy as np
import pytest

from harness.report import payload
from harness.report.payload import (
    evidence_of,
    faults_payload,
    lanes_of,
    ops_payload,
    sample_of,
    to_script_json,
)
from histories.history import FaultWindow
from histories.op import Nanos
from tests.harness.report.hostile import NASTY
from tests.harness.report.synthetic import Shape, invalid_report, synthetic_history


def test_script_json_parses_back_and_cannot_leave_its_element() -> None:
    text = to_script_json({"texts": list(NASTY)})
    assert json.loads(text) == {"texts": list(NASTY)}
    assert text.isascii()
    assert not set("<>&") & set(text)


def test_a_small_history_is_drawn_whole() -> None:
    history = synthetic_history()
    sample = sample_of(history, history.columns(), frozenset())
    assert sample.ops == history.ops
    assert sample.remark is None


def test_a_large_history_is_thinned_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "TIMELINE_OPS_MAX", 500)
    report = invalid_report()
    evidence = evidence_of(report.verdict)
    columns = report.history.columns()
    sample = sample_of(report.history, columns, evidence)
    kept = {op.index for op in sample.ops}
    odd = set(np.flatnonzero(columns.outcome != 0).tolist())
    assert 400 < len(kept) <= 500
    assert evidence | odd <= kept
    assert sample.remark is not None
    assert f"Shows {len(kept):,} of 3,000 operations" in sample.remark


def test_mostly_unacknowledged_history_is_thinned_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "TIMELINE_OPS_MAX", 40)
    history = synthetic_history()
    columns = history.columns()
    assert int((columns.outcome != 0).sum()) > 20
    assert len(sample_of(history, columns, frozenset()).ops) <= 40


def test_a_new_process_takes_the_row_of_a_retired_one() -> None:
    history = synthetic_history(shape=Shape(clients=5))
    lanes = lanes_of(history.ops)
    assert len({op.process for op in history.ops}) > 5
    assert set(lanes) == set(range(5))


def test_operations_on_one_row_never_overlap() -> None:
    history = synthetic_history()
    busy_until: dict[int, int] = {}
    for op, lane in zip(history.ops, lanes_of(history.ops), strict=True):
        assert busy_until.get(lane, 0) <= op.invoked
        busy_until[lane] = (
            op.invoked if op.outcome.__class__.__name__ == "Indeterminate" else op.completed
        )


def test_columns_are_of_one_length_and_texts_occur_once() -> None:
    history = synthetic_history()
    columns = history.columns()
    table = ops_payload(sample_of(history, columns, frozenset()), frozenset(), columns)
    names = ("index", "process", "lane", "invoked", "completed", "outcome", "call", "answer")
    assert {len(table[name]) for name in names} == {3000}  # type: ignore[arg-type]
    texts = table["texts"]
    assert isinstance(texts, list)
    assert len(set(texts)) == len(texts)


def test_faults_that_overlap_get_rows_of_their_own() -> None:
    def fault(began: int, ended: int) -> FaultWindow:
        return FaultWindow(
            kind="kill",
            nodes=("n0",),
            detail="",
            began=Nanos(began),
            ended=Nanos(ended),
            evidence="",
        )

    rows = faults_payload([fault(0, 10), fault(5, 15), fault(10, 20)], end=100)
    assert [row["row"] for row in rows if isinstance(row, dict)] == [0, 1, 0]
