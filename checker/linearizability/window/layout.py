"""From operations as numbers to the events that the kernel goes through.

Everything that depends on time only is found here once, in O(n log n): ranks,
slots and lanes, who can still see what, and who can still install what.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from checker.linearizability.sorting import ascending, first_from
from checker.linearizability.window.jit import jit
from checker.linearizability.window.problem import (
    ANY,
    EXPIRE,
    INVOKE,
    LANE_MEMBERS_MAX,
    REGISTER,
    RETURN,
    Problem,
)
from histories.columns import Int32s, Int64s, UInt8s
from histories.op import FOREVER

_NEVER: Final = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """The operations of one object that were not refused, ascending by invocation.

    ``need``, ``put`` and ``asks`` are per kind, see ``Problem``; the rest per op.
    ``values`` bounds the numbers of values of a register.
    """

    mode: int
    initial: int
    invoked: Int64s
    completed: Int64s
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


def stretch(operations: Operations, last: int, size: int) -> tuple[Int64s, Operations]:
    """The ``size`` ops invoked last before the one in row ``last`` returns, and their rows.

    What was open when the first of them began may have happened before or not, and
    what is still open at the end may have happened or not: such ops count as
    indeterminate.  If the stretch has no linearization from any initial value, the
    whole has none.
    """
    end = operations.completed[last]
    before = np.flatnonzero(operations.invoked <= end)
    start = operations.invoked[before[-min(size, before.size)]]
    inside = (operations.invoked >= start) & (operations.invoked <= end)
    certain = inside & (operations.completed <= end)
    open_at_start = (operations.invoked < start) & (operations.completed >= start)
    optional = (open_at_start | (inside & ~certain)) & (operations.observer == 0)
    rows = np.flatnonzero(certain | optional)
    part = operations.only(rows)
    fresh = np.iinfo(np.int64).max - np.arange(rows.size)
    return rows, replace(
        part,
        completed=np.where(optional[rows], FOREVER, part.completed),
        process=np.where(optional[rows], fresh, part.process),
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
    until = _seen_until(part.kind, part.need, part.put, invoked_at, returned_at, part.values)
    return until[part.put[part.kind]]


def _events(part: Operations) -> tuple[Int32s, Int32s]:
    """Per op the numbers of the events at which it is invoked and returns.

    At one instant invocations come first; what never returns does so at ``_NEVER``.
    """
    returning = np.flatnonzero(part.completed != FOREVER)
    order = returning[np.argsort(part.completed[returning], kind="stable")]
    completed = part.completed[order]
    before = np.searchsorted(part.invoked, completed, side="right")
    returned_at = np.full(part.invoked.size, _NEVER, dtype=np.int32)
    returned_at[order] = before + np.arange(order.size)
    invoked_at = np.arange(part.invoked.size) + np.searchsorted(completed, part.invoked, "left")
    return invoked_at.astype(np.int32), returned_at


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
    event_type, event_op, slot, sizes = _allocate(invoked_at, returned_at, certain, group, expiry)
    values = part.values if part.mode == REGISTER else 0
    in_time, needer_from, least_in_time, hides = _foresight(
        part.kind, part.need, part.put, part.observer, invoked_at, returned_at, values
    )
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


@jit
def _seen_until(
    kind: Int32s, need: Int64s, put: Int64s, invoked_at: Int32s, returned_at: Int32s, values: int
) -> Int32s:
    """Per value the last event at which it may matter to an answered operation.

    An indeterminate one that needs it matters itself as long as what it puts does.
    """
    until = np.full(values + 1, -1, dtype=np.int32)
    for op in range(kind.size):
        needed = need[kind[op]]
        if needed != ANY and returned_at[op] != _NEVER:
            until[needed] = max(until[needed], returned_at[op])
    changed = True
    while changed:
        changed = False
        for op in range(kind.size - 1, -1, -1):
            needed, installed = need[kind[op]], put[kind[op]]
            if returned_at[op] != _NEVER or ANY in (needed, installed):
                continue
            if invoked_at[op] < until[installed] and until[needed] < until[installed]:
                until[needed] = until[installed]
                changed = True
    return until


@jit
def _groups(
    certain: UInt8s, kind: Int32s, after: Int32s, until: Int32s
) -> tuple[Int32s, Int32s, Int32s, Int32s]:
    """Which indeterminate ops share a lane: per op its group, then per group its members
    (as offsets and ops), and the event after which it does not matter."""
    kinds = 0
    for op in range(kind.size):
        kinds = max(kinds, kind[op] + 1)
    current = np.full(kinds, -1, dtype=np.int32)
    group = np.full(kind.size, -1, dtype=np.int32)
    sizes = np.zeros(kind.size + 1, dtype=np.int32)
    expiry = np.zeros(kind.size, dtype=np.int32)
    count = 0
    for op in range(kind.size):
        if certain[op]:
            continue
        mine = current[kind[op]]
        if after[op] >= 0 or mine < 0 or sizes[mine] == LANE_MEMBERS_MAX:
            mine = count
            count += 1
            if after[op] < 0:
                current[kind[op]] = mine
        group[op] = mine
        sizes[mine] += 1
        expiry[mine] = until[op]
    member_from = np.zeros(count + 1, dtype=np.int32)
    for number in range(count):
        member_from[number + 1] = member_from[number] + sizes[number]
    members = np.zeros(member_from[count], dtype=np.int32)
    filled = member_from.copy()
    for op in range(kind.size):
        if group[op] >= 0:
            members[filled[group[op]]] = op
            filled[group[op]] += 1
    return group, member_from, members, expiry[:count].copy()


@jit
def _allocate(
    invoked_at: Int32s,
    returned_at: Int32s,
    certain: UInt8s,
    group: Int32s,
    expiry: Int32s,
) -> tuple[UInt8s, Int32s, Int32s, Int32s]:
    """The events in order, per op its slot or lane, and how many slots and lanes there are."""
    ops = invoked_at.size
    returning = 0
    for op in range(ops):
        returning += certain[op]
    base = np.zeros(ops + returning, dtype=np.int32)
    for op in range(ops):
        base[invoked_at[op]] = op
        if certain[op]:
            base[returned_at[op]] = ~op
    groups = expiry.size
    ends = ascending(expiry)
    event_type = np.zeros(ops + returning + groups, dtype=np.uint8)
    event_op = np.zeros(ops + returning + groups, dtype=np.int32)
    slot = np.full(ops, -1, dtype=np.int32)
    lane_of = np.full(groups, -1, dtype=np.int32)
    free_slots = np.zeros(ops + 1, dtype=np.uint8)
    free_lanes = np.zeros(groups + 1, dtype=np.uint8)
    sizes = np.zeros(2, dtype=np.int32)
    count, ended = 0, 0
    for at in range(base.size):
        op = base[at]
        if op < 0:
            op = ~op
            free_slots[slot[op]] = 0
            event_type[count], event_op[count] = RETURN, op
        else:
            if certain[op]:
                free = 0
                while free_slots[free]:
                    free += 1
                free_slots[free] = 1
                slot[op] = free
                sizes[0] = max(sizes[0], free + 1)
            else:
                mine = group[op]
                if lane_of[mine] < 0:
                    free = 0
                    while free_lanes[free]:
                        free += 1
                    free_lanes[free] = 1
                    lane_of[mine] = free
                    sizes[1] = max(sizes[1], free + 1)
                slot[op] = lane_of[mine]
            event_type[count], event_op[count] = INVOKE, op
        count += 1
        while ended < groups and expiry[ends[ended]] <= at:
            lane = lane_of[ends[ended]]
            if lane >= 0:
                free_lanes[lane] = 0
                event_type[count], event_op[count] = EXPIRE, lane
                count += 1
            ended += 1
    return event_type[:count].copy(), event_op[:count].copy(), slot, sizes


@jit
def _foresight(
    kind: Int32s,
    need: Int64s,
    put: Int64s,
    observer: UInt8s,
    invoked_at: Int32s,
    returned_at: Int32s,
    values: int,
) -> tuple[Int32s, Int32s, Int32s, UInt8s]:
    """``in_time``, ``needer_from``, ``least_in_time`` and ``hides`` of ``Problem``."""
    ops = kind.size
    in_time = np.full(ops, _NEVER, dtype=np.int32)
    hides = np.zeros(ops, dtype=np.uint8)
    needer_from = np.zeros(values + 2, dtype=np.int32)
    installer_from = np.zeros(values + 2, dtype=np.int32)
    if values == 0:
        return in_time, needer_from, np.zeros(0, dtype=np.int32), hides
    for op in range(ops):
        if need[kind[op]] != ANY and returned_at[op] != _NEVER:
            needer_from[need[kind[op]] + 1] += 1
        if put[kind[op]] != ANY:
            installer_from[put[kind[op]] + 1] += 1
    for value in range(values + 1):
        needer_from[value + 1] += needer_from[value]
        installer_from[value + 1] += installer_from[value]
    starts = np.zeros(installer_from[values + 1], dtype=np.int32)
    filled = installer_from.copy()
    for op in range(ops):
        value = put[kind[op]]
        if value != ANY:
            starts[filled[value]] = invoked_at[op]
            filled[value] += 1
    least_in_time = np.full(needer_from[values + 1], _NEVER, dtype=np.int32)
    filled = needer_from.copy()
    for op in range(ops):
        value = need[kind[op]]
        if value != ANY and returned_at[op] != _NEVER:
            mine = starts[installer_from[value] : installer_from[value + 1]]
            in_time[op] = first_from(mine, returned_at[op])
            least_in_time[filled[value]] = in_time[op]
            filled[value] += 1
    for value in range(values):
        for at in range(needer_from[value + 1] - 2, needer_from[value] - 1, -1):
            least_in_time[at] = min(least_in_time[at], least_in_time[at + 1])
    _find_hiding(kind, need, put, observer, invoked_at, returned_at, values, hides)
    return in_time, needer_from, least_in_time, hides


@jit
def _find_hiding(
    kind: Int32s,
    need: Int64s,
    put: Int64s,
    observer: UInt8s,
    invoked_at: Int32s,
    returned_at: Int32s,
    values: int,
    hides: UInt8s,
) -> None:
    """Mark the answered blind ops whose value nobody can find.

    What needs the value must return after the op was invoked, and must be invoked
    before another operation has replaced it for certain.
    """
    ops = kind.size
    replaced_by = np.full(ops + 1, _NEVER, dtype=np.int32)
    for op in range(ops - 1, -1, -1):
        replaced_by[op] = replaced_by[op + 1]
        if put[kind[op]] != ANY:
            replaced_by[op] = min(replaced_by[op], returned_at[op])
    offsets = np.zeros(values + 2, dtype=np.int32)
    for op in range(ops):
        if need[kind[op]] != ANY:
            offsets[need[kind[op]] + 1] += 1
    for value in range(values + 1):
        offsets[value + 1] += offsets[value]
    starts = np.zeros(offsets[values + 1], dtype=np.int32)
    latest = np.zeros(offsets[values + 1], dtype=np.int32)
    filled = offsets.copy()
    for op in range(ops):
        value = need[kind[op]]
        if value == ANY:
            continue
        at = filled[value]
        starts[at] = invoked_at[op]
        latest[at] = returned_at[op]
        if at > offsets[value]:
            latest[at] = max(latest[at], latest[at - 1])
        filled[value] += 1
    for op in range(ops):
        value = put[kind[op]]
        if observer[op] or value == ANY or need[kind[op]] != ANY or returned_at[op] == _NEVER:
            continue
        later = first_from(invoked_at, returned_at[op])
        horizon = replaced_by[later]
        low, high = offsets[value], offsets[value + 1]
        count = first_from(starts[low:high], horizon)
        hides[op] = count == 0 or latest[low + count - 1] < invoked_at[op]
