"""What can be linearized next after a configuration, and what then follows by itself.

Numba's cache looks at one file only: who changes this one must touch ``kernel.py``.
"""

from __future__ import annotations

import numpy as np

from checker.linearizability.jit import bare_inner_jit
from checker.linearizability.window.problem import (
    ANY,
    GOAL,
    HIDING,
    MUTATORS,
    PASSED,
    REGISTER,
    TIED,
    Memory,
    Problem,
    Window,
)
from checker.linearizability.window.rows import bit_of, copy, insert, logged, lowest, step
from histories.columns import Int64s


@bare_inner_jit
def is_ready(problem: Problem, window: Window, slot: int, row: Int64s) -> bool:
    """Whether what must come before the op in this slot is linearized in the row."""
    before = np.int64(problem.after[window.slot_op[slot]])
    return before < 0 or is_linearized(problem, window, before, row)


@bare_inner_jit
def is_linearized(problem: Problem, window: Window, op: int, row: Int64s) -> bool:
    """Whether the row has this op, which was invoked, behind it."""
    slot = problem.slot[op]
    if window.slot_op[slot] != op:
        return True
    words = window.masks.shape[1]
    if problem.observer[op]:
        return row[1 + words + (slot >> 6)] & bit_of(slot) == 0
    return row[1 + (slot >> 6)] & bit_of(slot) != 0


@bare_inner_jit
def _settle(mode: int, problem: Problem, window: Window, memory: Memory, row: Int64s) -> None:
    """Linearize every observer owed that the state of the row agrees with."""
    words = window.masks.shape[1]
    again = True
    while again:
        again = False
        for word in range(words):
            owed = row[1 + words + word]
            while owed:
                slot = word * 64 + lowest(owed)
                owed &= owed - 1
                tied = window.masks[TIED, word] & bit_of(slot) != 0
                if tied and not is_ready(problem, window, slot, row):
                    continue
                after = step(mode, problem, memory, row[0], problem.kind[window.slot_op[slot]])
                if after >= 0:
                    row[1 + words + word] &= ~bit_of(slot)
                    again = again or window.masks[TIED, 0] != 0 or words > 1


@bare_inner_jit
def _supplied(problem: Problem, window: Window, row: Int64s, value: int) -> bool:
    """Whether something open can still install the value."""
    words = window.masks.shape[1]
    for word in range(words):
        left = window.masks[MUTATORS, word] & ~row[1 + word]
        while left:
            slot = word * 64 + lowest(left)
            left &= left - 1
            if problem.put[problem.kind[window.slot_op[slot]]] == value:
                return True
    for lane in range(window.lane_op.size):
        op = window.lane_op[lane]
        if op >= 0 and problem.put[problem.kind[op]] == value:
            used = row[1 + 2 * words + (lane >> 2)] >> np.int64(16 * (lane & 3)) & 0x7FFF
            if used < window.lane_count[lane]:
                return True
    return False


@bare_inner_jit
def _is_dead(problem: Problem, window: Window, row: Int64s, left: int) -> bool:
    """Whether someone still needs the value that was left, and nothing can install it."""
    installed = window.installed[left]
    to_come = problem.needer_from[left] + window.needed[left]
    wanted = to_come < problem.needer_from[left + 1] and problem.least_in_time[to_come] <= installed
    words = window.masks.shape[1]
    for word in range(words):
        waiting = row[1 + words + word] | (window.masks[MUTATORS, word] & ~row[1 + word])
        while waiting and not wanted:
            op = window.slot_op[word * 64 + lowest(waiting)]
            waiting &= waiting - 1
            wanted = problem.need[problem.kind[op]] == left and problem.in_time[op] <= installed
    return wanted and not _supplied(problem, window, row, left)


@bare_inner_jit
def _hide(problem: Problem, window: Window, row: Int64s) -> None:
    """Linearize all open operations that hide, as a blind one is about to follow."""
    for word in range(window.masks.shape[1]):
        hidden = window.masks[HIDING, word] & ~row[1 + word]
        if window.masks[TIED, word] & hidden:
            rest = hidden & window.masks[TIED, word]
            while rest:
                slot = word * 64 + lowest(rest)
                rest &= rest - 1
                if not is_ready(problem, window, slot, row):
                    hidden &= ~bit_of(slot)
        row[1 + word] |= hidden


@bare_inner_jit
def _log(window: Window, memory: Memory, trail: int, first: int, old: Int64s, new: Int64s) -> int:
    """The trail and then the ops whose bits, from word ``first`` on, differ."""
    last = -1
    while True:
        least = np.int64(2**31)
        for word in range(window.masks.shape[1]):
            fresh = old[first + word] ^ new[first + word]
            while fresh:
                op = np.int64(window.slot_op[word * 64 + lowest(fresh)])
                fresh &= fresh - 1
                if last < op < least:
                    least = op
        if least == 2**31:
            return trail
        last = least
        trail = logged(memory, trail, least)


