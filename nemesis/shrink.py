"""Making what fails smaller while it still fails: lists by delta debugging, values by descent.

``fails`` says whether a variant shows the same failure.  It is asked often, and about some
variants twice: whoever answers should remember.  All searches are deterministic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")

SUBSETS_MAX: Final = 8
"""Parts up to which single parts are tried: of many small ones hardly any fails by itself."""


def ddmin(items: Sequence[Item], fails: Callable[[tuple[Item, ...]], bool]) -> tuple[Item, ...]:
    """A part of ``items``, in their order, that fails, though it does not without any one item.

    The last holds if ``fails`` is a function of its argument.  ``items`` are taken to fail
    themselves and are not tried.

    Source: ddmin, Zeller and Hildebrandt 2002, section 3; first nothing at all is tried, and
    of two parts of one size the later is dropped first, as causes come before effects.

    Cost: O(n^2) questions at worst, O(log n) if one item is to blame.
    """
    left = tuple(items)
    if not left or fails(()):
        return ()
    parts = 2
    while len(left) > 1:
        parts = min(parts, len(left))
        bounds = [len(left) * number // parts for number in range(parts + 1)]
        chosen = _one_part(left, bounds, fails)
        if chosen is not None:
            left, parts = chosen, 2
            continue
        rest = _all_but_one_part(left, bounds, fails)
        if rest is not None:
            left, parts = rest, max(2, parts - 1)
        elif parts == len(left):
            break
        else:
            parts *= 2
    return left


def descend(
    value: Value, simpler: Callable[[Value], Iterable[Value]], fails: Callable[[Value], bool]
) -> Value:
    """``value`` made simpler, always by the first of ``simpler`` that fails, until none does.

    It ends if no chain of ever simpler values is endless.
    """
    following: Value | None = value
    while following is not None:
        value = following
        following = next((one for one in simpler(value) if fails(one)), None)
    return value


def _one_part(
    items: tuple[Item, ...], bounds: Sequence[int], fails: Callable[[tuple[Item, ...]], bool]
) -> tuple[Item, ...] | None:
    parts = len(bounds) - 1
    if parts > SUBSETS_MAX or parts == len(items) > 2:
        return None
    for number in range(parts):
        part = items[bounds[number] : bounds[number + 1]]
        if fails(part):
            return part
    return None


def _all_but_one_part(
    items: tuple[Item, ...], bounds: Sequence[int], fails: Callable[[tuple[Item, ...]], bool]
) -> tuple[Item, ...] | None:
    for number in reversed(range(len(bounds) - 1)):
        rest = items[: bounds[number]] + items[bounds[number + 1] :]
        if fails(rest):
            return rest
    return None
