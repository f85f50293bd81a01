"""Databases of known isolation are judged exactly as they were made."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from checker.base import Budget
from checker.transactions.check import judge
from checker.transactions.register import RegisterOptions
from histories.notation import parse_history
from histories.txn_columns import to_txn_columns
from tests.checker.transactions.differential import judged
from tests.checker.transactions.executors import (
    Database,
    Losing,
    ReadCommitted,
    ReadUncommitted,
    Shape,
    SnapshotIsolated,
    Stale,
    WithoutConflicts,
    run,
)

SHAPE = Shape(txns=40, processes=5, keys=4, unknown=0.1, read_back=True)
SEEDS = range(10)


# A list read behind one's own append shows what was there at the commit of neither, where
# updates can get lost; so such databases keep their promise over registers only.
@pytest.mark.parametrize(
    ("database", "lists", "kept", "broken"),
    [
        (Database, True, "strict-serializable", None),
        (Database, False, "strict-serializable", None),
        (SnapshotIsolated, True, "strong-snapshot-isolation", "serializable"),
        (SnapshotIsolated, False, "strong-snapshot-isolation", None),
        (WithoutConflicts, True, None, "update-atomic"),
        (WithoutConflicts, False, "strong-read-committed", "update-atomic"),
        (ReadCommitted, True, None, "snapshot-isolation"),
        (ReadCommitted, False, "strong-read-committed", "snapshot-isolation"),
        (ReadUncommitted, True, None, "read-uncommitted"),
        (ReadUncommitted, False, None, "read-committed"),
        (Stale, True, "serializable", "strict-serializable"),
        (Stale, False, "serializable", "strict-serializable"),
    ],
)
def test_a_database_keeps_what_it_promises_and_no_more(
    database: type[Database], lists: bool, kept: str | None, broken: str | None
) -> None:
    out: Counter[str] = Counter()
    for seed in SEEDS:
        shape = replace(SHAPE, lists=lists, read_back=lists)
        judgement = judged(run(database, random.Random(seed), shape), lists=lists)
        out.update(judgement.ruled_out)
    if kept is not None:
        assert out[kept] == 0
    if broken is not None:
        assert out[broken] > 0


@pytest.mark.parametrize(
    ("database", "kept"),
    [
        (Database, "strict-serializable"),
        (SnapshotIsolated, "strong-snapshot-isolation"),
        (ReadCommitted, "strong-read-committed"),
    ],
)
def test_what_is_rightly_assumed_of_registers_accuses_nobody_wrongly(
    database: type[Database], kept: str
) -> None:
    shape = replace(SHAPE, lists=False, read_back=False, keys=3)
    blind, told = Counter[str](), Counter[str]()
    for seed in SEEDS:
        columns = to_txn_columns(run(database, random.Random(seed), shape).ops, lists=False)
        for assumed, out in (
            (RegisterOptions(), blind),
            (RegisterOptions(sequential_keys=True), told),
            (RegisterOptions(linearizable_keys=True), told),
        ):
            out.update(judge(columns, "wr", Budget(), assumed).ruled_out)
    assert told[kept] == 0
    assert database is Database or told["serializable"] > blind["serializable"]


def test_an_intermediate_version_has_no_successor_by_its_own_writer() -> None:
    text = """
        0: txn { write x 1; write x 2 }            [0, 9]
        1: read x -> 1                             [0, 4]
        1: read x -> 2                             [5, 9]"""
    columns = to_txn_columns(parse_history(text).ops, lists=False)
    judgement = judge(columns, "wr", Budget(), RegisterOptions(linearizable_keys=True))
    assert {finding.kind for finding in judgement.findings} == {"G1b"}


def test_lost_appends_are_found_although_everybody_agrees_on_the_rest() -> None:
    found = [
        judged(run(Losing, random.Random(seed), SHAPE), lists=True).ruled_out for seed in SEEDS
    ]
    assert sum("strict-serializable" in out for out in found) > len(SEEDS) // 2


@pytest.mark.parametrize(
    ("database", "kind"),
    [
        (SnapshotIsolated, "write-skew"),
        (WithoutConflicts, "lost-update"),
        (ReadCommitted, "fractured-read"),
        (ReadCommitted, "G-single"),
        (ReadUncommitted, "G1a"),
        (ReadUncommitted, "G1b"),
        (ReadUncommitted, "G0"),
        (ReadUncommitted, "G1c"),
        (ReadUncommitted, "dirty-update"),
        (Stale, "G-single-realtime"),
    ],
)
def test_a_database_shows_the_anomaly_it_was_made_with(database: type[Database], kind: str) -> None:
    kinds = Counter(
        finding.kind
        for seed in SEEDS
        for finding in judged(run(database, random.Random(seed), SHAPE), lists=True).findings
    )
    assert kinds[kind] > 0, kinds
