"""Counters that only grow: answers tell where they stand, increments fill the gaps between."""

from __future__ import annotations

from typing import Final

import numpy as np

from checker.linearizability.fast.base import (
    FAILED,
    OK,
    START,
    Answer,
    Linearizable,
    NotApplicable,
    Rows,
    Violation,
    closed_evidence,
    judge,
    shrunk,
)
from checker.linearizability.jit import inner_jit, jit
from checker.linearizability.sorting import ascending, distinct, first_from
from histories.columns import Columns, Int64s
from histories.op import FOREVER

_CALLS: Final = ("read", "increment")
_READ, _INCREMENT = range(2)
_SUM_MAX: Final = 2**60

_FINE, _FOREIGN, _FALLS, _AMOUNTS, _BELOW, _TWICE, _PASSED, _LATE, _SHORT, _LOST = range(10)
_REASONS: Final = {
    _FOREIGN: "it is no call of a counter, or not about integers",
    _FALLS: "an increment is negative",
    _AMOUNTS: "increments of different amounts do not tell their sums, and some are missing",
}
_HINTS: Final = {
    _BELOW: "the sum is less than the counter began with",
    _TWICE: "both increments brought the counter to the same sum",
    _PASSED: "the increment passed over a sum that was seen",
    _LATE: "the second ended before the first began, although its sum is the larger",
    _SHORT: "fewer increments can have happened by then than the sum needs",
    _LOST: "an increment that had ended is not in a sum that was asked for later",
}

# What a row is to its counter.
_NONE, _SEEN, _TOLD, _FREE, _IDLE = range(5)


def decide(columns: Columns, initial: int | None = None) -> Answer:
    """Whether one counter explains the rows, all of one key.

    Covered are reads and increments of no negative amount.  Increments that do
    not tell the sum must all be of one amount, unless those that tell it leave no
    gap between the sums that were seen.

    Why it is right.  Sums only grow, so the ops that saw one are ordered by it,
    which must not run against time (one pass).  Between two neighbouring sums
    that no answered increment links lies a gap, which needs a known number of the
    other increments; the last gap takes any number.  Each of those fits into gaps
    that follow each other: from the first before which nothing ended before it
    began, to the last after which nothing began when it had ended.  Filling the
    gaps in order, each with those that end first, fails only if there is no way
    (earliest deadline first), and puts no increment before one that ended before
    it began.  An indeterminate increment may be left over.

    Cost: O(n log n).
    """
    return judge(columns, lambda rows: decide_keys(rows, initial))[0]


def decide_keys(rows: Rows, initial: int | None = None) -> list[Answer]:
    """``decide`` for each key."""
    codes, named, level = _codes(rows, initial)
    return [
        _answer(rows, key, initial, level, code, core)
        for key, (code, core) in enumerate(zip(codes.tolist(), named.tolist(), strict=True))
    ]


def _codes(rows: Rows, initial: int | None) -> tuple[Int64s, Int64s, Int64s]:
    amount, total, fits = _numbers(rows)
    codes = np.zeros(rows.keys, dtype=np.int64)
    named = np.full((rows.keys, 2), -1, dtype=np.int64)
    level = np.empty(rows.row.size, dtype=np.int64)
    _decide(
        *(rows.starts, rows.kinds(*_CALLS), rows.outcome, rows.invoked, rows.completed),
        *(amount, total, fits, initial or 0, codes, named, level),
    )
    return codes, named, level


def _numbers(rows: Rows) -> tuple[Int64s, Int64s, Int64s]:
    """By how much each row increments; what it answered; whether both are integers.

    FOREVER stands for no answer.
    """
    values = [
        value if type(value) is int and abs(value) < _SUM_MAX else FOREVER for value in rows.values
    ]
    number = np.array([*values, FOREVER], dtype=np.int64)
    amount, total = number[rows.argument], number[rows.result]
    increments = rows.kinds(*_CALLS) == _INCREMENT
    told = (rows.outcome == OK) & (rows.result >= 0)
    fits = ~(increments & (amount == FOREVER)) & ~(told & (total == FOREVER))
    return amount, total, fits.astype(np.int64)


def _answer(
    rows: Rows, key: int, initial: int | None, level: Int64s, code: int, core: list[int]
) -> Answer:
    if code == _FINE:
        return Linearizable(lambda: _witness(rows, key, level))
    if code in _REASONS:
        return NotApplicable(_REASONS[code])
    return _violation(rows, key, initial, code, core)


