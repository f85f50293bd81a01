"""Values that came more often than operations can have brought them.

A search has to try all ways to spend indeterminate operations; counting them takes
no time.  Whoever found a value tells that it was there at some moment of its interval,
and that no other was.  So where operations follow one another that found another value,
v, another, v, and so on, then v was installed anew before each of those that found it:
by different operations, of which none returned before the first of the others began, and
none began after the last v was answered.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from checker.linearizability.window.layout import Operations
from checker.linearizability.window.problem import ANY
from histories.columns import Bools, Int64s
from histories.op import FOREVER

NOBODY: Final = -1
_BEFORE_ALL: Final = -(2**63)


@dataclass(frozen=True, slots=True)
class Overdrawn:
    """A value came more often than it can have been brought.

    Attributes:
        others: Per time the row of one that had found another value before, or
            ``NOBODY``, as the register began with another.
        seers: Per time the row of one that found the value, after the other.
        bringers: The rows of all that may have brought it: fewer.
    """

    others: tuple[int, ...]
    seers: tuple[int, ...]
    bringers: tuple[int, ...]


def overdrawn(operations: Operations) -> Overdrawn | None:
    """Of a register's operations those that show it, if some do: the first that there are.

    Cost: O(n log n) steps in Python.
    """
    need, put = operations.need[operations.kind], operations.put[operations.kind]
    finding = (operations.completed != FOREVER) & (need != ANY)
    everybody = _Seers(operations, need, np.flatnonzero(finding))
    bringers = _rows_by(put, (put != ANY) & (put != need))
    shown: list[Overdrawn] = []
    for value, rows in _rows_by(need, finding).items():
        times = _times(value, _Seers(operations, need, rows), everybody)
        if value == operations.initial:
            del times[0]
        short = _short(operations, times, bringers.get(value, rows[:0]))
        if short is not None:
            shown.append(short)
    return min(shown, key=lambda short: operations.completed[short.seers[-1]], default=None)


def _rows_by(values: Int64s, wanted: Bools) -> dict[int, Int64s]:
    """Per value the wanted rows, ascending."""
    rows = np.flatnonzero(wanted)
    order = rows[np.argsort(values[rows], kind="stable")]
    numbers, first = np.unique(values[order], return_index=True)
    bounds = [*first.tolist(), order.size]
    return {
        number: order[bounds[at] : bounds[at + 1]] for at, number in enumerate(numbers.tolist())
    }


class _Seers:
    """Some rows that found values, ascending, to be asked who ends first."""

    def __init__(self, operations: Operations, need: Int64s, rows: Int64s) -> None:
        self._found = dict(zip(rows.tolist(), need[rows].tolist(), strict=True))
        self._began: list[int] = operations.invoked[rows].tolist()
        ended: list[int] = operations.completed[rows].tolist()
        self._ended: dict[int, int] = dict(zip(rows.tolist(), ended, strict=True))
        self._first: list[tuple[int, int]] = []
        """Of each and all after it the row that ends first, and the one that ends first of
        those that found another value than that."""
        first = second = NOBODY
        for row in reversed(self._found):
            if self._ends_before(row, first):
                if self._found[row] != self._found.get(first):
                    second = first
                first = row
            elif self._found[row] != self._found[first] and self._ends_before(row, second):
                second = row
            self._first.append((first, second))
        self._first.reverse()

    def _ends_before(self, row: int, other: int) -> bool:
        return other == NOBODY or self._ended[row] <= self._ended[other]

    def end(self, row: int) -> int:
        return self._ended[row]

    def next(self, after: int, *, but: int = ANY) -> int:
        """Who ends first of those that begin after a moment and found not ``but``."""
        at = bisect_right(self._began, after)
        if at == len(self._began):
            return NOBODY
        first, second = self._first[at]
        return first if self._found[first] != but else second


def _times(value: int, mine: _Seers, everybody: _Seers) -> list[tuple[int, int]]:
    """Who found another value (at first: nobody), and who then found this one."""
    times = [(NOBODY, mine.next(_BEFORE_ALL))]
    while True:
        other = everybody.next(mine.end(times[-1][1]), but=value)
        seer = NOBODY if other == NOBODY else mine.next(everybody.end(other))
        if seer == NOBODY:
            return times
        times.append((other, seer))


def _short(
    operations: Operations, times: Sequence[tuple[int, int]], bringers: Int64s
) -> Overdrawn | None:
    """The first stretch of ``times`` that are more than the bringers within it."""
    began: list[int] = operations.invoked[bringers].tolist()
    ended: list[int] = np.sort(operations.completed[bringers]).tolist()
    best, start = _BEFORE_ALL, 0
    for at, (other, seer) in enumerate(times):
        over = 0 if other == NOBODY else bisect_left(ended, int(operations.invoked[other]))
        if over - at > best:
            best, start = over - at, at
        began_in_time = bisect_right(began, int(operations.completed[seer]))
        if at + 1 + best > began_in_time:
            first, end = times[start][0], operations.completed[seer]
            since = _BEFORE_ALL if first == NOBODY else operations.invoked[first]
            within = (operations.completed[bringers] >= since) & (
                operations.invoked[bringers] <= end
            )
            others, seers = zip(*times[start : at + 1], strict=True)
            return Overdrawn(others, seers, tuple(bringers[within].tolist()))
    return None
