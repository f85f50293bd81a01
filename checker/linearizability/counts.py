"""Why a value cannot have come as often as it was found, in words."""

from __future__ import annotations

from typing import Final

from checker.linearizability.acts import Acts, describe_seen, of_unknown_outcome
from checker.linearizability.search import Counted

COUNTED: Final = (
    "the operations shown suffice by counting: leave out one that found a value, and the "
    "numbers agree"
)
_TIMES_SHOWN: Final = 3
_BRINGERS_SHOWN: Final = 4


def tell_of_counts(counted: Counted, acts: Acts) -> str:
    """Who found the value how often, and who can have brought it."""
    times, last = len(counted.seers), counted.seers[-1]
    value = describe_seen(last)
    began = counted.others[0]
    since = "the start" if began is None else acts.clock(began.invoked)
    pairs = zip(counted.others, counted.seers, strict=True)
    found = [acts.saw(op) for pair in pairs for op in pair if op is not None]
    shown = found[: 2 * _TIMES_SHOWN]
    if len(found) > len(shown):
        shown.append("and so on")
    again = "once" if times == 1 else f"{times} times"
    return (
        f"{value} came {again} from {since} to {acts.clock(last.completed)}, each time after "
        f"another value: {', '.join(shown)}; each time another operation must have brought it, "
        f"but {_can_have(counted, acts)}"
    )


def _can_have(counted: Counted, acts: Acts) -> str:
    bringers = [f"{acts.attempt(op)}{of_unknown_outcome(op)}" for op in counted.bringers]
    if not bringers:
        return "none can have"
    shown = bringers[:_BRINGERS_SHOWN]
    more = len(bringers) - len(shown)
    if more:
        shown.append(f"and {more} more")
    return f"only {len(bringers)} can have: {', '.join(shown)}"
