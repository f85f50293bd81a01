"""Stacks whose items are told apart: peel off what can lie at the bottom, again and again.

Abdulla, Grahn, Jonsson, Krishna & Mishra, "Efficient linearizability monitoring"
(PLDI 2025), in quadratic time; Lee & Mathur, "Efficient decrease-and-conquer
linearizability monitoring" (OOPSLA 2025), in O(n log n).
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from checker.linearizability.fast.base import (
    START,
    Answer,
    Rows,
    Violation,
    closed_evidence,
    judge,
    shrunk,
)
from checker.linearizability.fast.items import (
    CALLS,
    EMPTY,
    FINE,
    ORDER,
    PUT,
    PUT_BY,
    PUT_FROM,
    SEARCH,
    TAKE,
    TAKE_BY,
    TAKE_FROM,
    answer_of,
    empties_fit,
    moments_without,
    ops_of,
    ops_there,
    pair,
    pair_part,
)
from checker.linearizability.fast.trees import (
    NOWHERE,
    add,
    first_zero,
    greatest,
    last_of,
    put,
    tree_of,
    tree_of_sums,
)
from checker.linearizability.jit import jit
from checker.linearizability.sorting import ascending, first_from
from histories.columns import Columns, Int64s

_HINTS: Final = {
    ORDER: "none of these items can have been below all others all the while",
    EMPTY: "nothing was found although there was something all the while",
}


def decide(columns: Columns) -> Answer:
    """Whether one stack explains the rows, all of one key.

    Covered are items that went in once each if they came out, takings that found
    nothing, and indeterminate puts; indeterminate takings only if they need not
    have happened.

    Why it is right.  An item that need not be there at any moment can go in and
    come out at once, whatever else the stack holds.  The others have to be there
    in intervals.  At a moment outside all of them the stack may as well be empty:
    what is linearizable stays so without some items, so the items before and those
    after that moment can be arranged one after the other.  Between two such
    moments some item lies at the bottom all the while: nothing may have to happen
    before it went in or after it came out.  An item of which that is true can go
    in first and come out last around any arrangement of the others, so it does not
    matter which is taken away before looking at the rest.

    Cost: O(n log n).
    """
    return judge(columns, decide_keys)[0]


def decide_keys(rows: Rows) -> list[Answer]:
    """``decide`` for each key."""
    codes = np.zeros(rows.keys, dtype=np.int64)
    named = np.full((rows.keys, 4), -1, dtype=np.int64)
    _decide(
        *(rows.starts, rows.kinds(*CALLS), rows.outcome, rows.invoked, rows.completed),
        *(rows.argument, rows.result, len(rows.values), codes, named),
    )
    return [
        _answer(rows, key, code, core)
        for key, (code, core) in enumerate(zip(codes.tolist(), named.tolist(), strict=True))
    ]


def _answer(rows: Rows, key: int, code: int, core: list[int]) -> Answer:
    return answer_of(
        code, core, _HINTS, partial(_violation, rows, key), partial(_witness, rows, key)
    )


def _violation(rows: Rows, key: int, code: int, named: list[int]) -> Violation:
    items, _, _ = pair_part(rows, key)
    if code == EMPTY:
        return closed_evidence(ops_there(rows, items, named[0]), named[:1], _HINTS[code])
    items = items[:, _unstacked(items)[1]]
    chosen = shrunk(
        list(range(items.shape[1])), lambda some: bool(_unstacked(items[:, some])[1].size)
    )
    return closed_evidence(set(), ops_of(items, chosen), _HINTS[code])


def _unstacked(items: Int64s) -> tuple[Int64s, Int64s, Int64s]:
    """A legal order of the items, and those that have none.

    Returns:
        In order, item + 1 where it goes in and -1 - item where it comes out; the
        items of a piece without bottom; and for each step that goes in with
        nothing below the moment from which on something has to be there.
    """
    held = np.flatnonzero(items[PUT_BY] < items[TAKE_FROM])
    held = held[np.argsort(items[PUT_BY, held], kind="stable")]
    steps, since = np.empty((2, 2 * held.size), dtype=np.int64)
    mine = np.ascontiguousarray(items[:, held])
    count, low, high = _unstack(mine, steps, since)
    left = held[low:high][mine[PUT, low:high] >= 0]
    done = steps[:count]
    items_done = held[np.abs(done) - 1]
    return np.where(done > 0, items_done + 1, -1 - items_done), left, since[:count]


def _witness(rows: Rows, key: int) -> Int64s:
    items, empties, _ = pair_part(rows, key)
    found = moments_without(rows, items, empties)
    order = np.argsort(found, kind="stable")
    steps, _, since = _unstacked(items)
    item = np.abs(steps) - 1
    goes_in = steps > 0
    ops = np.where(goes_in, items[PUT, item], items[TAKE, item])
    begins = np.where(goes_in, items[PUT_FROM, item], items[TAKE_FROM, item])
    # What found nothing stands before the first step with nothing below it that need
    # not be earlier.
    ground = np.flatnonzero(since != START)
    before = np.append(ground, steps.size)[np.searchsorted(since[ground], found[order])]
    ops = np.insert(ops, before, np.array(empties, np.int64)[order])
    time = np.maximum.accumulate(np.insert(begins, before, found[order]))
    brief = np.flatnonzero(items[PUT_BY] >= items[TAKE_FROM])
    pairs = items[[PUT, TAKE]][:, brief].T.ravel()
    ops, later = np.concatenate((ops, pairs)), np.repeat([0, 1], [ops.size, pairs.size])
    time = np.concatenate((time, np.repeat(items[TAKE_FROM, brief], 2)))
    order = np.lexsort((np.arange(ops.size), later, time))
    return np.asarray(ops[order][ops[order] >= 0])


@jit
def _decide(  # type: ignore[no-untyped-def]
    starts, kind, outcome, invoked, completed, argument, result, values, codes, named
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
            if not empties_fit(items, many, empties, empty, invoked, completed, named[key]):
                code = EMPTY
            else:
                mine = _held(items, many)
                steps = np.empty(2 * mine.shape[1], dtype=np.int64)
                _, low, high = _unstack(mine, steps, np.empty_like(steps))
                if low < high:
                    code = ORDER
            if code != FINE and jokers > 0:
                code = SEARCH
        codes[key] = code


@jit
def _held(items, many):  # type: ignore[no-untyped-def]
    """The items that have to be there at all, by when."""
    order = ascending(items[PUT_BY, :many])
    mine = np.empty((6, many), dtype=np.int64)
    count = 0
    for item in order:
        if items[PUT_BY, item] < items[TAKE_FROM, item]:
            mine[:, count] = items[:, item]
            count += 1
    return mine[:, :count].copy()


@jit
def _unstack(items, steps, since):  # type: ignore[no-untyped-def]
    """Take the items apart; they all have to be there, and come by PUT_BY.

    Fills ``steps`` with item + 1 for in and -1 - item for out, ``since`` with when
    the stack ceases to be empty, START where it is not.  Marks the items it is
    done with by -1 in PUT.  Returns the number of steps, and the bounds of a piece
    without bottom, if any.

    A piece is a range of items; it falls apart before an item that begins when
    all earlier ones are over, which is where nothing covers its beginning.
    """
    many = items.shape[1]
    covered = np.zeros(many + 1, dtype=np.int64)
    reach = np.empty(many, dtype=np.int64)
    for item in range(many):
        reach[item] = first_from(items[PUT_BY], items[TAKE_FROM, item])
    for item in range(many):
        covered[item + 1] += 1
        covered[reach[item]] -= 1
    cover, delta = tree_of_sums(np.cumsum(covered[:many]))
    ends = tree_of(items[TAKE_FROM])
    early = tree_of(-items[PUT_FROM])
    bottoms = tree_of(np.full(many, START, dtype=np.int64))
    following = np.arange(many + 1)
    work = np.empty((many + 2, 2), dtype=np.int64)
    work[0, 0], work[0, 1], todo = 0, many, 1
    count, depth = 0, 0
    opened = np.zeros(many, dtype=np.bool_)
    while todo > 0:
        todo -= 1
        low, high = work[todo, 0], work[todo, 1]
        if high < 0:
            steps[count], since[count] = -1 - low, START
            count, depth = count + 1, depth - 1
            continue
        low = last_of(following, low)
        if low >= high:
            continue
        if not opened[low]:
            opened[low] = True
            add(cover, delta, low, low + 1, NOWHERE)
        split = first_zero(cover, delta)
        if split < high:
            work[todo, 0], work[todo, 1] = split, high
            work[todo + 1, 0], work[todo + 1, 1] = low, split
            todo += 2
            continue
        first = items[PUT_BY, low]
        while True:
            item = greatest(early, low, high)
            if early[early.size // 2 + item] < -first:
                break
            put(early, item, START)
            put(bottoms, item, items[TAKE_BY, item])
        bottom = greatest(bottoms, low, high)
        last = greatest(ends, low, high)
        if bottoms[bottoms.size // 2 + bottom] < items[TAKE_FROM, last]:
            return count, low, high
        steps[count], since[count] = bottom + 1, first if depth == 0 else START
        count, depth = count + 1, depth + 1
        items[PUT, bottom] = -1
        following[bottom] = bottom + 1
        put(ends, bottom, START)
        put(bottoms, bottom, START)
        add(cover, delta, bottom + 1, reach[bottom], -1)
        add(cover, delta, bottom, bottom + 1, NOWHERE)
        work[todo, 0], work[todo, 1] = bottom, -1
        work[todo + 1, 0], work[todo + 1, 1] = low, high
        todo += 2
    return count, 0, 0
