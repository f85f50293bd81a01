"""Databases of known isolation are judged exactly as they were made."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

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
