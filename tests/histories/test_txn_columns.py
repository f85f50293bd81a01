"""Columns of transactions hold what the operations held."""

from __future__ import annotations

import random

import pytest

from histories.call import Append, Ok, Read, Txn, Write
from histories.errors import MalformedHistory
from histories.history import History
from histories.notation import parse_history
from histories.txn_columns import READ, TxnColumns, to_txn_columns
from tests.checker.transactions.executors import ReadUncommitted, Shape, run


def _read_back(columns: TxnColumns, lists: bool) -> list[list[tuple[object, ...]]]:
    """Per transaction its micro-operations: what, on which key, with which value or answer."""
    rows = []
    for t in range(len(columns.index)):
        row: list[tuple[object, ...]] = []
        for m in range(columns.offset[t], columns.offset[t + 1]):
            key = columns.keys[columns.key[m]]
            if columns.f[m] != READ:
                row.append(("write", key, columns.values[columns.argument[m]]))
                continue
            seen = [
                columns.values[version]
                for version in columns.seen[columns.seen_offset[m] : columns.seen_offset[m + 1]]
            ]
            answer: object = tuple(seen) if lists else seen[0] if seen else None
            row.append(("read", key, answer))
        rows.append(row)
    return rows


def _expected(history: History, lists: bool) -> list[list[tuple[object, ...]]]:
    rows = []
    for op in history.ops:
        assert isinstance(op.call, Txn)
        answers = iter(op.outcome.values if isinstance(op.outcome, Ok) else ())
        row: list[tuple[object, ...]] = []
        for micro in op.call.micro:
            match micro:
                case Read(key=key):
                    row.append(("read", key, next(answers, None) or (() if lists else None)))
                case Append(key=key, element=value) | Write(key=key, value=value):
                    row.append(("write", key, value))
        rows.append(row)
    return rows


@pytest.mark.parametrize("lists", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_the_columns_can_be_read_back(seed: int, lists: bool) -> None:
    shape = Shape(txns=30, lists=lists, unknown=0.2)
    history = run(ReadUncommitted, random.Random(seed), shape)
    columns = to_txn_columns(history.ops, lists=lists)
    assert _read_back(columns, lists) == _expected(history, lists)
    assert columns.invoked.tolist() == [op.invoked for op in history.ops]
    assert columns.completed.tolist() == [op.completed for op in history.ops]


def test_values_of_different_types_are_different_versions() -> None:
    history = parse_history("""
        0: append x 1          [0, 1]
        0: append x true       [2, 3]
        0: append x "1"        [4, 5]
        0: read x -> [1, true, 1.0, "1"]  [6, 7]""")
    columns = to_txn_columns(history.ops, lists=True)
    assert columns.values == (1, True, "1", 1.0)
    assert columns.seen.tolist() == [0, 1, 3, 2]


def test_keys_of_different_stores_are_different_keys() -> None:
    history = parse_history("0: txn a { write x 1 } [0, 1]\n0: write x 1 [2, 3]")
    assert to_txn_columns(history.ops, lists=False).keys == ("a/x", "x")


def test_what_is_no_transaction_is_refused() -> None:
    with pytest.raises(MalformedHistory, match="op 0 is no transaction but Dequeue"):
        to_txn_columns(parse_history("0: dequeue q -> 1 [0, 1]").ops, lists=True)
    with pytest.raises(MalformedHistory, match="op 0 read 1, no list"):
        to_txn_columns(parse_history("0: read x -> 1 [0, 1]").ops, lists=True)
