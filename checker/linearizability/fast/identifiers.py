"""Identifiers, each given out once."""

from __future__ import annotations

from typing import Final

import numpy as np

from checker.linearizability.fast.base import (
    FAILED,
    OK,
    Answer,
    Linearizable,
    NotApplicable,
    Rows,
    closed_evidence,
    judge,
)
from histories.columns import Columns, Int64s

_CALLS: Final = ("generate-id",)


def decide(columns: Columns) -> Answer:
    """Whether all identifiers answered differ, of rows of one key.

    Why it is right.  Which came first does not matter; any order that respects
    time is a linearization if and only if no two answers are the same.

    Cost: O(n log n).
    """
    return judge(columns, decide_keys)[0]


def decide_keys(rows: Rows) -> list[Answer]:
    """``decide`` for each key."""
    kind = rows.kinds(*_CALLS)
    return [_decide_key(rows, kind, *rows.span(key)) for key in range(rows.keys)]


def _decide_key(rows: Rows, kind: Int64s, low: int, high: int) -> Answer:
    if np.any((kind[low:high] < 0) & (rows.outcome[low:high] != FAILED)):
        return NotApplicable("it is no call for an identifier")
    answered = low + np.flatnonzero(rows.outcome[low:high] == OK)
    given = rows.result[answered]
    order = np.argsort(given, kind="stable")
    again = np.flatnonzero(np.diff(given[order]) == 0)
    if again.size:
        core = answered[order[again[0] : again[0] + 2]].tolist()
        return closed_evidence(set(), core, "both were given the same identifier")
    return Linearizable(lambda: answered)
