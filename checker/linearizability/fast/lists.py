"""Lists that grow at the end and are read whole: every read is a prefix of the longest."""

from __future__ import annotations

from collections.abc import Sequence
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
    each_once,
    judge,
)
from checker.linearizability.jit import jit
from histories.call import Scalar, Value
from histories.columns import Columns, Int64s
from histories.values import identity

UNSEEN: Final = -1
ODD: Final = -2
"""Where an append stands whose element no read shows; where a read stands that is no
prefix of the longest."""

_CALLS: Final = ("append", "read")
_APPEND, _READ = range(2)

_FINE, _AMBIGUOUS, _FOREIGN, _PHANTOM, _APART, _LATE, _LOST = range(7)
_REASONS: Final = {
    _AMBIGUOUS: "an element that was read may have been appended more than once",
    _FOREIGN: "it is no call of a list",
}
_HINTS: Final = {
    _PHANTOM: "an element was read more often than it was appended",
    _APART: "neither of the lists that were read begins the other",
    _LATE: "the second ended before the first began, although it comes later in the list",
    _LOST: "what had been appended before the read began is missing in it",
}


def decide(columns: Columns) -> Answer:
    """Whether one list explains the rows, all of one key.

    Covered are appends, each of an element of its own if that was read, and reads
    of the whole list.

    Why it is right.  A list only grows, so all that was read are prefixes of the
    longest, which gives the place of each element that was seen.  That orders the
    ops up to reads of one length, and appends that nobody saw, which come last:
    append 1, reads of length 1, append 2 ...  A linearization exists unless that
    order runs against time: one pass with the latest invocation so far.  An
    indeterminate append that nobody saw need not have happened.

    Cost: O(n + the elements of the distinct lists read).
    """
    return judge(columns, decide_keys)[0]


def decide_keys(rows: Rows) -> list[Answer]:
    """``decide`` for each key."""
    return decide_placed(rows, places(rows))


def places(rows: Rows) -> Int64s:
    """Where each row stands in the longest list of its key, shape (n,).

    For an append the position of its element, counted from 0, or ``UNSEEN``; for
    a read its length, or ``ODD``; for an indeterminate read ``UNSEEN``.

    This is all of what was read that matters.  Whoever meets the lists one by one
    does best to keep the longest of each key and these numbers.
    """
    place = np.full(rows.row.size, UNSEEN, dtype=np.int64)
    kind = rows.kinds(*_CALLS)
    named = Numbers(rows.values, each_once(rows.argument[kind == _APPEND]))
    at_position = np.full(len(rows.values) + 1, UNSEEN, dtype=np.int64)
    for key in range(rows.keys):
        low, high = rows.span(key)
        reads = low + np.flatnonzero((kind[low:high] == _READ) & (rows.outcome[low:high] == OK))
        numbers, which = np.unique(rows.result[reads], return_inverse=True)
        lists = [tuple_of(rows.values[number]) for number in numbers.tolist()]
        longest = max(lists, key=len, default=())
        fits = same_prefixes(longest, lists)
        lengths = [len(each) if fit else ODD for each, fit in zip(lists, fits, strict=True)]
        for at, number in enumerate(numbers.tolist()):
            if not isinstance(rows.values[number], tuple | None):
                lengths[at] = ODD
        place[reads] = np.array(lengths, dtype=np.int64)[which]
        appends = low + np.flatnonzero(kind[low:high] == _APPEND)
        elements = named.of(longest)
        at_position[elements] = np.arange(len(longest))
        at_position[-1] = UNSEEN
        place[appends] = at_position[rows.argument[appends]]
        at_position[elements] = UNSEEN
    return place


def tuple_of(value: Value) -> tuple[Scalar, ...]:
    """What was read, element by element; None is empty."""
    return value if isinstance(value, tuple) else ()


class Numbers:
    """The numbers of some values, told apart by type as well (1 is not True)."""

    def __init__(self, values: Sequence[Value], numbers: Int64s) -> None:
        self._numbers = numbers.tolist()
        self._values = [values[number] for number in self._numbers]
        self._kinds = set(map(type, self._values))
        self._plain = dict(zip(self._values, self._numbers, strict=True))

    def of(self, elements: Sequence[Scalar]) -> Int64s:
        """The number of each, -1 for what is none of the values."""
        if is_plain(self._kinds.union(map(type, elements))):
            found = [self._plain.get(element, -1) for element in elements]
        else:
            exact = dict(zip(map(identity, self._values), self._numbers, strict=True))
            found = [exact.get(identity(element), -1) for element in elements]
        return np.array(found, dtype=np.int64)


def is_plain(kinds: set[type]) -> bool:
    """Whether values of these types are equal only if they are the same."""
    return len(kinds & {bool, int, float}) <= 1


def same_prefixes(longest: tuple[Scalar, ...], lists: Sequence[tuple[Scalar, ...]]) -> list[bool]:
    """Which of the lists begin the longest, element by element of one type as well."""
    kinds = {kind for each in lists for kind in set(map(type, each))}
    if is_plain(kinds):
        return [longest[: len(each)] == each for each in lists]
    return [identity(longest[: len(each)]) == identity(each) for each in lists]