@bare_inner_jit
def _arrive(
    mode: int,
    problem: Problem,
    window: Window,
    memory: Memory,
    source: int,
    op: int,
    after: int,
    wave_op: int,
    traced: bool,
) -> bool:
    """Keep what becomes of row ``source`` of the pool by ``op``; false if the pool is full.

    The scratch row holds it already, but for the state and the observers.
    """
    words = window.masks.shape[1]
    row = memory.scratch[0]
    before, settled = memory.scratch[1], memory.scratch[2]
    if traced:
        copy(before, row)
    row[0] = after
    _settle(mode, problem, window, memory, row)
    if traced:
        copy(settled, row)
    flag = PASSED
    if is_linearized(problem, window, wave_op, row):
        flag = GOAL
        slot = problem.slot[wave_op]
        row[1 + (slot >> 6)] &= ~bit_of(slot)
    at = insert(window, memory, row, flag, words)
    if at >= 0 and traced:
        trail = np.int64(memory.pool_trail[source])
        hidden = memory.scratch[3]
        copy(hidden, before)
        if problem.certain[op]:
            slot = problem.slot[op]
            hidden[1 + (slot >> 6)] &= ~bit_of(slot)
        trail = _log(window, memory, trail, np.int64(1), memory.pool[source], hidden)
        trail = logged(memory, trail, op)
        memory.pool_trail[at] = _log(window, memory, trail, 1 + words, before, settled)
    return at != -2


@bare_inner_jit
def expand(
    mode: int, problem: Problem, window: Window, memory: Memory, at: int, wave_op: int, traced: bool
) -> bool:
    """Linearize each one operation more after row ``at``; false if the pool is full."""
    words = window.masks.shape[1]
    row = memory.scratch[0]
    for word in range(words):
        left = window.masks[MUTATORS, word] & ~memory.pool[at, 1 + word]
        while left:
            slot = word * 64 + lowest(left)
            left &= left - 1
            if not _goes_first(window, memory.pool[at], slot):
                continue
            op = window.slot_op[slot]
            if window.masks[TIED, word] & bit_of(slot) and not is_ready(
                problem, window, slot, memory.pool[at]
            ):
                continue
            kind = problem.kind[op]
            state = memory.pool[at, 0]
            after = step(mode, problem, memory, state, kind)
            if after < 0:
                continue
            copy(row, memory.pool[at])
            if mode == REGISTER and problem.need[kind] == ANY:
                _hide(problem, window, row)
            row[1 + word] |= bit_of(slot)
            if mode == REGISTER and after != state and _is_dead(problem, window, row, state):
                continue
            if not _arrive(mode, problem, window, memory, at, op, after, wave_op, traced):
                return False
    return _expand_lanes(mode, problem, window, memory, at, wave_op, traced)


@bare_inner_jit
def _goes_first(window: Window, row: Int64s, slot: int) -> bool:
    """Whether no operation of the same kind that returns earlier is still to be done."""
    for word in range(window.masks.shape[1]):
        if window.better[slot, word] & ~row[1 + word]:
            return False
    return True


@bare_inner_jit
def _expand_lanes(
    mode: int, problem: Problem, window: Window, memory: Memory, at: int, wave_op: int, traced: bool
) -> bool:
    """The same for indeterminate operations."""
    words = window.masks.shape[1]
    row = memory.scratch[0]
    for lane in range(window.lane_op.size):
        op = window.lane_op[lane]
        if op < 0:
            continue
        place, shift = 1 + 2 * words + (lane >> 2), np.int64(16 * (lane & 3))
        used = memory.pool[at, place] >> shift & 0x7FFF
        before = np.int64(problem.after[op])
        if used >= window.lane_count[lane] or (
            before >= 0 and not is_linearized(problem, window, before, memory.pool[at])
        ):
            continue
        kind = problem.kind[op]
        state = memory.pool[at, 0]
        after = step(mode, problem, memory, state, kind)
        if (
            after < 0
            or after == state
            or _has_answered(mode, problem, window, memory, at, op, after)
        ):
            continue
        copy(row, memory.pool[at])
        if mode == REGISTER and problem.need[kind] == ANY:
            _hide(problem, window, row)
        row[place] += np.int64(1) << shift
        if mode == REGISTER and _is_dead(problem, window, row, state):
            continue
        member = problem.members[problem.member_from[problem.group[op]] + used]
        if not _arrive(mode, problem, window, memory, at, member, after, wave_op, traced):
            return False
    return True


@bare_inner_jit
def _has_answered(
    mode: int, problem: Problem, window: Window, memory: Memory, at: int, op: int, after: int
) -> bool:
    """Whether an answered operation that asks for the same as ``op`` can step to ``after``."""
    row = memory.pool[at]
    for word in range(window.masks.shape[1]):
        left = window.masks[MUTATORS, word] & ~row[1 + word]
        while left:
            slot = word * 64 + lowest(left)
            left &= left - 1
            kind = problem.kind[window.slot_op[slot]]
            if problem.asks[kind] != problem.asks[problem.kind[op]]:
                continue
            reached = step(mode, problem, memory, row[0], kind)
            if reached == after and is_ready(problem, window, slot, row):
                return True
    return False
