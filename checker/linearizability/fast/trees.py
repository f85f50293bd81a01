"""Segment trees: the greatest of a range, and the first zero under additions to ranges.

A tree over n numbers has 2 s entries for the next power of two s >= n; number
``i`` is entry s + i, entry k stands over 2 k and 2 k + 1.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from checker.linearizability.fast.base import START
from checker.linearizability.jit import inner_jit

NOWHERE: Final = 2**40
"""More than can ever be subtracted: a number that is never zero again."""


@inner_jit
def tree_of(numbers):  # type: ignore[no-untyped-def]
    """A tree of greatest numbers; what is past the end is START."""
    size = 1
    while size < numbers.size:
        size *= 2
    tree = np.full(2 * size, START, dtype=np.int64)
    tree[size : size + numbers.size] = numbers
    for at in range(size - 1, 0, -1):
        tree[at] = max(tree[2 * at], tree[2 * at + 1])
    return tree


@inner_jit
def put(tree, at, number):  # type: ignore[no-untyped-def]
    """Replace one number."""
    at += tree.size // 2
    tree[at] = number
    at //= 2
    while at >= 1:
        tree[at] = max(tree[2 * at], tree[2 * at + 1])
        at //= 2


@inner_jit
def greatest(tree, low, high):  # type: ignore[no-untyped-def]
    """Where in ``low..high - 1``, which is not empty, the greatest number is."""
    size = tree.size // 2
    left, right = low + size, high + size
    best = left
    while left < right:
        if left % 2 == 1:
            if tree[left] > tree[best]:
                best = left
            left += 1
        if right % 2 == 1:
            right -= 1
            if tree[right] > tree[best]:
                best = right
        left //= 2
        right //= 2
    while best < size:
        best = 2 * best if tree[2 * best] == tree[best] else 2 * best + 1
    return best - size


@inner_jit
def tree_of_sums(numbers):  # type: ignore[no-untyped-def]
    """A tree of least numbers, and what is added to all under each entry."""
    size = 1
    while size < numbers.size:
        size *= 2
    tree = np.full(2 * size, NOWHERE, dtype=np.int64)
    tree[size : size + numbers.size] = numbers
    for at in range(size - 1, 0, -1):
        tree[at] = min(tree[2 * at], tree[2 * at + 1])
    return tree, np.zeros(2 * size, dtype=np.int64)


@inner_jit
def add(tree, delta, low, high, number):  # type: ignore[no-untyped-def]
    """Add ``number`` to all in ``low..high - 1``."""
    size = tree.size // 2
    left, right = low + size, high + size
    if left >= right:
        return
    first, last = left, right - 1
    while left < right:
        if left % 2 == 1:
            tree[left] += number
            delta[left] += number
            left += 1
        if right % 2 == 1:
            right -= 1
            tree[right] += number
            delta[right] += number
        left //= 2
        right //= 2
    for leaf in (first, last):
        at = leaf // 2
        while at >= 1:
            tree[at] = min(tree[2 * at], tree[2 * at + 1]) + delta[at]
            at //= 2


@inner_jit
def first_zero(tree, delta):  # type: ignore[no-untyped-def]
    """The first number that is zero, a position past the end if none is.

    No number may be less than zero.
    """
    size = tree.size // 2
    if tree[1] != 0:
        return size
    at, sought = 1, 0
    while at < size:
        sought -= delta[at]
        at = 2 * at if tree[2 * at] == sought else 2 * at + 1
    return at - size


@inner_jit
def last_of(following, at):  # type: ignore[no-untyped-def]
    """The end of the chain from ``at`` on, which all of it lead to afterwards; an end follows
    itself."""
    last = at
    while following[last] != last:
        last = following[last]
    while following[at] != last:
        after = following[at]
        following[at] = last
        at = after
    return last