def decide_placed(rows: Rows, place: Int64s) -> list[Answer]:
    """``decide`` for each key, given ``places``."""
    codes = np.zeros(rows.keys, dtype=np.int64)
    named = np.full((rows.keys, 2), -1, dtype=np.int64)
    kind = rows.kinds(*_CALLS)
    _decide(rows.starts, kind, rows.outcome, rows.invoked, rows.completed, place, codes, named)
    return [
        _answer(rows, key, place, code, core)
        for key, (code, core) in enumerate(zip(codes.tolist(), named.tolist(), strict=True))
    ]


def _answer(rows: Rows, key: int, place: Int64s, code: int, core: list[int]) -> Answer:
    if code == _FINE:
        return Linearizable(lambda: _witness(rows, key, place))
    if code in _REASONS:
        return NotApplicable(_REASONS[code])
    return _violation(rows, key, place, code, core)


def _violation(rows: Rows, key: int, place: Int64s, code: int, core: list[int]) -> Violation:
    """With a read that shows what stands where, and all appends of what was read."""
    named = [at for at in core if at >= 0]
    low, high = rows.span(key)
    kind = rows.kinds(*_CALLS)
    reads = [at for at in named if kind[at] == _READ]
    seen = [at for at in named if kind[at] == _APPEND and place[at] >= 0]
    if seen:
        mine = np.where((kind == _READ) & (rows.outcome == OK), place, UNSEEN)[low:high]
        furthest = max(int(place[at]) for at in seen)
        enough = np.where(mine > furthest, mine, np.iinfo(np.int64).max)
        reads.append(low + int(np.argmin(enough)))
    shown = np.full(len(rows.values) + 1, False)
    numbers = Numbers(rows.values, each_once(rows.argument[kind == _APPEND]))
    for at in reads:
        shown[numbers.of(tuple_of(rows.values[rows.result[at]]))] = True
    shown[-1] = False
    appends = (kind == _APPEND) & (rows.outcome != FAILED) & shown[rows.argument]
    evidence = {low + int(at) for at in np.flatnonzero(appends[low:high])}
    return closed_evidence(evidence | set(reads), named, _HINTS[code])


def _witness(rows: Rows, key: int, place: Int64s) -> Int64s:
    low, high = rows.span(key)
    mine, outcome = place[low:high], rows.outcome[low:high]
    appends = rows.kinds(*_CALLS)[low:high] == _APPEND
    level = np.where(appends, 2 * mine + 1, 2 * mine)
    level[appends & (mine == UNSEEN)] = np.iinfo(np.int64).max
    there = (outcome == OK) | (appends & (outcome != FAILED) & (mine >= 0))
    order = np.argsort(level, kind="stable")
    return np.asarray(low + order[there[order]])


@jit
def _decide(starts, kind, outcome, invoked, completed, place, codes, named):  # type: ignore[no-untyped-def]
    for key in range(starts.size - 1):
        codes[key] = _decide_key(
            starts[key], starts[key + 1], kind, outcome, invoked, completed, place, named[key]
        )


@jit
def _decide_key(low, high, kind, outcome, invoked, completed, place, named):  # type: ignore[no-untyped-def]
    longest, odd = -1, -1
    for at in range(low, high):
        if kind[at] < 0 and outcome[at] != FAILED:
            return _FOREIGN
        if kind[at] == _READ and outcome[at] == OK:
            if place[at] == ODD:
                odd = at
            elif longest < 0 or place[at] > place[longest]:
                longest = at
    if odd >= 0:
        named[0], named[1] = odd, longest
        return _APART
    length = place[longest] if longest >= 0 else 0
    # By position: who appended; by length: the reads that ended first and began last.
    maker = np.full(length + 1, -1, dtype=np.int64)
    earliest = np.full(length + 1, -1, dtype=np.int64)
    latest = np.full(length + 1, -1, dtype=np.int64)
    for at in range(low, high):
        if outcome[at] == FAILED or place[at] < 0:
            continue
        if kind[at] == _APPEND:
            if maker[place[at]] >= 0:
                return _AMBIGUOUS
            maker[place[at]] = at
        elif outcome[at] == OK:
            reader = earliest[place[at]]
            if reader < 0 or completed[at] < completed[reader]:
                earliest[place[at]] = at
            latest[place[at]] = at
    tail = -1
    for position in range(length + 1):
        if position > 0:
            at = maker[position - 1]
            if at < 0:
                named[0] = longest
                return _PHANTOM
            if tail >= 0 and completed[at] < invoked[tail]:
                named[0], named[1] = tail, at
                return _LOST if kind[tail] == _READ else _LATE
            if tail < 0 or invoked[at] > invoked[tail]:
                tail = at
        if latest[position] >= 0:
            if tail >= 0 and completed[earliest[position]] < invoked[tail]:
                named[0], named[1] = tail, earliest[position]
                return _LATE
            if tail < 0 or invoked[latest[position]] > invoked[tail]:
                tail = latest[position]
    for at in range(low, high):
        if kind[at] == _APPEND and outcome[at] == OK and place[at] < 0 and tail >= 0:
            if completed[at] < invoked[tail]:
                named[0], named[1] = tail, at
                return _LOST if kind[tail] == _READ else _LATE
    return _FINE