def _violation(rows: Rows, key: int, initial: int | None, code: int, core: list[int]) -> Violation:
    """With all increments that can have happened before; of the reads, few that suffice."""
    low, high = rows.span(key)
    named = [at for at in core if at >= 0]
    if code in (_BELOW, _PASSED):
        return closed_evidence(set(), named, _HINTS[code])
    kind, outcome = rows.kinds(*_CALLS)[low:high], rows.outcome[low:high]
    increments = np.flatnonzero((kind == _INCREMENT) & (outcome != FAILED)) + low
    reads = [at for at in named if kind[at - low] == _READ]
    if code in (_SHORT, _LOST):

        def fails(some: list[int]) -> bool:
            chosen = np.union1d(increments, np.array(some, np.int64))
            part = rows.only(chosen, np.array([0, chosen.size]))
            return int(_codes(part, initial)[0][0]) not in (_FINE, *_REASONS)

        reads = (np.flatnonzero((kind == _READ) & (outcome == OK)) + low).tolist()
        reads = [] if fails([]) else shrunk(reads, fails)
        named = reads or named
    told = increments[(rows.result[increments] >= 0) & (rows.outcome[increments] == OK)]
    seers = {*reads, *(told.tolist() if code in (_SHORT, _LOST) else named)}
    until = max(int(rows.completed[at]) for at in seers)
    while True:
        begun = told[rows.invoked[told] <= until]
        later = int(rows.completed[begun].max(initial=until))
        if later == until:
            break
        until = later
    return closed_evidence(
        {*reads, *increments[rows.invoked[increments] <= until].tolist()}, named, _HINTS[code]
    )


def _witness(rows: Rows, key: int, level: Int64s) -> Int64s:
    low, high = rows.span(key)
    mine, invoked = level[low:high], rows.invoked[low:high]
    order = np.argsort(mine, kind="stable")
    order = order[mine[order] >= 0]
    time = np.maximum.accumulate(invoked[order])
    idle = np.flatnonzero(mine == _ANYWHERE)
    merged = np.lexsort(
        (np.repeat([0, 1], [order.size, idle.size]), np.concatenate((time, invoked[idle])))
    )
    return np.asarray(low + np.concatenate((order, idle))[merged])


_NOWHERE: Final = -1
_ANYWHERE: Final = -2


@jit
def _decide(  # type: ignore[no-untyped-def]
    starts, kind, outcome, invoked, completed, amount, total, fits, initial, codes, named, level
):
    for key in range(starts.size - 1):
        low, high = starts[key], starts[key + 1]
        role = np.zeros(high - low, dtype=np.int64)
        code, unit = _roles(
            low, high, kind, outcome, amount, total, fits, initial, role, named[key]
        )
        if code == _FINE:
            code = _decide_key(
                low, high, role, outcome, invoked, completed, amount, total, initial, unit,
                named[key], level,
            )  # fmt: skip
        codes[key] = code


@inner_jit
def _roles(low, high, kind, outcome, amount, total, fits, initial, role, named):  # type: ignore[no-untyped-def]
    """What each row is; and the one amount of all increments that do not tell.

    That is 0 if there are none, -1 if their amounts differ.
    """
    unit = 0
    for at in range(low, high):
        if outcome[at] == FAILED or (outcome[at] != OK and kind[at] == _READ):
            continue
        if kind[at] < 0 or fits[at] == 0:
            return _FOREIGN, unit
        told = outcome[at] == OK and total[at] != FOREVER
        if kind[at] == _READ:
            if not told:
                return _FOREIGN, unit
            role[at - low] = _SEEN
        elif amount[at] < 0:
            return _FALLS, unit
        elif told:
            role[at - low] = _TOLD if amount[at] > 0 else _SEEN
        elif amount[at] == 0:
            role[at - low] = _IDLE if outcome[at] == OK else _NONE
        else:
            role[at - low] = _FREE
            unit = amount[at] if unit in (0, amount[at]) else -1
    for at in range(low, high):
        if role[at - low] in (_SEEN, _TOLD):
            before = total[at] - amount[at] if role[at - low] == _TOLD else total[at]
            if before < initial:
                named[0] = at
                return _BELOW, unit
    return _FINE, unit


