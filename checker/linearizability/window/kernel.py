"""The windowed search as a kernel: the twin of ``checker.linearizability.search``.

The frontier is what explains the events so far.  At a return, chains of
operations are linearized before it, shortest first, until the one that returns
is linearized in all that is kept.  The laws are those of the twin, and:

6. Of open operations that do the same the one that returns first goes first, and
   an answered one goes before an indeterminate one.
7. An operation whose effect nobody can see hides before the next blind one.
8. A value is not left while someone needs it and nobody can install it again.
9. An indeterminate write can do all that an indeterminate compare-and-set to the same
   value can: who used up the latter and has the former left, is none the worse for it.

The kernel can be left and entered again at any row: it keeps everything in
arrays, and to expand a row twice changes nothing.
"""

from __future__ import annotations

import numpy as np

from checker.linearizability.jit import bare_inner_jit, bare_jit
from checker.linearizability.window.expand import expand, is_linearized, is_ready
from checker.linearizability.window.problem import (
    ANY,
    EVENT,
    EXPANDED,
    EXPIRE,
    EXPLORED,
    FINISHED,
    FULL,
    GOAL,
    GOALS,
    HIDING,
    IN_WAVE,
    INVOKE,
    MISSES,
    MUTATORS,
    OBSERVERS,
    PASSED,
    PAUSED,
    PEAK,
    POOL,
    REGISTER,
    RETURNED,
    ROWS,
    SEEDED,
    STAMP,
    STEPS_MISSING,
    STUCK,
    TABLE,
    TIED,
    TRAILS,
    TRAILS_FULL,
    TRUNCATED,
    TRUNCATING,
    Memory,
    Problem,
    Window,
)
from checker.linearizability.window.rows import bit_of, copy, insert, logged, step


@bare_inner_jit
def _open(mode: int, problem: Problem, window: Window, op: int) -> None:
    """Note in the window that the op was invoked."""
    slot = problem.slot[op]
    if mode == REGISTER:
        kind = problem.kind[op]
        if problem.put[kind] != ANY:
            window.installed[problem.put[kind]] += 1
        if problem.certain[op] and problem.need[kind] != ANY:
            window.needed[problem.need[kind]] += 1
    if not problem.certain[op]:
        if window.lane_op[slot] < 0:
            window.lane_op[slot] = op
            if mode == REGISTER:
                _find_writers(problem, window, slot)
        window.lane_count[slot] += 1
        return
    window.slot_op[slot] = op
    word, bit = slot >> 6, bit_of(slot)
    if problem.after[op] >= 0:
        window.masks[TIED, word] |= bit
    if problem.observer[op]:
        window.masks[OBSERVERS, word] |= bit
        return
    for other in range(window.slot_op.size):
        rival = window.slot_op[other]
        if rival < 0 or rival == op or problem.kind[rival] != problem.kind[op]:
            continue
        if problem.observer[rival]:
            continue
        if problem.returns[rival] < problem.returns[op]:
            if problem.after[rival] < 0 and not problem.followed[op]:
                window.better[slot, other >> 6] |= bit_of(other)
        elif problem.after[op] < 0 and not problem.followed[rival]:
            window.better[other, word] |= bit
    window.masks[MUTATORS, word] |= bit
    if problem.hides[op]:
        window.masks[HIDING, word] |= bit


@bare_inner_jit
def _find_writers(problem: Problem, window: Window, lane: int) -> None:
    """Say which lanes hold writes that can stand for what this lane holds, or it for them.

    One that must come after another operation stands for none, and none for it.
    """
    op = window.lane_op[lane]
    if problem.after[op] >= 0:
        return
    is_write = problem.need[problem.kind[op]] == ANY
    for other in range(window.lane_op.size):
        rival = window.lane_op[other]
        if rival < 0 or problem.after[rival] >= 0:
            continue
        if problem.put[problem.kind[rival]] != problem.put[problem.kind[op]]:
            continue
        if is_write:
            window.lane_writer[other] = lane
        elif problem.need[problem.kind[rival]] == ANY:
            window.lane_writer[lane] = other


