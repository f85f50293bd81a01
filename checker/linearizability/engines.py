"""Which search decides: the one in Python for little, the one in numba for much."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from checker.base import Budget, Model, State
from checker.linearizability.foresight import with_foresight
from checker.linearizability.search import Exhausted, Found, search
from checker.verdict import UnknownCause
from histories.columns import Columns
from histories.op import Op

if TYPE_CHECKING:
    from checker.linearizability.window.search import Refuter

SEARCH: Final = "search"
WINDOW: Final = "windowed search"
NEAR_LINEAR: Final = "near-linear algorithm"

SMALL_OPS_MAX: Final = 2_000
"""Up to so many operations the search in Python is done before numba is imported."""

SMALL_STATES_MAX: Final = 20_000
"""And with so many configurations it gives up: the kernel makes a hundred times as many."""

EASY_STATES_MAX: Final = 2_000
"""What needs more is hard: near-linear algorithms are asked first, where there are any."""


def find(
    ops: Sequence[Op],
    model: Model[State],
    budget: Budget,
    *,
    traced: bool = False,
    prophetic: bool = True,
    columns: Callable[[], Columns] | None = None,
) -> tuple[Found, str]:
    """As ``search``, by whichever engine is likely to be done first, and which it was.

    ``columns`` gives those of ``ops``, where they are known or wanted again.
    """
    if prophetic:
        model = with_foresight(model, ops)
    if len(ops) <= SMALL_OPS_MAX:
        small = replace(budget, states_max=min(budget.states_max, SMALL_STATES_MAX))
        found = search(ops, model, small, traced=traced, prophetic=prophetic)
        if not isinstance(found, Exhausted) or found.cause is not UnknownCause.MEMORY_LIMIT:
            return found, SEARCH
        if budget.states_max <= SMALL_STATES_MAX:
            return found, SEARCH
    # Numba takes half a second to import, which small histories need not pay.
    from checker.linearizability.window.search import search_window  # noqa: PLC0415

    known = None if columns is None else columns()
    found = search_window(ops, model, budget, traced=traced, prophetic=prophetic, columns=known)
    return found, WINDOW


def refuter(ops: Sequence[Op], model: Model[State]) -> Refuter[State]:
    """For many searches in parts of the same ops; numba is imported."""
    from checker.linearizability.window.search import Refuter  # noqa: PLC0415

    return Refuter(ops, model)
