"""Priority queues whose items are told apart: each taking needs a moment without smaller items.

Lee & Mathur, "Efficient decrease-and-conquer linearizability monitoring"
(OOPSLA 2025), for the bound; the criterion is derived in ``decide``.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from checker.linearizability.fast.base import (
    Answer,
    NotApplicable,
    Rows,
    Violation,
    closed_evidence,
    each_once,
    judge,
)
from checker.linearizability.fast.items import (
    CALLS,
    EMPTY,
    FINE,
    ORDER,
    PUT,
    PUT_BY,
    SEARCH,
    TAKE,
    TAKE_BY,
    TAKE_FROM,
    answer_of,
    covering,
    empties_fit,
    moments_without,
    ops_of,
    ops_there,
    pair,
    pair_part,
)
from checker.linearizability.fast.trees import last_of
from checker.linearizability.jit import jit
from checker.linearizability.sorting import ascending, distinct, first_from
from histories.call import Value
from histories.columns import Columns, Int64s

_HINTS: Final = {
    ORDER: "it was taken although something smaller was there all the while",
    EMPTY: "nothing was found although there was something all the while",
}


def decide(columns: Columns) -> Answer:
    """Whether one queue that hands out its smallest item explains the rows, all of one key.

    Covered are items that are all integers or all text, went in once each if
    they came out, takings that found nothing, and indeterminate puts;
    indeterminate takings only if they need not have happened.

    Why it is right.  Go through the items, the smallest first.  Each is there at
    least strictly between the latest moment of its put and the earliest of its
    taking.  Taking it needs a moment at which no smaller item has to be there; at
    the first such moment nothing is lost, for until then some smaller item had to
    be there anyway, so whatever could not bear the one cannot bear the other.
    Larger items hinder nobody.  Ops that found nothing need a moment at which no
    item has to be there.

    Cost: O(n log n): the moments taken up are joined as they come.
    """
    return judge(columns, decide_keys)[0]


def decide_keys(rows: Rows) -> list[Answer]:
    """``decide`` for each key."""
    rank = _ranks(rows)
    if rank is None:
        return [NotApplicable("the items have no order among them")] * rows.keys
    codes = np.zeros(rows.keys, dtype=np.int64)
    named = np.full((rows.keys, 4), -1, dtype=np.int64)
    _decide(
        *(rows.starts, rows.kinds(*CALLS), rows.outcome, rows.invoked, rows.completed),
        *(rows.argument, rows.result, len(rows.values), rank, codes, named),
    )
    return [
        _answer(rows, key, rank, code, core)
        for key, (code, core) in enumerate(zip(codes.tolist(), named.tolist(), strict=True))
    ]


def _ranks(rows: Rows) -> Int64s | None:
    """The position of each item among all that are put in; None if they have no order."""
    named = each_once(rows.argument[rows.argument >= 0])
    values = [rows.values[number] for number in named.tolist()]
    kinds = {type(value) for value in values}
    if kinds - {int} and kinds - {str}:
        return None
    rank = np.full(len(rows.values) + 1, -1, dtype=np.int64)
    rank[named[_ascending(values)]] = np.arange(named.size)
    return rank


def _ascending(values: list[Value]) -> Int64s:
    try:
        return np.argsort(np.array(values, dtype=np.int64), kind="stable")
    except (ValueError, OverflowError):
        order = sorted(range(len(values)), key=values.__getitem__)  # type: ignore[arg-type]
        return np.array(order, dtype=np.int64)


def _answer(rows: Rows, key: int, rank: Int64s, code: int, core: list[int]) -> Answer:
    violation = partial(_violation, rows, key, rank)
    return answer_of(code, core, _HINTS, violation, partial(_witness, rows, key, rank))


def _violation(rows: Rows, key: int, rank: Int64s, code: int, named: list[int]) -> Violation:
    items, _, _ = pair_part(rows, key)
    if code == EMPTY:
        return closed_evidence(ops_there(rows, items, named[0]), named, _HINTS[code])
    taken = items[:, items[TAKE] == named[0]][:, 0]
    of_item = rank[rows.argument[items[PUT]]]
    smaller = items[:, of_item < rank[rows.argument[taken[PUT]]]]
    there = covering(smaller, int(taken[TAKE_FROM]), int(taken[TAKE_BY]))
    return closed_evidence(set(ops_of(smaller, there)), [int(taken[PUT]), named[0]], _HINTS[code])


def _witness(rows: Rows, key: int, rank: Int64s) -> Int64s:
    items, empties, _ = pair_part(rows, key)
    many = items.shape[1]
    of_item = rank[rows.argument[items[PUT]]]
    moments = np.empty(many, dtype=np.int64)
    _take_up(np.ascontiguousarray(items), np.argsort(of_item, kind="stable"), moments)
    found = moments_without(rows, items, empties)
    taken = items[TAKE] >= 0
    puts = np.where(taken, np.minimum(items[PUT_BY], moments), items[PUT_BY])
    brief = taken & (puts == moments)
    ops = np.concatenate((items[PUT], items[TAKE][taken], np.array(empties, np.int64)))
    time = np.concatenate((puts, moments[taken], found))
    # At one moment: what goes, what comes and goes, what finds nothing, what comes.
    step = np.concatenate((np.where(brief, 1, 3), brief[taken], np.full(len(empties), 2)))
    within = np.concatenate((of_item, of_item[taken], np.zeros(len(empties), np.int64)))
    last = np.concatenate((np.zeros(many), np.ones(taken.sum()), np.zeros(len(empties))))
    return np.asarray(ops[np.lexsort((last, within, step, time))])


@jit
def _decide(  # type: ignore[no-untyped-def]
    starts, kind, outcome, invoked, completed, argument, result, values, rank, codes, named
):
    maker = np.full(values + 1, -1, dtype=np.int64)
    taker = np.full(values + 1, -1, dtype=np.int64)
    items = np.empty((6, kind.size), dtype=np.int64)
    empties = np.empty(kind.size, dtype=np.int64)
    unsure = np.empty(kind.size, dtype=np.int64)
    for key in range(starts.size - 1):
        code, many, empty, jokers = pair(
            starts[key], starts[key + 1], kind, outcome, invoked, completed, argument, result,
            maker, taker, items, empties, unsure, named[key],
        )  # fmt: skip
        if code == FINE:
            mine = items[:, :many].copy()
            of_item = np.empty(many, dtype=np.int64)
            for item in range(many):
                of_item[item] = rank[argument[mine[PUT, item]]]
            late = _take_up(mine, ascending(of_item), np.empty(many, dtype=np.int64))
            if late >= 0:
                code, named[key, 0] = ORDER, mine[TAKE, late]
            elif not empties_fit(items, many, empties, empty, invoked, completed, named[key]):
                code = EMPTY
            if code != FINE and jokers > 0:
                code = SEARCH
        codes[key] = code


@jit
def _take_up(items, order, moments):  # type: ignore[no-untyped-def]
    """Fill in the first moment at which each item can be taken; returns one that cannot.

    ``order`` is that of the priorities.  Moments are those at which some item
    begins or ceases to have to be there; ``free`` leads from each to the next at
    which none so far has to be.
    """
    times = distinct(np.concatenate((items[PUT_BY], items[TAKE_FROM])))
    free = np.arange(times.size + 1)
    for at in range(order.size):
        item = order[at]
        end = first_from(times, items[TAKE_FROM, item])
        if items[TAKE, item] >= 0:
            moment = times[last_of(free, end)]
            if moment > items[TAKE_BY, item]:
                return item
            moments[item] = moment
        inside = last_of(free, first_from(times, items[PUT_BY, item]) + 1)
        while inside < end:
            free[inside] = inside + 1
            inside = last_of(free, inside + 1)
    return -1