@bare_inner_jit
def _close(problem: Problem, window: Window, op: int) -> None:
    """Note in the window that the op returned."""
    slot = problem.slot[op]
    window.slot_op[slot] = -1
    word, keep = slot >> 6, ~bit_of(slot)
    for row in range(window.masks.shape[0]):
        window.masks[row, word] &= keep
    for other in range(window.slot_op.size):
        window.better[other, word] &= keep
    for at in range(window.better.shape[1]):
        window.better[slot, at] = 0


@bare_inner_jit
def _invoke(
    mode: int, problem: Problem, window: Window, memory: Memory, op: int, traced: bool
) -> int:
    scalars = memory.scalars
    observer = problem.certain[op] and problem.observer[op]
    slot = np.int64(problem.slot[op])
    words = window.masks.shape[1]
    kind = problem.kind[op]
    if observer:
        if traced and memory.trail_op.size - scalars[TRAILS] < scalars[ROWS]:
            return TRAILS_FULL
        for at in range(scalars[ROWS] if mode == TABLE else 0):
            memory.scratch[4, 0] = step(mode, problem, memory, memory.frontier[at, 0], kind)
            if scalars[MISSES]:
                return STEPS_MISSING
    _open(mode, problem, window, op)
    if not observer:
        return FINISHED
    place, bit = 1 + words + (slot >> 6), bit_of(slot)
    for at in range(scalars[ROWS]):
        memory.frontier[at, place] |= bit
        if problem.after[op] >= 0 and not is_ready(problem, window, slot, memory.frontier[at]):
            continue
        after = step(mode, problem, memory, memory.frontier[at, 0], kind)
        if after >= 0:
            memory.frontier[at, place] &= ~bit
            if traced:
                memory.frontier_trail[at] = logged(memory, np.int64(memory.frontier_trail[at]), op)
    return FINISHED


@bare_inner_jit
def _free(window: Window, lane: int) -> None:
    window.lane_op[lane] = -1
    window.lane_count[lane] = 0
    for other in range(window.lane_writer.size):
        if other == lane or window.lane_writer[other] == lane:
            window.lane_writer[other] = -1


@bare_inner_jit
def _expire(window: Window, memory: Memory, lane: int) -> None:
    """Nobody can see any more what the members of the lane do."""
    _free(window, lane)
    place = 1 + 2 * window.masks.shape[1] + (lane >> 2)
    keep = ~(np.int64(0xFFFF) << np.int64(16 * (lane & 3)))
    for at in range(memory.scalars[ROWS]):
        memory.frontier[at, place] &= keep


@bare_inner_jit
def _seed(problem: Problem, window: Window, memory: Memory, op: int) -> bool:
    """Put the frontier into the pool; false if the pool is full."""
    scalars = memory.scalars
    if not scalars[IN_WAVE]:
        scalars[IN_WAVE] = 1
        scalars[SEEDED] = scalars[EXPANDED] = scalars[POOL] = scalars[GOALS] = 0
        scalars[STAMP] += 1
    words = window.masks.shape[1]
    slot = problem.slot[op]
    row = memory.scratch[0]
    while scalars[SEEDED] < scalars[ROWS]:
        copy(row, memory.frontier[scalars[SEEDED]])
        flag = GOAL if is_linearized(problem, window, op, row) else PASSED
        if flag == GOAL:
            row[1 + (slot >> 6)] &= ~bit_of(slot)
        at = insert(window, memory, row, flag, words)
        if at == -2:
            return False
        if at >= 0:
            memory.pool_trail[at] = memory.frontier_trail[scalars[SEEDED]]
        scalars[SEEDED] += 1
    return True


