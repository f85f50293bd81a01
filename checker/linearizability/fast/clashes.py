"""What is certainly wrong with a register, even where values were written many times.

A value that one write alone can have installed is there in one stretch of time
(Gibbons & Korach 1997), whatever the rest of the history is like.  So a value that
nothing can have installed was made up; one that was seen before its write began
came from the future; and no other write can lie within the stretch.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from checker.linearizability.fast.base import FAILED, OK, Rows, Violation, closed_evidence
from histories.columns import Int64s

_READ, _WRITE, _CAS = range(3)

_PHANTOM: Final = "nothing installed the value that was seen"
_EARLY: Final = "the value was seen before its only write began"
_WITHIN: Final = "another value was written while this one must have been there all the time"


def clash(rows: Rows, key: int, first: int) -> Violation | None:
    """A violation of a key's register that few ops show, if there is one of these kinds.

    ``first`` is the number of the initial value.  Cost: O(n log n).
    """
    low, high = rows.span(key)
    kind, outcome = rows.kinds("read", "write", "cas")[low:high], rows.outcome[low:high]
    argument, invoked = rows.argument[low:high], rows.invoked[low:high]
    completed, result = rows.completed[low:high], rows.result[low:high]
    values = len(rows.values)
    may_install = ((kind == _WRITE) | (kind == _CAS)) & (outcome != FAILED)
    sees = np.where((outcome == OK) & ((kind == _READ) | (kind == _CAS)), result, -1)
    at_all = np.flatnonzero(sees >= 0)
    sources = np.bincount(argument[may_install & (argument >= 0)], minlength=values)
    if first >= 0:
        sources[first] += 1
    made_up = at_all[sources[sees[at_all]] == 0]
    if made_up.size:
        return _violation(low, [int(made_up[0])], _PHANTOM)
    maker = np.full(values, -1, dtype=np.int64)
    writes = np.flatnonzero(may_install & (kind == _WRITE) & (argument >= 0))
    maker[argument[writes]] = writes
    maker[sources != 1] = -1
    seers = at_all[maker[sees[at_all]] >= 0]
    seers = seers[np.argsort(completed[seers], kind="stable")]
    early = seers[completed[seers] < invoked[maker[sees[seers]]]]
    if early.size:
        return _violation(low, [int(maker[sees[early[0]]]), int(early[0])], _EARLY)
    return _within(low, kind, outcome, argument, sees, invoked, completed, maker, seers)


def _within(
    low: int,
    kind: Int64s,
    outcome: Int64s,
    argument: Int64s,
    sees: Int64s,
    invoked: Int64s,
    completed: Int64s,
    maker: Int64s,
    seers: Int64s,
) -> Violation | None:
    answered = np.flatnonzero((kind == _WRITE) & (outcome == OK))
    seen, at = np.unique(sees[seers], return_index=True)
    if not seen.size or not answered.size:
        return None
    # Of each value seen: the op on it that ended first, and the one that began last.
    begins = maker[seen]
    begins = np.where(completed[seers[at]] < completed[begins], seers[at], begins)
    by_invocation = seers[np.argsort(-invoked[seers], kind="stable")]
    ends = by_invocation[np.unique(sees[by_invocation], return_index=True)[1]]
    order = np.argsort(completed[begins], kind="stable")
    begins, ends, seen = begins[order], ends[order], seen[order]
    until = invoked[ends]
    latest = np.maximum.accumulate(until)
    longest = np.maximum.accumulate(np.where(until == latest, np.arange(until.size), 0))
    place = np.searchsorted(completed[begins], invoked[answered], side="left") - 1
    zone = longest[np.maximum(place, 0)]
    inside = (place >= 0) & (until[zone] > completed[answered]) & (seen[zone] != argument[answered])
    if not inside.any():
        return None
    found = int(np.flatnonzero(inside)[0])
    first, last = int(begins[zone[found]]), int(ends[zone[found]])
    core = [first, int(answered[found]), last]
    return _violation(low, core, _WITHIN, int(maker[seen[zone[found]]]))


def _violation(low: int, core: list[int], hint: str, *more: int) -> Violation:
    return closed_evidence({at + low for at in more}, [at + low for at in core], hint)
