"""Equality of values as clients see it.

Python says ``True == 1 == 1.0``; a register that was given ``1`` and answers
``True`` is broken all the same.
"""

from __future__ import annotations

from collections.abc import Hashable

from histories.call import Value


def identity(value: Value) -> Hashable:
    """A key that two values share exactly when they are equal and of one type."""
    if isinstance(value, tuple):
        return tuple(identity(part) for part in value)
    return type(value), value


def same(left: Value, right: Value) -> bool:
    """Whether both are the same value of the same type."""
    return identity(left) == identity(right)
