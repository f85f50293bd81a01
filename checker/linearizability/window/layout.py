"""From operations as numbers to the events that the kernel goes through.

Everything that depends on time only is found here once, in O(n log n): ranks,
slots and lanes, who can still see what, and who can still install what.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from checker.linearizability.jit import inner_jit, jit
from checker.linearizability.window.problem import (
    ANY,
    EXPIRE,
    INVOKE,
    LANE_MEMBERS_MAX,
    REGISTER,
    RETURN,
    Problem,
)
from histories.columns import Bools, Int32s, Int64s, UInt8s
from histories.op import FOREVER

_NEVER: Final = 2**31 - 1
_EARLY_MAX: Final = 8
"""Of more it is not tried which of them had happened before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """The operations of one object that were not refused, ascending by invocation.

    ``need``, ``put`` and ``asks`` are per kind, see ``Problem``; the rest per op.
    ``early`` are those that may have happened before all others.  ``values`` bounds
    the numbers of values of a register.
    """

    mode: int
    initial: int
    invoked: Int64s
    completed: Int64s
    early: Bools
    process: Int64s
    kind: Int32s
    observer: UInt8s
    need: Int64s
    put: Int64s
    asks: Int32s
    values: int

    def only(self, rows: Int64s) -> Operations:
        return Operations(
            mode=self.mode,
            initial=self.initial,
            invoked=self.invoked[rows],
            completed=self.completed[rows],
            early=self.early[rows],
            process=self.process[rows],
            kind=self.kind[rows],
            observer=self.observer[rows],
            need=self.need,
            put=self.put,
            asks=self.asks,
            values=self.values,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A problem, which rows its ops had among the operations, and its size.

    ``slots`` and ``lanes`` are how many are used at one time.
    """

    problem: Problem
    rows: Int64s
    slots: int
    lanes: int


def stretch(operations: Operations, last: int, size: int, beyond: int) -> tuple[Int64s, Operations]:
    """What was called or open in a stretch of time around the return of the op in row
    ``last``, and its rows.

    The stretch begins with the ``size`` ops invoked last before that return, and ends
    when ``beyond`` more have returned.
    What was open when the first of them began may have happened before; what is still
    open at the end may have happened or not, and counts as indeterminate.  If the
    stretch has no linearization from any value, the whole has none.
    """
    middle = operations.completed[last]
    returns = np.sort(operations.completed[operations.completed != FOREVER])
    end = returns[min(np.searchsorted(returns, middle) + beyond, returns.size - 1)]
    before = np.flatnonzero(operations.invoked <= middle)
    start = operations.invoked[before[-min(size, before.size)]]
    inside = (operations.invoked >= start) & (operations.invoked <= end)
    certain = inside & (operations.completed <= end)
    changing = operations.observer == 0
    open_at_start = (operations.invoked < start) & (operations.completed >= start) & changing
    early = open_at_start & (operations.completed <= end)
    if np.count_nonzero(early) > _EARLY_MAX:
        early[:] = False
    optional = (open_at_start & ~early) | (inside & ~certain & changing)
    rows = np.flatnonzero(certain | early | optional)
    part = operations.only(rows)
    fresh = np.iinfo(np.int64).max - np.arange(rows.size)
    return rows, replace(
        part,
        completed=np.where(optional[rows], FOREVER, part.completed),
        early=early[rows],
        process=np.where((optional | early)[rows], fresh, part.process),
    )


def lay_out(operations: Operations, *, look_ahead: bool) -> Layout:
    """The events of these operations.

    Args:
        operations: As said there.
        look_ahead: For registers, whether to drop configurations that cannot explain
            what is still to come.  Without, the search gets stuck at the first
            completion that nothing explains, with it perhaps earlier.
    """
    certain = operations.completed != FOREVER
    rows = np.flatnonzero(certain | (operations.observer == 0))
    part = operations.only(rows)
    invoked_at, returned_at = _events(part)
    until = _matters_until(part, invoked_at, returned_at)
    useful = (returned_at != _NEVER) | (invoked_at < until)
    if not useful.all():
        rows, part = rows[useful], part.only(np.flatnonzero(useful))
        invoked_at, returned_at = _events(part)
        until = _matters_until(part, invoked_at, returned_at)
    return _assembled(part, rows, invoked_at, returned_at, until, look_ahead)


def _matters_until(part: Operations, invoked_at: Int32s, returned_at: Int32s) -> Int32s:
    """Per op the last event at which someone may see its effect."""
    if part.mode != REGISTER:
        return np.full(part.kind.size, _NEVER, dtype=np.int32)
    until = _seen_until(part, invoked_at, returned_at)
    return until[part.put[part.kind]]


def _events(part: Operations) -> tuple[Int32s, Int32s]:
    """Per op the numbers of the events at which it is invoked and returns.

    At one instant invocations come first; what never returns does so at ``_NEVER``.
    """
    returning = np.flatnonzero(part.completed != FOREVER)
    order = returning[np.argsort(part.completed[returning], kind="stable")]
    invoked_at = np.empty(part.invoked.size, dtype=np.int32)
    returned_at = np.full(part.invoked.size, _NEVER, dtype=np.int32)
    _number_events(part.invoked, part.completed, order, invoked_at, returned_at)
    return invoked_at, returned_at


@jit
def _number_events(
    invoked: Int64s, completed: Int64s, order: Int64s, invoked_at: Int32s, returned_at: Int32s
) -> None:
    """Fill the last two; ``order`` is that in which ops return."""
    begun = 0
    for ended in range(order.size):
        op = order[ended]
        while begun < invoked.size and invoked[begun] <= completed[op]:
            invoked_at[begun] = begun + ended
            begun += 1
        returned_at[op] = begun + ended
    for op in range(begun, invoked.size):
        invoked_at[op] = op + order.size


def _after(part: Operations) -> Int32s:
    """Per op the op of its process that ends at the very instant it begins, or -1."""
    after = np.full(part.process.size, -1, dtype=np.int32)
    order = np.argsort(part.process, kind="stable")
    earlier, later = order[:-1], order[1:]
    tied = (part.process[earlier] == part.process[later]) & (
        part.completed[earlier] >= part.invoked[later]
    )
    after[later[tied]] = earlier[tied]
    return after


def _assembled(
    part: Operations,
    rows: Int64s,
    invoked_at: Int32s,
    returned_at: Int32s,
    until: Int32s,
    look_ahead: bool,
) -> Layout:
    after = _after(part)
    followed = np.zeros(after.size, dtype=np.uint8)
    followed[after[after >= 0]] = 1
    certain = (returned_at != _NEVER).astype(np.uint8)
    group, member_from, members, expiry = _groups(certain, part.kind, after, until)
    event_type, event_op, slot, sizes = _allocated(invoked_at, returned_at, certain, group, expiry)
    in_time = np.full(part.kind.size, _NEVER, dtype=np.int32)
    needer_from = least_in_time = np.zeros(0, dtype=np.int32)
    hides = np.zeros(part.kind.size, dtype=np.uint8)
    if part.mode == REGISTER:
        in_time, needer_from, least_in_time = _foresight(part, certain, event_type, event_op)
        hides = _hiding(part, event_type, event_op, invoked_at, returned_at)
    if not look_ahead:
        in_time[:] = _NEVER
        least_in_time[:] = _NEVER
    problem = Problem(
        event_type=event_type,
        event_op=event_op,
        kind=part.kind,
        certain=certain,
        observer=part.observer,
        slot=slot,
        returns=returned_at,
        after=after,
        followed=followed,
        hides=hides,
        in_time=in_time,
        group=group,
        need=part.need,
        put=part.put,
        asks=part.asks,
        needer_from=needer_from,
        least_in_time=least_in_time,
        member_from=member_from,
        members=members,
    )
    return Layout(problem=problem, rows=rows, slots=int(sizes[0]), lanes=int(sizes[1]))


def _seen_until(part: Operations, invoked_at: Int32s, returned_at: Int32s) -> Int32s:
    """Per value the last event at which it may matter to an answered operation.

    An indeterminate one that needs it matters itself as long as what it puts does.
    """
    need, put = part.need[part.kind], part.put[part.kind]
    until = np.full(part.values + 1, -1, dtype=np.int32)
    answered = (returned_at != _NEVER) & (need != ANY)
    np.maximum.at(until, need[answered], returned_at[answered])
    links = np.flatnonzero((returned_at == _NEVER) & (need != ANY) & (put != ANY))[::-1]
    changes = [(int(invoked_at[op]), int(need[op]), int(put[op])) for op in links]
    latest: list[int] = until.tolist()
    changed = True
    while changed:
        changed = False
        for invoked, needed, installed in changes:
            if invoked < latest[installed] and latest[needed] < latest[installed]:
                latest[needed] = latest[installed]
                changed = True
    return np.array(latest, dtype=np.int32)


def _groups(
    certain: UInt8s, kind: Int32s, after: Int32s, until: Int32s
) -> tuple[Int32s, Int32s, Int32s, Int32s]:
    """Which indeterminate ops share a lane: per op its group, then per group its members
    (as offsets and ops), and the event after which it does not matter."""
    current: dict[int, int] = {}
    groups: list[list[int]] = []
    for op in np.flatnonzero(certain == 0).tolist():
        alike, is_tied = int(kind[op]), after[op] >= 0
        mine = current.get(alike)
        if is_tied or mine is None or len(groups[mine]) == LANE_MEMBERS_MAX:
            mine = len(groups)
            groups.append([])
            if not is_tied:
                current[alike] = mine
        groups[mine].append(op)
    group = np.full(kind.size, -1, dtype=np.int32)
    for number, ops in enumerate(groups):
        group[ops] = number
    member_from = np.cumsum([0, *map(len, groups)], dtype=np.int32)
    members = np.array([op for ops in groups for op in ops], dtype=np.int32)
    return group, member_from, members, until[[ops[-1] for ops in groups]]


def _allocated(
    invoked_at: Int32s, returned_at: Int32s, certain: UInt8s, group: Int32s, expiry: Int32s
) -> tuple[UInt8s, Int32s, Int32s, Int32s]:
    """The events in order, per op its slot or lane, and how many slots and lanes there are."""
    returning = np.flatnonzero(certain)
    base = np.zeros(invoked_at.size + returning.size, dtype=np.int32)
    base[invoked_at] = np.arange(invoked_at.size)
    base[returned_at[returning]] = ~returning
    event_type = np.zeros(base.size + expiry.size, dtype=np.uint8)
    event_op = np.zeros(base.size + expiry.size, dtype=np.int32)
    slot = np.full(invoked_at.size, -1, dtype=np.int32)
    lane_of = np.full(expiry.size, -1, dtype=np.int32)
    used = np.zeros((2, invoked_at.size + 1), dtype=np.uint8)
    sizes = np.zeros(2, dtype=np.int32)
    ends = np.argsort(expiry, kind="stable")
    count = _allocate(
        *(base, certain, group, expiry, ends, used), *(event_type, event_op, slot, lane_of, sizes)
    )
    return event_type[:count], event_op[:count], slot, sizes


@jit
def _allocate(
    base: Int32s,
    certain: UInt8s,
    group: Int32s,
    expiry: Int32s,
    ends: Int64s,
    used: UInt8s,
    event_type: UInt8s,
    event_op: Int32s,
    slot: Int32s,
    lane_of: Int32s,
    sizes: Int32s,
) -> int:
    """Fill the last five; ``base`` has the ops by event, those that return negated.

    Answers how many events there are.
    """
    count, ended = 0, 0
    for at in range(base.size):
        op = np.int64(base[at])
        if op < 0:
            op = ~op
            used[0, slot[op]] = 0
            event_type[count], event_op[count] = RETURN, op
        else:
            if certain[op]:
                slot[op] = _first_free(used[0], sizes, 0)
            else:
                if lane_of[group[op]] < 0:
                    lane_of[group[op]] = _first_free(used[1], sizes, 1)
                slot[op] = lane_of[group[op]]
            event_type[count], event_op[count] = INVOKE, op
        count += 1
        while ended < expiry.size and expiry[ends[ended]] <= at:
            lane = lane_of[ends[ended]]
            if lane >= 0:
                used[1, lane] = 0
                event_type[count], event_op[count] = EXPIRE, lane
                count += 1
            ended += 1
    return count


@inner_jit
def _first_free(used: UInt8s, sizes: Int32s, which: int) -> int:
    free = 0
    while used[free]:
        free += 1
    used[free] = 1
    sizes[which] = max(sizes[which], free + 1)
    return free


def _foresight(
    part: Operations, certain: UInt8s, event_type: UInt8s, event_op: Int32s
) -> tuple[Int32s, Int32s, Int32s]:
    """``in_time``, ``needer_from`` and ``least_in_time`` of ``Problem``."""
    need, put = part.need[part.kind], part.put[part.kind]
    need[certain == 0] = ANY
    needers = np.bincount(need[need != ANY], minlength=part.values + 1)
    needer_from = np.concatenate(([0], np.cumsum(needers))).astype(np.int32)
    in_time = np.full(need.size, _NEVER, dtype=np.int32)
    least = np.full(needer_from[-1], _NEVER, dtype=np.int32)
    _foresee(event_type, event_op, need, put, needer_from, in_time, least)
    return in_time, needer_from, least


@jit
def _foresee(
    event_type: UInt8s,
    event_op: Int32s,
    need: Int64s,
    put: Int64s,
    needer_from: Int32s,
    in_time: Int32s,
    least: Int32s,
) -> None:
    """Fill the last two."""
    installed = np.zeros(needer_from.size, dtype=np.int32)
    for at in range(event_type.size):
        op = np.int64(event_op[at])
        if event_type[at] == INVOKE and put[op] != ANY:
            installed[put[op]] += 1
        elif event_type[at] == RETURN and need[op] != ANY:
            in_time[op] = installed[need[op]]
    free = needer_from[1:].copy()
    latest = np.full(needer_from.size, _NEVER, dtype=np.int32)
    for needer in range(need.size - 1, -1, -1):
        if need[needer] != ANY:
            value = np.int64(need[needer])
            latest[value] = min(latest[value], in_time[needer])
            free[value] -= 1
            least[free[value]] = latest[value]


def _hiding(
    part: Operations,
    event_type: UInt8s,
    event_op: Int32s,
    invoked_at: Int32s,
    returned_at: Int32s,
) -> UInt8s:
    """Which are answered, blind, and of a value that nobody can find.

    What needs the value must return after the op was invoked, and must be invoked
    before another operation has replaced it for certain.
    """
    need, put = part.need[part.kind], part.put[part.kind]
    hides = np.zeros(need.size, dtype=np.uint8)
    _hide(event_type, event_op, need, put, invoked_at, returned_at, part.values, hides)
    return hides


@jit
def _hide(
    event_type: UInt8s,
    event_op: Int32s,
    need: Int64s,
    put: Int64s,
    invoked_at: Int32s,
    returned_at: Int32s,
    values: int,
    hides: UInt8s,
) -> None:
    """Fill the last one.

    The first op that puts something, is invoked after a blind one returned, and has
    returned itself, has replaced what that one put; those that returned earlier are
    replaced no later, so they wait in a row.
    """
    needed_until = np.full(values + 1, -1, dtype=np.int32)
    waiting = np.empty(need.size, dtype=np.int32)
    first, count = 0, 0
    for at in range(event_type.size):
        op = np.int64(event_op[at])
        if event_type[at] == INVOKE and need[op] != ANY:
            needed_until[need[op]] = max(needed_until[need[op]], returned_at[op])
        elif event_type[at] == RETURN and put[op] != ANY:
            while first < count and returned_at[waiting[first]] < invoked_at[op]:
                blind = np.int64(waiting[first])
                hides[blind] = needed_until[put[blind]] < invoked_at[blind]
                first += 1
            if need[op] == ANY:
                waiting[count] = op
                count += 1
    for at in range(first, count):
        blind = np.int64(waiting[at])
        hides[blind] = needed_until[put[blind]] < invoked_at[blind]