@bare_inner_jit
def _is_done(problem: Problem, window: Window, memory: Memory, op: int) -> bool:
    """Whether the op is linearized in all that is kept."""
    for at in range(memory.scalars[ROWS]):
        if not is_linearized(problem, window, op, memory.frontier[at]):
            return False
    return True


@bare_inner_jit
def _linearize(
    mode: int,
    problem: Problem,
    window: Window,
    memory: Memory,
    op: int,
    width: int,
    limit: int,
    traced: bool,
) -> int:
    """Make of the frontier all that follows from it and has the op linearized."""
    scalars = memory.scalars
    if not _seed(problem, window, memory, op):
        return FULL
    room = (window.slot_op.size + window.lane_op.size + 1) * (window.slot_op.size + 2)
    while scalars[EXPANDED] < scalars[POOL]:
        at = scalars[EXPANDED]
        if memory.pool_flag[at] == PASSED:
            if width and (scalars[GOALS] >= width or at >= 64 * width):
                if not scalars[TRUNCATED]:
                    return TRUNCATING
                break
            if scalars[EXPLORED] >= limit:
                return PAUSED
            if traced and memory.trail_op.size - scalars[TRAILS] < room:
                return TRAILS_FULL
            if not expand(mode, problem, window, memory, at, op, traced):
                return FULL
            if scalars[MISSES]:
                return STEPS_MISSING
        scalars[EXPANDED] += 1
    scalars[PEAK] = max(scalars[PEAK], scalars[POOL])
    if not scalars[GOALS]:
        return STUCK
    rows = 0
    for at in range(scalars[POOL]):
        if memory.pool_flag[at] == GOAL:
            copy(memory.frontier[rows], memory.pool[at])
            memory.frontier_trail[rows] = memory.pool_trail[at]
            rows += 1
    scalars[ROWS] = rows
    scalars[IN_WAVE] = 0
    return FINISHED


@bare_inner_jit
def _strike_out(problem: Problem, memory: Memory, op: int) -> None:
    """Of an op that is linearized in all that is kept; rows that differ still do."""
    place, keep = 1 + (problem.slot[op] >> 6), ~bit_of(problem.slot[op])
    for at in range(memory.scalars[ROWS]):
        memory.frontier[at, place] &= keep


@bare_jit
def advance(
    mode: int,
    problem: Problem,
    window: Window,
    memory: Memory,
    width: int,
    work: int,
    until: int,
    traced: bool,
) -> int:
    """Go on with the search, and say why it came back.

    Args:
        width: How many configurations to keep at most; 0 for all.
        work: How many configurations to make before it comes back.
        until: The event before which it comes back.
        traced: Whether to remember orders.
    """
    scalars = memory.scalars
    limit = scalars[EXPLORED] + work
    last = problem.event_type.size
    while scalars[EVENT] < last:
        if scalars[EVENT] == until:
            return PAUSED
        op = np.int64(problem.event_op[scalars[EVENT]])
        status = FINISHED
        if problem.event_type[scalars[EVENT]] == INVOKE:
            status = _invoke(mode, problem, window, memory, op, traced)
        elif problem.event_type[scalars[EVENT]] == EXPIRE:
            _expire(window, memory, op)
        else:
            if scalars[IN_WAVE] or not _is_done(problem, window, memory, op):
                status = _linearize(mode, problem, window, memory, op, width, limit, traced)
            else:
                _strike_out(problem, memory, op)
            if status == FINISHED:
                scalars[RETURNED] += 1
                _close(problem, window, op)
        if status != FINISHED:
            return status
        scalars[EVENT] += 1
    return FINISHED


@bare_jit
def replay(mode: int, problem: Problem, window: Window, event: int) -> None:
    """Make an empty window that of the moment before this event."""
    for at in range(event):
        op = np.int64(problem.event_op[at])
        if problem.event_type[at] == INVOKE:
            _open(mode, problem, window, op)
        elif problem.event_type[at] == EXPIRE:
            _free(window, op)
        else:
            _close(problem, window, op)
