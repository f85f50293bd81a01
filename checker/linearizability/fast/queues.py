"""FIFO queues, and queues without order, whose items are told apart.

Gibbons, Bruno & Phillips, "Post-mortem black-box correctness tests for basic
parallel data structures" (SPAA 1999); Henzinger, Sezgin & Vafeiadis,
"Aspect-oriented linearizability proofs" (CONCUR 2013).
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
    UNTAKEN,
    answer_of,
    empties_fit,
    moments_without,
    ops_of,
    ops_there,
    pair,
    pair_part,
)
from checker.linearizability.jit import jit
from checker.linearizability.sorting import ascending
from histories.columns import Columns, Int64s

_HINTS: Final = {
    ORDER: "one item went in before the other and came out after it",
    UNTAKEN: "it went in before the other, which was taken while it stayed",
    EMPTY: "nothing was found although there was something all the while",
}


def decide(columns: Columns) -> Answer:
    """Whether one FIFO queue explains the rows, all of one key.

    Covered are items that went in once each if they came out, takings that found
    nothing, and indeterminate puts; indeterminate takings unless both they and
    such that found nothing matter.

    Why it is right.  A queue orders items the same way by their puts and by their
    takings, so an item precedes another if its put or its taking does; either of
    the two is an interval order, where of two independent pairs a < b and c < d
    also a < d or c < b.  That shortens any cycle to one of two items: an order
    exists unless some item went in before another and came out after it.  Ops that
    found nothing need a moment at which no item has to be there; at such a moment
    the items fall into those gone and those to come, and no precedence runs back.
    An item that stays although one behind it was taken needs an indeterminate
    taking, invoked no later than the first such one ended: earliest to earliest.

    Cost: O(n log n).
    """
    return judge(columns, decide_keys)[0]


def decide_keys(rows: Rows) -> list[Answer]:
    """``decide`` for each key."""
    return _decide_keys(rows, fifo=True)


def decide_unordered(columns: Columns) -> Answer:
    """Whether one queue that hands out any item explains the rows, all of one key.

    Why it is right.  Without order, items do not hinder each other: only those
    that find nothing need a moment at which no item has to be there.

    Cost: O(n log n).
    """
    return judge(columns, decide_unordered_keys)[0]


def decide_unordered_keys(rows: Rows) -> list[Answer]:
    """``decide_unordered`` for each key."""
    return _decide_keys(rows, fifo=False)


def _decide_keys(rows: Rows, *, fifo: bool) -> list[Answer]:
    codes = np.zeros(rows.keys, dtype=np.int64)
    named = np.full((rows.keys, 4), -1, dtype=np.int64)
    _decide(
        *(rows.starts, rows.kinds(*CALLS), rows.outcome, rows.invoked, rows.completed),
        *(rows.argument, rows.result, len(rows.values), fifo, codes, named),
    )
    return [
        _answer(rows, key, fifo, code, core)
        for key, (code, core) in enumerate(zip(codes.tolist(), named.tolist(), strict=True))
    ]


def _answer(rows: Rows, key: int, fifo: bool, code: int, core: list[int]) -> Answer:
    if code == SEARCH and fifo and _is_explained(rows, key):
        code = FINE
    return answer_of(
        code, core, _HINTS, partial(_violation, rows, key), partial(_witness, rows, key, fifo)
    )


def _violation(rows: Rows, key: int, code: int, named: list[int]) -> Violation:
    evidence: set[int] = set()
    items, _, unsure = pair_part(rows, key)
    if code == EMPTY:
        evidence |= ops_there(rows, items, named[0])
    if code == UNTAKEN and unsure:
        needy, deadlines, behind = _needy(items, np.empty((2, 0), np.int64))
        last = int(np.flatnonzero(items[PUT, needy] == named[0])[0])
        evidence |= set(ops_of(items, [*needy[: last + 1], *behind[: last + 1]]))
        evidence |= {at for at in unsure if rows.invoked[at] <= deadlines[last]}
    return closed_evidence(evidence, named, _HINTS[code])


def _needy(items: Int64s, found_nothing: Int64s) -> tuple[list[int], list[int], list[int]]:
    """Items that must go though nobody saw it: which, by when, and what shows it.

    That is an item behind that was taken, or -1 if it is an op that found nothing;
    ``found_nothing``, shape (2, m), are the beginnings and ends of these.
    """
    gone = np.flatnonzero(items[TAKE] >= 0)
    shows = np.concatenate((gone, np.full(found_nothing.shape[1], -1)))
    begins = np.concatenate((items[PUT_FROM, gone], found_nothing[0]))
    ends = np.concatenate((items[TAKE_BY, gone], found_nothing[1]))
    by_begin = np.argsort(begins, kind="stable")
    shows, begins, ends = shows[by_begin], begins[by_begin], ends[by_begin]
    # Of those from each on, the one that ended first.
    first = np.empty(shows.size, dtype=np.int64)
    best = -1
    for at in range(shows.size - 1, -1, -1):
        if best < 0 or ends[at] < ends[best]:
            best = at
        first[at] = best
    stays = np.flatnonzero(items[TAKE] < 0)
    after = np.searchsorted(begins, items[PUT_BY, stays], side="right")
    stays, after = stays[after < shows.size], after[after < shows.size]
    behind, deadlines = shows[first[after]], ends[first[after]]
    order = np.lexsort((items[PUT_BY, stays], deadlines))
    return stays[order].tolist(), deadlines[order].tolist(), behind[order].tolist()


def _supposed(rows: Rows, key: int) -> tuple[Int64s, list[int], list[int]]:
    """``pair_part``, where indeterminate takings took what must go: the first the most urgent.

    Those not taken so remain in the last list.
    """
    items, empties, unsure = pair_part(rows, key)
    found_nothing = np.stack((rows.invoked[empties], rows.completed[empties]))
    needy = _needy(items, found_nothing)[0]
    for item, at in zip(needy, unsure, strict=False):
        items[TAKE, item] = at
        items[TAKE_FROM, item] = max(rows.invoked[at], items[PUT_FROM, item])
    return np.ascontiguousarray(items), empties, unsure[len(needy) :]


def _is_explained(rows: Rows, key: int) -> bool:
    """Whether what is supposed of indeterminate takings explains all that was found.

    If not, something else may.
    """
    items, empties, unsure = _supposed(rows, key)
    many, named = items.shape[1], np.empty(4, dtype=np.int64)
    times = (rows.invoked, rows.completed)
    return bool(
        _overtaken(items, many, named) == FINE
        and _left_behind(
            *(items, many, np.array(unsure, np.int64), len(unsure), rows.invoked, named)
        )[1]
        == 0
        and empties_fit(items, many, np.array(empties, np.int64), len(empties), *times, named)
    )


def _witness(rows: Rows, key: int, fifo: bool) -> Int64s:
    items, empties, _ = _supposed(rows, key) if fifo else pair_part(rows, key)
    many = items.shape[1]
    moments = moments_without(rows, items, empties)
    if fifo:
        segment = np.searchsorted(np.sort(moments), items[TAKE_FROM], side="left")
        puts, takes = np.empty((2, many), dtype=np.int64)
        order = _line_up(np.ascontiguousarray(items))
        order = order[np.argsort(segment[order], kind="stable")]
        _settle(order, segment, np.sort(moments), items, puts, takes)
        rank = np.empty(many, dtype=np.int64)
        rank[order] = np.arange(many)
    else:
        takes = items[TAKE_FROM]
        puts, rank = np.minimum(items[PUT_BY], takes), np.arange(many)
        segment = np.searchsorted(np.sort(moments), takes, side="left")
    taken = items[TAKE] >= 0
    ops = np.concatenate((items[PUT], items[TAKE][taken], np.array(empties, np.int64)))
    time = np.concatenate((puts, takes[taken], moments))
    part = np.concatenate((segment, segment[taken], np.searchsorted(np.sort(moments), moments)))
    step = np.repeat([0, 1, 2], [many, taken.sum(), len(empties)])
    within = np.concatenate((rank, rank[taken], np.arange(len(empties))))
    return np.asarray(ops[np.lexsort((within, step, part, time))])


@jit
def _decide(  # type: ignore[no-untyped-def]
    starts, kind, outcome, invoked, completed, argument, result, values, fifo, codes, named
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
        needy = 0
        if code == FINE and fifo:
            code = _overtaken(items, many, named[key])
            if code == FINE:
                code, needy = _left_behind(items, many, unsure, jokers, invoked, named[key])
        if code == FINE and empty > 0:
            if needy > 0 or not empties_fit(
                items, many, empties, empty, invoked, completed, named[key]
            ):
                code = EMPTY if jokers == 0 else SEARCH
        codes[key] = code


@jit
def _overtaken(items, many, named):  # type: ignore[no-untyped-def]
    """Whether no item went in before another, came out, and came out after it."""
    order = ascending(items[PUT_BY, :many])
    at, last = 0, -1
    for item in range(many):
        while at < many and items[PUT_BY, order[at]] < items[PUT_FROM, item]:
            before = order[at]
            if items[TAKE, before] >= 0 and (
                last < 0 or items[TAKE_FROM, before] > items[TAKE_FROM, last]
            ):
                last = before
            at += 1
        if last >= 0 and items[TAKE_FROM, last] > items[TAKE_BY, item]:
            named[0], named[1] = items[PUT, last], items[PUT, item]
            named[2], named[3] = items[TAKE, item], items[TAKE, last]
            return ORDER
    return FINE


@jit
def _left_behind(items, many, unsure, jokers, invoked, named):  # type: ignore[no-untyped-def]
    """Whether indeterminate takings suffice for the items that stayed too long."""
    earliest = np.empty(many + 1, dtype=np.int64)
    earliest[many] = -1
    for item in range(many - 1, -1, -1):
        earliest[item] = earliest[item + 1]
        if items[TAKE, item] >= 0 and (
            earliest[item] < 0 or items[TAKE_BY, item] < items[TAKE_BY, earliest[item]]
        ):
            earliest[item] = item
    needy = np.empty(many, dtype=np.int64)
    deadline = np.empty(many, dtype=np.int64)
    behind = np.empty(many, dtype=np.int64)
    count = 0
    for item in range(many):
        if items[TAKE, item] < 0:
            left, right = 0, many
            while left < right:
                middle = (left + right) // 2
                if items[PUT_FROM, middle] > items[PUT_BY, item]:
                    right = middle
                else:
                    left = middle + 1
            if earliest[left] >= 0:
                needy[count], behind[count] = item, earliest[left]
                deadline[count] = items[TAKE_BY, earliest[left]]
                count += 1
    order = ascending(deadline[:count])
    for at in range(count):
        item = order[at]
        if at >= jokers or invoked[unsure[at]] > deadline[item]:
            named[0], named[1] = items[PUT, needy[item]], items[PUT, behind[item]]
            named[2] = items[TAKE, behind[item]]
            return UNTAKEN, count
    return FINE, count


@jit
def _line_up(items):  # type: ignore[no-untyped-def]
    """The items in an order that both their puts and their takings allow.

    An item may be next when no other that is left must go in or come out before
    it; it stays so, since what is left only shrinks.
    """
    many = items.shape[1]
    done = np.zeros(many, dtype=np.bool_)
    met = np.zeros(many, dtype=np.int64)
    order = np.empty(many, dtype=np.int64)
    ready = np.empty(many, dtype=np.int64)
    waiting, count = 0, 0
    begins = (ascending(items[PUT_FROM]), ascending(items[TAKE_FROM]))
    ends = (ascending(items[PUT_BY]), ascending(items[TAKE_BY]))
    begun, ended = np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int64)
    while count < many:
        for side in range(2):
            first = PUT_FROM if side == 0 else TAKE_FROM
            last = PUT_BY if side == 0 else TAKE_BY
            while done[ends[side][ended[side]]]:
                ended[side] += 1
            limit = items[last, ends[side][ended[side]]]
            while begun[side] < many and items[first, begins[side][begun[side]]] <= limit:
                item = begins[side][begun[side]]
                begun[side] += 1
                met[item] += 1
                if met[item] == 2:
                    ready[waiting] = item
                    waiting += 1
        waiting -= 1
        item = ready[waiting]
        done[item] = True
        order[count] = item
        count += 1
    return order


@jit
def _settle(order, segment, moments, items, puts, takes):  # type: ignore[no-untyped-def]
    """Fill in the earliest moments that such an order allows."""
    put, take = START, START
    for at in range(order.size):
        item = order[at]
        if segment[item] > 0:
            put = max(put, moments[segment[item] - 1])
        put = max(put, items[PUT_FROM, item])
        take = max(take, put, items[TAKE_FROM, item])
        puts[item], takes[item] = put, take
