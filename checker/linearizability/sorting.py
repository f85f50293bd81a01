"""Sorting and searching for kernels that are cached.

Numba writes its own sorts as closures, which it names by a number counted from
the start of the process.  Two kernels that were compiled and cached in different
processes can so bring different functions of one name, and the one loaded first
serves both: a kernel then sorts where it should have told the order.  So cached
kernels must not use ``np.sort``, ``np.argsort``, ``np.unique`` or
``np.searchsorted``; these here have names of their own.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np

from checker.linearizability.jit import inner_jit, jit
from histories.columns import Int32s, Int64s

Ints: TypeAlias = Int32s | Int64s

_BLOCK: Final = 16


@jit
def ascending(numbers: Ints) -> Int64s:
    """Their positions, ordered by number, then by position.

    Cost: O(n log n), and O(n) if no number is far from its place: merges are of
    what overlaps only.
    """
    count = numbers.size
    order = np.arange(count)
    for low in range(0, count, _BLOCK):
        for at in range(low + 1, min(low + _BLOCK, count)):
            moved = order[at]
            to = at
            while to > low and numbers[order[to - 1]] > numbers[moved]:
                order[to] = order[to - 1]
                to -= 1
            order[to] = moved
    aside = np.empty(count, dtype=np.int64)
    width = _BLOCK
    while width < count:
        for low in range(0, count - width, 2 * width):
            _merge(numbers, order, low, low + width, min(low + 2 * width, count), aside)
        width *= 2
    return order


@inner_jit
def _merge(numbers: Ints, order: Int64s, low: int, middle: int, high: int, aside: Int64s) -> None:
    first, last = numbers[order[middle]], numbers[order[middle - 1]]
    left, right = low, middle
    while left < right:
        half = (left + right) // 2
        if numbers[order[half]] > first:
            right = half
        else:
            left = half + 1
    low = left
    left, right = middle, high
    while left < right:
        half = (left + right) // 2
        if numbers[order[half]] >= last:
            right = half
        else:
            left = half + 1
    high = left
    size = middle - low
    for at in range(size):
        aside[at] = order[low + at]
    taken, at = 0, low
    while taken < size:
        if middle < high and numbers[order[middle]] < numbers[aside[taken]]:
            order[at] = order[middle]
            middle += 1
        else:
            order[at] = aside[taken]
            taken += 1
        at += 1


@jit
def distinct(numbers: Ints) -> Int64s:
    """Each number once, ascending."""
    order = ascending(numbers)
    found = np.empty(numbers.size, dtype=np.int64)
    count = 0
    for at in order:
        if count == 0 or found[count - 1] != numbers[at]:
            found[count] = numbers[at]
            count += 1
    return found[:count].copy()


@jit
def first_from(numbers: Ints, least: int) -> int:
    """The position of the first of the ascending numbers that is ``least`` or more."""
    left, right = 0, numbers.size
    while left < right:
        middle = (left + right) // 2
        if numbers[middle] >= least:
            right = middle
        else:
            left = middle + 1
    return left
