"""Containers whose items are told apart: who put each in, who took it, when it must be there.

Shared by FIFO queues, stacks, priority queues and unordered queues.  The kernels
here are the others' building blocks; arrays named ``items`` have one column an
item and the rows below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from checker.linearizability.fast.base import (
    FAILED,
    OK,
    Answer,
    Linearizable,
    NotApplicable,
    Rows,
    Violation,
    closed_evidence,
)
from checker.linearizability.jit import jit
from checker.linearizability.sorting import ascending
from histories.columns import Int64s
from histories.op import FOREVER

PUT, TAKE, PUT_FROM, PUT_BY, TAKE_FROM, TAKE_BY = range(6)
"""Rows of ``items``: the op that put the item in and the op that took it (-1 for none);
the earliest and latest moment of either.

An item is taken after it was put in, so the latest moment of the put is no later
than that of the take, and the earliest of the take no earlier than that of the
put.  An item has to be there strictly between PUT_BY and TAKE_FROM, which is
FOREVER if it was never taken.
"""

FINE, PHANTOM, TAKEN_TWICE, EARLY, AMBIGUOUS, FOREIGN, ORDER, EMPTY, UNTAKEN, SEARCH = range(10)
"""What a kernel found of a key; each type uses some of them."""

REASONS: Final = {
    AMBIGUOUS: "an item that was taken may have been put in more than once",
    FOREIGN: "it is no call of such a container",
    SEARCH: "what the indeterminate takings took matters, and cannot be told item by item",
}
HINTS: Final = {
    PHANTOM: "nobody put in what was taken",
    TAKEN_TWICE: "what was put in once was taken twice",
    EARLY: "the item was taken before it was put in",
}

CALLS: Final = ("enqueue", "dequeue")
_PUT_CALL, _TAKE_CALL = range(2)


@jit
def pair(  # type: ignore[no-untyped-def]
    low, high, kind, outcome, invoked, completed, argument, result,
    maker, taker, items, empties, unsure, named,
):  # fmt: skip
    """Match puts and takes of one key.

    Fills ``items`` in the order of the puts, ``empties`` with the rows that found
    nothing, ``unsure`` with the indeterminate takings; leaves out indeterminate
    puts of what nobody took, since they need not have happened.  ``maker`` and
    ``taker``, by value, must hold -1, and do so afterwards.

    Returns: what it found, and how many items, empties and unsure there are.
    """
    code, many, empty, jokers = FINE, 0, 0, 0
    for at in range(low, high):
        if outcome[at] == FAILED:
            continue
        if kind[at] == _TAKE_CALL:
            if outcome[at] != OK:
                unsure[jokers] = at
                jokers += 1
            elif result[at] < 0:
                empties[empty] = at
                empty += 1
            elif taker[result[at]] >= 0:
                if code == FINE:
                    code = TAKEN_TWICE
                    named[0], named[1], named[2] = -1, taker[result[at]], at
            else:
                taker[result[at]] = at
        elif kind[at] < 0:
            code = FOREIGN
    for at in range(low, high):
        if kind[at] == _PUT_CALL and outcome[at] != FAILED:
            taken = taker[argument[at]]
            if taken >= 0 and maker[argument[at]] >= 0:
                code = AMBIGUOUS
            maker[argument[at]] = at
            if taken < 0 and outcome[at] != OK:
                continue
            items[PUT, many], items[TAKE, many] = at, taken
            items[PUT_FROM, many], items[PUT_BY, many] = invoked[at], completed[at]
            items[TAKE_FROM, many], items[TAKE_BY, many] = FOREVER, FOREVER
            if taken >= 0:
                items[PUT_BY, many] = min(completed[at], completed[taken])
                items[TAKE_FROM, many] = max(invoked[at], invoked[taken])
                items[TAKE_BY, many] = completed[taken]
                if completed[taken] < invoked[at] and code == FINE:
                    code, named[0], named[1] = EARLY, at, taken
            many += 1
    if code in (FINE, EARLY, TAKEN_TWICE):
        for at in range(low, high):
            if kind[at] == _TAKE_CALL and outcome[at] == OK and result[at] >= 0:
                if maker[result[at]] < 0:
                    code, named[0] = PHANTOM, at
                    break
    if code == TAKEN_TWICE:
        named[0] = maker[result[named[1]]]
    for at in range(low, high):
        maker[argument[at]] = -1
        taker[result[at]] = -1
    return code, many, empty, jokers


@jit
def stretches(items, many, bounds):  # type: ignore[no-untyped-def]
    """Fill ``bounds`` with the stretches of time in which some item has to be there.

    ``bounds[0]`` begins and ``bounds[1]`` ends them, both exclusive, ascending and
    disjoint; returns how many there are.
    """
    count = 0
    for item in ascending(items[PUT_BY, :many]):
        begin, end = items[PUT_BY, item], items[TAKE_FROM, item]
        if begin >= end:
            continue
        if count > 0 and begin < bounds[1, count - 1]:
            bounds[1, count - 1] = max(bounds[1, count - 1], end)
        else:
            bounds[0, count], bounds[1, count] = begin, end
            count += 1
    return count


@jit
def gap_from(time, bounds, count):  # type: ignore[no-untyped-def]
    """The earliest moment from ``time`` on in which no item has to be there."""
    left, right = 0, count
    while left < right:
        middle = (left + right) // 2
        if bounds[1, middle] > time:
            right = middle
        else:
            left = middle + 1
    if left < count and bounds[0, left] < time:
        return bounds[1, left]
    return time


@jit
def empties_fit(items, many, empties, empty, invoked, completed, named):  # type: ignore[no-untyped-def]
    """Whether each op that found nothing has a moment with nothing there."""
    bounds = np.empty((2, many), dtype=np.int64)
    count = stretches(items, many, bounds)
    for at in range(empty):
        row = empties[at]
        if gap_from(invoked[row], bounds, count) > completed[row]:
            named[0] = row
            return False
    return True


def pair_part(rows: Rows, key: int) -> tuple[Int64s, list[int], list[int]]:
    """The items, empties and unsure takings of one key."""
    low, high = rows.span(key)
    by_value = np.full((2, len(rows.values) + 1), -1, dtype=np.int64)
    items = np.empty((6, high - low), dtype=np.int64)
    empties, unsure = np.empty((2, high - low), dtype=np.int64)
    _, many, empty, jokers = pair(
        *(low, high, rows.kinds(*CALLS), rows.outcome, rows.invoked, rows.completed),
        *(rows.argument, rows.result, by_value[0], by_value[1]),
        *(items, empties, unsure, np.empty(4, dtype=np.int64)),
    )
    return items[:, :many], empties[:empty].tolist(), unsure[:jokers].tolist()


def answer_of(
    code: int,
    core: list[int],
    hints: Mapping[int, str],
    violation: Callable[[int, list[int]], Violation],
    witness: Callable[[], Int64s],
) -> Answer:
    """What a kernel found of a key, as an answer.

    Args:
        code: What it found.
        core: The rows that it named, -1 for none.
        hints: In words, what only this type finds.
        violation: Makes of such a code and its core the answer.
        witness: Makes the order, where there is one.
    """
    named = [at for at in core if at >= 0]
    if code == FINE:
        return Linearizable(witness)
    if code in REASONS:
        return NotApplicable(REASONS[code])
    if code in hints:
        return violation(code, named)
    # What ``pair`` found, whose core is evidence enough.
    return closed_evidence(set(), named, HINTS[code])


def moments_without(rows: Rows, items: Int64s, empties: list[int]) -> Int64s:
    """Per op that found nothing, the first moment at which no item has to be there."""
    bounds = np.empty((2, items.shape[1]), dtype=np.int64)
    count = stretches(items, items.shape[1], bounds)
    return np.array([gap_from(int(rows.invoked[at]), bounds, count) for at in empties], np.int64)


def ops_there(rows: Rows, items: Int64s, empty: int) -> set[int]:
    """Who put in and took what was there all the while that ``empty`` found nothing."""
    begin, end = int(rows.invoked[empty]), int(rows.completed[empty])
    return set(ops_of(items, covering(items, begin, end)))


def covering(items: Int64s, begin: int, end: int) -> list[int]:
    """Few items of which at any moment in ``begin..end`` one has to be there.

    Raises:
        ValueError: They leave a gap.
    """
    starts, ends = items[PUT_BY], items[TAKE_FROM]
    order = np.argsort(starts, kind="stable")
    chosen: list[int] = []
    time, at, best = begin, 0, -1
    while time <= end:
        while at < order.size and starts[order[at]] < time:
            if best < 0 or ends[order[at]] > ends[best]:
                best = int(order[at])
            at += 1
        if best < 0 or ends[best] <= time:
            raise ValueError(f"no item has to be there at {time}")
        chosen.append(best)
        time = int(ends[best])
    return chosen


def ops_of(items: Int64s, chosen: list[int]) -> list[int]:
    """Who put in and who took these items."""
    return [int(at) for item in chosen for at in items[[PUT, TAKE], item] if at >= 0]
