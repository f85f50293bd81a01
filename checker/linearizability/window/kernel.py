"""The windowed search as a kernel: the twin of ``checker.linearizability.search``.

The frontier is what explains the events so far.  At a return, chains of
operations are linearized before it, shortest first, until the one that returns
is linearized in all that is kept.  The laws are those of the twin, and:

6. Of open operations that do the same the one that returns first goes first, and
   an answered one goes before an indeterminate one.
7. An operation whose effect nobody can see hides before the next blind one.
8. A value is not left while someone needs it and nobody can install it again.

The kernel can be left and entered again at any row: it keeps everything in
arrays, and to expand a row twice changes nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import njit

from checker.linearizability.window.problem import (
    ANY,
    COUNTER,
    COVERED,
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
    TIED,
    TRAILS,
    TRAILS_FULL,
    TRUNCATED,
    TRUNCATING,
    Memory,
    Problem,
    Window,
)
from histories.columns import Int32s, Int64s, UInt8s

_BLOCKED: Final = -1
_MISSING: Final = -2
_GUARDS: Final = -0x7FFF_7FFF_7FFF_8000
"""The top bit of every lane, as a signed word."""

_jit = njit(cache=True, nogil=True, _nrt=False)
"""Without reference counts, which made up nine tenths of the time: nothing is allocated here."""


@_jit
def _mixed(word: int) -> int:
    bits = np.uint64(word)
    bits ^= bits >> np.uint64(33)
    bits *= np.uint64(0xFF51AFD7ED558CCD)
    bits ^= bits >> np.uint64(33)
    bits *= np.uint64(0xC4CEB9FE1A85EC53)
    bits ^= bits >> np.uint64(33)
    return np.int64(bits & np.uint64(0x7FFF_FFFF_FFFF_FFFF))


@_jit
def _lowest(word: int) -> int:
    """The number of the lowest bit set; the word is not zero."""
    bits = np.uint64(word & -word)
    number = 0
    if bits & np.uint64(0xFFFFFFFF00000000):
        number += 32
    if bits & np.uint64(0xFFFF0000FFFF0000):
        number += 16
    if bits & np.uint64(0xFF00FF00FF00FF00):
        number += 8
    if bits & np.uint64(0xF0F0F0F0F0F0F0F0):
        number += 4
    if bits & np.uint64(0xCCCCCCCCCCCCCCCC):
        number += 2
    if bits & np.uint64(0xAAAAAAAAAAAAAAAA):
        number += 1
    return number


@_jit
def _bit(at: int) -> int:
    return np.int64(1) << np.int64(at & 63)


@_jit
def _step(
    mode: int,
    need: Int64s,
    put: Int64s,
    state: int,
    kind: int,
    step_keys: Int64s,
    step_values: Int64s,
    misses: Int64s,
    scalars: Int64s,
) -> int:
    """The state after an operation of this kind, ``_BLOCKED`` or ``_MISSING``.

    In a register the state must be what the kind needs, and becomes what it puts;
    in a counter what it puts is added, and the sum must be what it needs.  Else
    the table knows, or whoever called the kernel will ask the model.
    """
    if mode == REGISTER:
        if need[kind] != ANY and need[kind] != state:
            return _BLOCKED
        return state if put[kind] == ANY else put[kind]
    if mode == COUNTER:
        total = state + put[kind]
        return total if need[kind] == ANY or need[kind] == total else _BLOCKED
    key = state * np.int64(need.size) + kind
    last = step_keys.size - 1
    at = _mixed(key) & last
    while step_keys[at] != -1:
        if step_keys[at] == key:
            return step_values[at]
        at = (at + 1) & last
    count = scalars[MISSES]
    if count < misses.size:
        misses[count] = key
        scalars[MISSES] = count + 1
    return _MISSING


@_jit
def _copy(target: Int64s, source: Int64s) -> None:
    """Numba would allocate for a slice assignment."""
    for at in range(source.size):
        target[at] = source[at]


@_jit
def _covers(better: Int64s, worse: Int64s, words: int) -> bool:
    """Whether ``better`` owes and used no more, both being alike in the rest."""
    for at in range(1 + words, 1 + 2 * words):
        if better[at] & ~worse[at]:
            return False
    for at in range(1 + 2 * words, better.size):
        if ((worse[at] | _GUARDS) - better[at]) & _GUARDS != _GUARDS:
            return False
    return True


@_jit
def _insert(
    pool: Int64s,
    pool_next: Int32s,
    pool_flag: UInt8s,
    heads: Int32s,
    stamps: Int32s,
    scalars: Int64s,
    row: Int64s,
    flag: int,
    words: int,
) -> int:
    """Where the row now is in the pool; -1 if another covers it, -2 if the pool is full."""
    key = row[0] * 2 + flag
    for at in range(1, 1 + words):
        key = _mixed(key) ^ row[at]
    home = _mixed(key) & (heads.size - 1)
    first = heads[home] if stamps[home] == scalars[STAMP] else -1
    at = first
    while at != -1:
        if pool_flag[at] == flag and _is_alike(pool[at], row, words) and _covers(pool[at], row, words):
            return -1
        at = pool_next[at]
    if scalars[POOL] == pool.shape[0]:
        return -2
    at = first
    while at != -1:
        if pool_flag[at] == flag and _is_alike(pool[at], row, words) and _covers(row, pool[at], words):
            pool_flag[at] = COVERED
            if flag == GOAL:
                scalars[GOALS] -= 1
        at = pool_next[at]
    at = scalars[POOL]
    _copy(pool[at], row)
    pool_flag[at] = flag
    pool_next[at] = first
    heads[home] = at
    stamps[home] = scalars[STAMP]
    scalars[POOL] = at + 1
    scalars[EXPLORED] += 1
    if flag == GOAL:
        scalars[GOALS] += 1
    return at


@_jit
def _is_alike(one: Int64s, other: Int64s, words: int) -> bool:
    for at in range(1 + words):
        if one[at] != other[at]:
            return False
    return True


@_jit
def _ready(problem: Problem, window: Window, memory: Memory, slot: int, row: Int64s) -> bool:
    """Whether what must come before the op in this slot is linearized in the row."""
    before = problem.after[window.slot_op[slot]]
    return before < 0 or _is_linearized(problem, window, before, row)


@_jit
def _is_linearized(problem: Problem, window: Window, op: int, row: Int64s) -> bool:
    """Whether the row has this op, which was invoked, behind it."""
    slot = problem.slot[op]
    if window.slot_op[slot] != op:
        return True
    words = window.masks.shape[1]
    if problem.observer[op]:
        return row[1 + words + (slot >> 6)] & _bit(slot) == 0
    return row[1 + (slot >> 6)] & _bit(slot) != 0


@_jit
def _settle(mode: int, problem: Problem, window: Window, memory: Memory, row: Int64s) -> None:
    """Linearize every observer owed that the state of the row agrees with."""
    words = window.masks.shape[1]
    again = True
    while again:
        again = False
        for word in range(words):
            owed = row[1 + words + word]
            while owed:
                slot = word * 64 + _lowest(owed)
                owed &= owed - 1
                tied = window.masks[TIED, word] & _bit(slot) != 0
                if tied and not _ready(problem, window, memory, slot, row):
                    continue
                after = _step(
                    mode,
                    problem.need,
                    problem.put,
                    row[0],
                    problem.kind[window.slot_op[slot]],
                    memory.step_keys,
                    memory.step_values,
                    memory.misses,
                    memory.scalars,
                )
                if after >= 0:
                    row[1 + words + word] &= ~_bit(slot)
                    again = again or window.masks[TIED, 0] != 0 or words > 1


@_jit
def _supplied(problem: Problem, window: Window, row: Int64s, value: int) -> bool:
    """Whether something open can still install the value."""
    words = window.masks.shape[1]
    for word in range(words):
        left = window.masks[MUTATORS, word] & ~row[1 + word]
        while left:
            slot = word * 64 + _lowest(left)
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


@_jit
def _is_dead(problem: Problem, window: Window, row: Int64s, left: int) -> bool:
    """Whether someone still needs the value that was left, and nothing can install it."""
    installed = window.installed[left]
    to_come = problem.needer_from[left] + window.needed[left]
    wanted = to_come < problem.needer_from[left + 1] and problem.least_in_time[to_come] <= installed
    words = window.masks.shape[1]
    for word in range(words):
        waiting = row[1 + words + word] | (window.masks[MUTATORS, word] & ~row[1 + word])
        while waiting and not wanted:
            op = window.slot_op[word * 64 + _lowest(waiting)]
            waiting &= waiting - 1
            wanted = problem.need[problem.kind[op]] == left and problem.in_time[op] <= installed
    return wanted and not _supplied(problem, window, row, left)


@_jit
def _hide(problem: Problem, window: Window, memory: Memory, row: Int64s) -> None:
    """Linearize all open operations that hide, as a blind one is about to follow."""
    for word in range(window.masks.shape[1]):
        hidden = window.masks[HIDING, word] & ~row[1 + word]
        if window.masks[TIED, word] & hidden:
            rest = hidden & window.masks[TIED, word]
            while rest:
                slot = word * 64 + _lowest(rest)
                rest &= rest - 1
                if not _ready(problem, window, memory, slot, row):
                    hidden &= ~_bit(slot)
        row[1 + word] |= hidden


@_jit
def _log(
    window: Window, memory: Memory, trail: int, words: int, old: Int64s, new: Int64s, owed: bool
) -> int:
    """The trail and then the ops done (or no longer owed) in ``new`` but not in ``old``."""
    scalars = memory.scalars
    last = -1
    while True:
        least = np.int64(2**31)
        for word in range(words):
            fresh = old[1 + words + word] & ~new[1 + words + word] if owed else new[1 + word] & ~old[1 + word]
            while fresh:
                op = np.int64(window.slot_op[word * 64 + _lowest(fresh)])
                fresh &= fresh - 1
                if last < op < least:
                    least = op
        if least == 2**31:
            return trail
        last = least
        trail = _logged(memory, trail, least)


@_jit
def _logged(memory: Memory, trail: int, op: int) -> int:
    at = memory.scalars[TRAILS]
    memory.trail_op[at] = op
    memory.trail_parent[at] = trail
    memory.scalars[TRAILS] = at + 1
    return at


@_jit
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
    before = memory.scratch[1]
    _copy(before, row)
    row[0] = after
    _settle(mode, problem, window, memory, row)
    settled = memory.scratch[2]
    _copy(settled, row)
    flag = PASSED
    if _is_linearized(problem, window, wave_op, row):
        flag = GOAL
        slot = problem.slot[wave_op]
        row[1 + (slot >> 6)] &= ~_bit(slot)
    at = _insert(
        memory.pool,
        memory.pool_next,
        memory.pool_flag,
        memory.heads,
        memory.stamps,
        memory.scalars,
        row,
        flag,
        words,
    )
    if at >= 0 and traced:
        trail = np.int64(memory.pool_trail[source])
        hidden = memory.scratch[3]
        _copy(hidden, before)
        if problem.certain[op]:
            slot = problem.slot[op]
            hidden[1 + (slot >> 6)] &= ~_bit(slot)
        trail = _log(window, memory, trail, words, memory.pool[source], hidden, False)
        trail = _logged(memory, trail, op)
        memory.pool_trail[at] = _log(window, memory, trail, words, before, settled, True)
    return at != -2


@_jit
def _expand(
    mode: int, problem: Problem, window: Window, memory: Memory, at: int, wave_op: int, traced: bool
) -> bool:
    """Linearize each one operation more after row ``at``; false if the pool is full."""
    words = window.masks.shape[1]
    row = memory.scratch[0]
    for word in range(words):
        left = window.masks[MUTATORS, word] & ~memory.pool[at, 1 + word]
        while left:
            slot = word * 64 + _lowest(left)
            left &= left - 1
            if not _goes_first(window, memory.pool[at], slot):
                continue
            op = window.slot_op[slot]
            if window.masks[TIED, word] & _bit(slot) and not _ready(
                problem, window, memory, slot, memory.pool[at]
            ):
                continue
            kind = problem.kind[op]
            state = memory.pool[at, 0]
            after = _step(
                mode,
                problem.need,
                problem.put,
                state,
                kind,
                memory.step_keys,
                memory.step_values,
                memory.misses,
                memory.scalars,
            )
            if after < 0:
                continue
            _copy(row, memory.pool[at])
            if mode == REGISTER and problem.need[kind] == ANY:
                _hide(problem, window, memory, row)
            row[1 + word] |= _bit(slot)
            if mode == REGISTER and after != state and _is_dead(problem, window, row, state):
                continue
            if not _arrive(mode, problem, window, memory, at, op, after, wave_op, traced):
                return False
    return _expand_lanes(mode, problem, window, memory, at, wave_op, traced)


@_jit
def _goes_first(window: Window, row: Int64s, slot: int) -> bool:
    """Whether no operation of the same kind that returns earlier is still to be done."""
    for word in range(window.masks.shape[1]):
        if window.better[slot, word] & ~row[1 + word]:
            return False
    return True


@_jit
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
        before = problem.after[op]
        if used >= window.lane_count[lane] or (
            before >= 0 and not _is_linearized(problem, window, before, memory.pool[at])
        ):
            continue
        kind = problem.kind[op]
        state = memory.pool[at, 0]
        after = _step(
            mode,
            problem.need,
            problem.put,
            state,
            kind,
            memory.step_keys,
            memory.step_values,
            memory.misses,
            memory.scalars,
        )
        if after < 0 or after == state or _has_answered(mode, problem, window, memory, at, op, after):
            continue
        _copy(row, memory.pool[at])
        if mode == REGISTER and problem.need[kind] == ANY:
            _hide(problem, window, memory, row)
        row[place] += np.int64(1) << shift
        if mode == REGISTER and _is_dead(problem, window, row, state):
            continue
        member = problem.members[problem.member_from[problem.group[op]] + used]
        if not _arrive(mode, problem, window, memory, at, member, after, wave_op, traced):
            return False
    return True


@_jit
def _has_answered(
    mode: int, problem: Problem, window: Window, memory: Memory, at: int, op: int, after: int
) -> bool:
    """Whether an answered operation that asks for the same as ``op`` can step to ``after``."""
    row = memory.pool[at]
    for word in range(window.masks.shape[1]):
        left = window.masks[MUTATORS, word] & ~row[1 + word]
        while left:
            slot = word * 64 + _lowest(left)
            left &= left - 1
            kind = problem.kind[window.slot_op[slot]]
            if problem.asks[kind] != problem.asks[problem.kind[op]]:
                continue
            reached = _step(
                mode,
                problem.need,
                problem.put,
                row[0],
                kind,
                memory.step_keys,
                memory.step_values,
                memory.misses,
                memory.scalars,
            )
            if reached == after and _ready(problem, window, memory, slot, row):
                return True
    return False


@_jit
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
        window.lane_count[slot] += 1
        return
    window.slot_op[slot] = op
    word, bit = slot >> 6, _bit(slot)
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
            if problem.after[rival] < 0:
                window.better[slot, other >> 6] |= _bit(other)
        elif problem.after[op] < 0:
            window.better[other, word] |= bit
    window.masks[MUTATORS, word] |= bit
    if problem.hides[op]:
        window.masks[HIDING, word] |= bit


@_jit
def _close(problem: Problem, window: Window, op: int) -> None:
    """Note in the window that the op returned."""
    slot = problem.slot[op]
    window.slot_op[slot] = -1
    word, keep = slot >> 6, ~_bit(slot)
    for row in range(window.masks.shape[0]):
        window.masks[row, word] &= keep
    for other in range(window.slot_op.size):
        window.better[other, word] &= keep
    for at in range(window.better.shape[1]):
        window.better[slot, at] = 0


@_jit
def _invoke(mode: int, problem: Problem, window: Window, memory: Memory, op: int, traced: bool) -> int:
    scalars = memory.scalars
    observer = problem.certain[op] and problem.observer[op]
    slot = problem.slot[op]
    words = window.masks.shape[1]
    kind = problem.kind[op]
    if observer:
        if traced and memory.trail_op.size - scalars[TRAILS] < scalars[ROWS]:
            return TRAILS_FULL
        for at in range(scalars[ROWS]):
            memory.scratch[4, 0] = _step(
                mode,
                problem.need,
                problem.put,
                memory.frontier[at, 0],
                kind,
                memory.step_keys,
                memory.step_values,
                memory.misses,
                scalars,
            )
            if scalars[MISSES]:
                return STEPS_MISSING
    _open(mode, problem, window, op)
    if not observer:
        return FINISHED
    place, bit = 1 + words + (slot >> 6), _bit(slot)
    for at in range(scalars[ROWS]):
        memory.frontier[at, place] |= bit
        if problem.after[op] >= 0 and not _ready(problem, window, memory, slot, memory.frontier[at]):
            continue
        after = _step(
            mode,
            problem.need,
            problem.put,
            memory.frontier[at, 0],
            kind,
            memory.step_keys,
            memory.step_values,
            memory.misses,
            scalars,
        )
        if after >= 0:
            memory.frontier[at, place] &= ~bit
            if traced:
                memory.frontier_trail[at] = _logged(memory, memory.frontier_trail[at], op)
    return FINISHED


@_jit
def _expire(window: Window, memory: Memory, lane: int) -> None:
    """Nobody can see any more what the members of the lane do."""
    window.lane_op[lane] = -1
    window.lane_count[lane] = 0
    place = 1 + 2 * window.masks.shape[1] + (lane >> 2)
    keep = ~(np.int64(0xFFFF) << np.int64(16 * (lane & 3)))
    for at in range(memory.scalars[ROWS]):
        memory.frontier[at, place] &= keep


@_jit
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
        _copy(row, memory.frontier[scalars[SEEDED]])
        flag = GOAL if _is_linearized(problem, window, op, row) else PASSED
        if flag == GOAL:
            row[1 + (slot >> 6)] &= ~_bit(slot)
        at = _insert(
            memory.pool,
            memory.pool_next,
            memory.pool_flag,
            memory.heads,
            memory.stamps,
            scalars,
            row,
            flag,
            words,
        )
        if at == -2:
            return False
        if at >= 0:
            memory.pool_trail[at] = memory.frontier_trail[scalars[SEEDED]]
        scalars[SEEDED] += 1
    return True


@_jit
def _return(
    mode: int,
    problem: Problem,
    window: Window,
    memory: Memory,
    op: int,
    width: int,
    limit: int,
    traced: bool,
) -> int:
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
            if not _expand(mode, problem, window, memory, at, op, traced):
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
            _copy(memory.frontier[rows], memory.pool[at])
            memory.frontier_trail[rows] = memory.pool_trail[at]
            rows += 1
    scalars[ROWS] = rows
    scalars[IN_WAVE] = 0
    scalars[RETURNED] += 1
    _close(problem, window, op)
    return FINISHED


@_jit
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
            status = _return(mode, problem, window, memory, op, width, limit, traced)
        if status != FINISHED:
            return status
        scalars[EVENT] += 1
    return FINISHED


@_jit
def replay(mode: int, problem: Problem, window: Window, event: int) -> None:
    """Make an empty window that of the moment before this event."""
    for at in range(event):
        op = np.int64(problem.event_op[at])
        if problem.event_type[at] == INVOKE:
            _open(mode, problem, window, op)
        elif problem.event_type[at] == EXPIRE:
            window.lane_op[op] = -1
            window.lane_count[op] = 0
        else:
            _close(problem, window, op)


@_jit
def rehash(memory: Memory, words: int) -> None:
    """Chain the rows of the pool again, after the tables were replaced by larger ones."""
    scalars = memory.scalars
    for at in range(scalars[POOL]):
        if memory.pool_flag[at] == COVERED:
            continue
        key = memory.pool[at, 0] * 2 + memory.pool_flag[at]
        for word in range(1, 1 + words):
            key = _mixed(key) ^ memory.pool[at, word]
        home = _mixed(key) & (memory.heads.size - 1)
        known = memory.stamps[home] == scalars[STAMP]
        memory.pool_next[at] = memory.heads[home] if known else -1
        memory.heads[home] = at
        memory.stamps[home] = scalars[STAMP]


@_jit
def learn(memory: Memory, keys: Int64s, values: Int64s) -> None:
    """Put steps into the table; there is room for them."""
    last = memory.step_keys.size - 1
    for number in range(keys.size):
        at = _mixed(keys[number]) & last
        while memory.step_keys[at] != -1 and memory.step_keys[at] != keys[number]:
            at = (at + 1) & last
        memory.step_keys[at] = keys[number]
        memory.step_values[at] = values[number]


@njit(cache=True, nogil=True)
def compact(memory: Memory, roots: Int32s) -> None:
    """Forget the trails that end neither a row nor at one of ``roots``, and renumber them."""
    scalars = memory.scalars
    count = scalars[TRAILS]
    moved = np.full(count + 1, -1, dtype=np.int32)
    for at in range(scalars[ROWS]):
        _mark(memory, moved, memory.frontier_trail[at])
    if scalars[IN_WAVE]:
        for at in range(scalars[POOL]):
            _mark(memory, moved, memory.pool_trail[at])
    for at in range(roots.size):
        _mark(memory, moved, roots[at])
    kept = 0
    for at in range(count):
        if moved[at] >= 0:
            memory.trail_op[kept] = memory.trail_op[at]
            parent = memory.trail_parent[at]
            memory.trail_parent[kept] = moved[parent] if parent >= 0 else -1
            moved[at] = kept
            kept += 1
    for at in range(roots.size):
        roots[at] = moved[roots[at]]
    for at in range(scalars[ROWS]):
        memory.frontier_trail[at] = moved[memory.frontier_trail[at]]
    if scalars[IN_WAVE]:
        for at in range(scalars[POOL]):
            memory.pool_trail[at] = moved[memory.pool_trail[at]]
    scalars[TRAILS] = kept


@njit(cache=True, nogil=True)
def _mark(memory: Memory, moved: Int32s, trail: int) -> None:
    while trail >= 0 and moved[trail] < 0:
        moved[trail] = 0
        trail = memory.trail_parent[trail]