@jit
def _decide_key(  # type: ignore[no-untyped-def]
    low, high, role, outcome, invoked, completed, amount, total, initial, unit, named, level
):
    """Fill in ``level``: twice the position of the sum seen, one more for the gap after it."""
    seen = np.empty(2 * (high - low) + 1, dtype=np.int64)
    seen[0], many = initial, 1
    for at in range(low, high):
        level[at] = _ANYWHERE if role[at - low] == _IDLE else _NOWHERE
        if role[at - low] in (_SEEN, _TOLD):
            seen[many], many = total[at], many + 1
        if role[at - low] == _TOLD:
            seen[many], many = total[at] - amount[at], many + 1
    sums = distinct(seen[:many])
    link = np.full(sums.size, -1, dtype=np.int64)
    earliest = np.full(2 * sums.size, -1, dtype=np.int64)
    latest = np.full(2 * sums.size, -1, dtype=np.int64)
    for at in range(low, high):
        if role[at - low] not in (_SEEN, _TOLD):
            continue
        position = first_from(sums, total[at])
        level[at] = 2 * position
        if role[at - low] == _TOLD:
            level[at] = 2 * position - 1
            if link[position - 1] >= 0:
                named[0], named[1] = link[position - 1], at
                return _TWICE
            link[position - 1] = at
        if earliest[level[at]] < 0 or completed[at] < completed[earliest[level[at]]]:
            earliest[level[at]] = at
        latest[level[at]] = at
    for at in range(low, high):
        if role[at - low] == _TOLD and sums[(level[at] - 1) // 2] != total[at] - amount[at]:
            for other in range(low, high):
                if other != at and role[other - low] in (_SEEN, _TOLD):
                    after = total[other]
                    before = after - amount[other] if role[other - low] == _TOLD else after
                    for each in (before, after):
                        if total[at] - amount[at] < each < total[at]:
                            named[0], named[1] = at, other
                            return _PASSED
    code = _in_time(sums.size, earliest, latest, invoked, completed, named)
    if code != _FINE:
        return code
    return _fill(
        low, high, role, outcome, invoked, completed, unit, sums, link, earliest, latest,
        named, level,
    )  # fmt: skip


@inner_jit
def _in_time(sums, earliest, latest, invoked, completed, named):  # type: ignore[no-untyped-def]
    tail = -1
    for each in range(2 * sums):
        if latest[each] >= 0:
            if tail >= 0 and completed[earliest[each]] < invoked[tail]:
                named[0], named[1] = tail, earliest[each]
                return _LATE
            if tail < 0 or invoked[latest[each]] > invoked[tail]:
                tail = latest[each]
    return _FINE


@inner_jit
def _fill(  # type: ignore[no-untyped-def]
    low, high, role, outcome, invoked, completed, unit, sums, link, earliest, latest, named, level
):
    """Give each gap as many of the increments that do not tell as it needs."""
    gaps = sums.size
    # When the last of what comes before a gap begins, and the first of what comes after ends.
    begun = np.full(gaps, START, dtype=np.int64)
    ended = np.full(gaps, FOREVER, dtype=np.int64)
    time = START
    for each in range(2 * gaps - 1):
        if latest[each] >= 0:
            time = max(time, invoked[latest[each]])
        if each % 2 == 0:
            begun[each // 2] = time
    time = FOREVER
    for each in range(2 * gaps - 1, 1, -1):
        if earliest[each] >= 0:
            time = min(time, completed[earliest[each]])
        if each % 2 == 0:
            ended[each // 2 - 1] = time
    by_end = ascending(completed[low:high])
    rank = np.empty(high - low, dtype=np.int64)
    rank[by_end] = np.arange(high - low)
    heap = np.empty(high - low + 1, dtype=np.int64)
    waiting, following = 0, low
    for gap in range(gaps):
        needed = 0
        if gap + 1 < gaps:
            if link[gap] >= 0:
                continue
            if unit < 0:
                return _AMOUNTS
            needed = (sums[gap + 1] - sums[gap]) // max(unit, 1)
            if unit == 0 or (sums[gap + 1] - sums[gap]) % unit != 0:
                return _SHORT
        while following < high and (
            role[following - low] != _FREE or invoked[following] <= ended[gap]
        ):
            if role[following - low] == _FREE:
                _push(heap, waiting, rank[following - low])
                waiting += 1
            following += 1
        while waiting > 0 and (needed > 0 or gap + 1 == gaps):
            at = low + by_end[heap[0]]
            if completed[at] < begun[gap]:
                named[0] = at
                return _LOST
            if gap + 1 == gaps and outcome[at] != OK:
                break
            _pop(heap, waiting)
            waiting -= 1
            level[at] = 2 * gap + 1
            needed -= 1
        if needed > 0 and gap + 1 < gaps:
            return _SHORT
        if waiting > 0 and completed[low + by_end[heap[0]]] < begun[gap]:
            named[0] = low + by_end[heap[0]]
            return _LOST
    return _FINE


@inner_jit
def _push(heap, size, number):  # type: ignore[no-untyped-def]
    at = size
    while at > 0 and heap[(at - 1) // 2] > number:
        heap[at] = heap[(at - 1) // 2]
        at = (at - 1) // 2
    heap[at] = number


@inner_jit
def _pop(heap, size):  # type: ignore[no-untyped-def]
    number = heap[size - 1]
    at = 0
    while 2 * at + 1 < size - 1:
        child = 2 * at + 1
        if child + 1 < size - 1 and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= number:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = number
