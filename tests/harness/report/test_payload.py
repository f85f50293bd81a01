"""What is drawn, and that its size is bounded."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.raft.life import Boot, End
from harness.report import payload
from harness.report.packing import packed
from harness.report.payload import (
    UNKNOWN,
    Texts,
    cluster_payload,
    evidence_of,
    faults_payload,
    keys_of,
    lanes_of,
    ops_payload,
    sample_of,
    to_script_json,
)
from histories.call import Append, Ok, Read, Txn
from histories.history import FaultWindow
from histories.op import FOREVER, Nanos, Op, ProcessId
from tests.harness.report.hostile import NASTY
from tests.harness.report.synthetic import (
    EMPTY_CLUSTER,
    Shape,
    invalid_report,
    synthetic_history,
)
from tests.harness.report.unpacking import unpacked


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


def test_a_row_is_free_again_when_its_process_has_made_its_last_call() -> None:
    def op(index: int, process: int, invoked: int, completed: int) -> Op:
        return Op(
            index=index,
            process=ProcessId(process),
            call=Read("x"),
            outcome=Ok((None,)),
            invoked=Nanos(invoked),
            completed=Nanos(completed),
        )

    ops = [op(0, 0, 0, 10), op(1, 1, 5, 8), op(2, 2, 9, 12), op(3, 1, 11, 13), op(4, 3, 20, 21)]
    assert lanes_of(ops) == [0, 1, 2, 1, 0]


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
    table = ops_payload(sample_of(history, history.columns(), frozenset()), frozenset(), {7: "way"})
    names = ("index", "process", "lane", "invoked", "took", "outcome", "f", "keyset", "call")
    assert {len(unpacked(table[name])) for name in (*names, "answer", "trail")} == {3000}
    texts = table["texts"]
    assert isinstance(texts, list)
    assert len(set(texts)) == len(texts)
    trails = unpacked(table["trail"])
    assert (trails[6], texts[trails[7]]) == (UNKNOWN, "way")


def test_columns_say_what_the_history_says() -> None:
    history = synthetic_history()
    table = ops_payload(sample_of(history, history.columns(), frozenset()), frozenset(), {})
    assert unpacked(table["invoked"]) == [op.invoked for op in history.ops]
    assert unpacked(table["took"]) == [
        UNKNOWN if op.completed == FOREVER else op.completed - op.invoked for op in history.ops
    ]
    keys, keysets = table["keys"], table["keysets"]
    assert isinstance(keys, list)
    assert isinstance(keysets, list)
    told = [[keys[key] for key in keysets[number]] for number in unpacked(table["keyset"])]
    assert told == [[op.call.key] for op in history.ops]


def test_a_transaction_is_about_the_keys_of_its_steps() -> None:
    assert keys_of(Txn("store", (Read("x"), Append("y", 1), Read("x")))) == ("x", "y")
    assert keys_of(Txn("store", ())) == ("store",)


@given(st.lists(st.integers(-(2**52), 2**52)))
def test_packed_columns_are_unpacked_to_what_they_were(values: list[int]) -> None:
    assert unpacked(packed(np.array(values, dtype=np.int64))) == values


def test_a_killed_node_is_down_since_the_fault_and_one_that_stopped_since_it_said_so() -> None:
    def fault(began: int, nodes: tuple[str, ...]) -> FaultWindow:
        return FaultWindow(
            kind="kill",
            nodes=nodes,
            detail="",
            began=Nanos(began),
            ended=Nanos(began + 10),
            evidence="",
        )

    cluster = replace(
        EMPTY_CLUSTER,
        boots=(
            Boot(node="n0", at=0, incarnation=1, term=0),
            Boot(node="n0", at=50, incarnation=2, term=0),
            Boot(node="n1", at=50, incarnation=2, term=0),
        ),
        ends=(
            End(node="n0", at=10, reason=""),
            End(node="n1", at=12, reason="shut down"),
            End(node="n0", at=60, reason=""),
        ),
        terms={"n0": (), "n1": ()},
    )
    faults = [fault(5, ("n0",)), fault(30, ("n0", "n1")), fault(40, ("n9",))]
    nodes = cluster_payload(cluster, faults, Texts(), 100)["nodes"]
    assert isinstance(nodes, list)
    assert [node["down"] for node in nodes] == [
        [[30, 50, ""], [60, 100, ""]],
        [[12, 50, "shut down"]],
    ]


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
    assert [row["lane"] for row in rows if isinstance(row, dict)] == [0, 1, 0]
