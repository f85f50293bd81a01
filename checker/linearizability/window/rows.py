"""Steps and rows: what the kernel does with one configuration at a time.

Numba's cache looks at one file only: who changes this one must touch ``kernel.py``.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from checker.linearizability.jit import bare_inner_jit, bare_jit, inner_jit, jit
from checker.linearizability.window.problem import (
    ANY,
    COUNTER,
    COVERED,
    EXPLORED,
    GOAL,
    GOALS,
    IN_WAVE,
    MISSES,
    POOL,
    REGISTER,
    ROWS,
    STAMP,
    TRAILS,
    Memory,
    Problem,
    Window,
)
from histories.columns import Int32s, Int64s

_BLOCKED: Final = -1
_MISSING: Final = -2
_GUARDS: Final = -0x7FFF_7FFF_7FFF_8000
"""The top bit of every lane, as a signed word."""
_DE_BRUIJN: Final = np.uint64(0x03F79D71B4CB0A89)
"""Any six bits in a row of it are different (Leiserson, Prokop & Randall 1998)."""
_NUMBERS: Final = np.zeros(64, dtype=np.int64)
_NUMBERS[[(1 << bit) * 0x03F79D71B4CB0A89 >> 58 & 63 for bit in range(64)]] = np.arange(64)


@bare_inner_jit
def _mixed(word: int) -> int:
    bits = np.uint64(word)
    bits ^= bits >> np.uint64(33)
    bits *= np.uint64(0xFF51AFD7ED558CCD)
    bits ^= bits >> np.uint64(33)
    bits *= np.uint64(0xC4CEB9FE1A85EC53)
    bits ^= bits >> np.uint64(33)
    return np.int64(bits & np.uint64(0x7FFF_FFFF_FFFF_FFFF))


@bare_inner_jit
def lowest(word: int) -> int:
    """The number of the lowest bit set; the word is not zero."""
    return _NUMBERS[np.uint64(word & -word) * _DE_BRUIJN >> np.uint64(58)]


@bare_inner_jit
def bit_of(at: int) -> int:
    return np.int64(1) << np.int64(at & 63)


@bare_inner_jit
def step(mode: int, problem: Problem, memory: Memory, state: int, kind: int) -> int:
    """The state after an operation of this kind, ``_BLOCKED`` or ``_MISSING``.

    In a register the state must be what the kind needs, and becomes what it puts;
    in a counter what it puts is added, and the sum must be what it needs.  Else
    the table knows, or whoever called the kernel will ask the model.
    """
    need, put = problem.need, problem.put
    if mode == REGISTER:
        if need[kind] != ANY and need[kind] != state:
            return _BLOCKED
        return state if put[kind] == ANY else put[kind]
    if mode == COUNTER:
        total = state + put[kind]
        return total if need[kind] == ANY or need[kind] == total else _BLOCKED
    key = state * np.int64(need.size) + kind
    last = memory.step_keys.size - 1
    at = _mixed(key) & last
    while memory.step_keys[at] != -1:
        if memory.step_keys[at] == key:
            return memory.step_values[at]
        at = (at + 1) & last
    count = memory.scalars[MISSES]
    if count < memory.misses.size:
        memory.misses[count] = key
        memory.scalars[MISSES] = count + 1
    return _MISSING


@bare_inner_jit
def copy(target: Int64s, source: Int64s) -> None:
    """Numba would allocate for a slice assignment."""
    for at in range(source.size):
        target[at] = source[at]


@bare_inner_jit
def _covers(window: Window, better: Int64s, worse: Int64s, words: int) -> bool:
    """Whether ``better`` owes and used no more, both being alike in the rest."""
    for at in range(1 + words, 1 + 2 * words):
        if better[at] & ~worse[at]:
            return False
    for at in range(1 + 2 * words, better.size):
        if ((worse[at] | _GUARDS) - better[at]) & _GUARDS != _GUARDS:
            return _makes_up(window, better, worse, words)
    return True


@bare_inner_jit
def _makes_up(window: Window, better: Int64s, worse: Int64s, words: int) -> bool:
    """Whether ``better`` used no more, or for what it used more it has a write left instead."""
    slack = window.slack
    for lane in range(slack.size):
        slack[lane] = 0
    for lane in range(slack.size):
        place, shift = 1 + 2 * words + (lane >> 2), np.int64(16 * (lane & 3))
        more = (better[place] >> shift & 0x7FFF) - (worse[place] >> shift & 0x7FFF)
        writer = window.lane_writer[lane]
        if more > 0 and writer < 0:
            return False
        if writer == lane or more > 0:
            slack[writer] -= more
    for lane in range(slack.size):
        if slack[lane] < 0:
            return False
    return True


@bare_inner_jit
def insert(window: Window, memory: Memory, row: Int64s, flag: int, words: int) -> int:
    """Where the row now is in the pool; -1 if another covers it, -2 if the pool is full."""
    scalars, pool, pool_flag = memory.scalars, memory.pool, memory.pool_flag
    home = _home(memory, row, flag, words)
    first = memory.heads[home] if memory.stamps[home] == scalars[STAMP] else -1
    at = first
    while at != -1:
        alike = pool_flag[at] == flag and _is_alike(pool[at], row, words)
        if alike and _covers(window, pool[at], row, words):
            return -1
        at = memory.pool_next[at]
    if scalars[POOL] == pool.shape[0]:
        return -2
    at = first
    while at != -1:
        alike = pool_flag[at] == flag and _is_alike(pool[at], row, words)
        if alike and _covers(window, row, pool[at], words):
            pool_flag[at] = COVERED
            scalars[GOALS] -= flag == GOAL
        at = memory.pool_next[at]
    at = scalars[POOL]
    copy(pool[at], row)
    pool_flag[at] = flag
    memory.pool_next[at] = first
    memory.heads[home] = at
    memory.stamps[home] = scalars[STAMP]
    scalars[POOL] = at + 1
    scalars[EXPLORED] += 1
    scalars[GOALS] += flag == GOAL
    return at


@bare_inner_jit
def _home(memory: Memory, row: Int64s, flag: int, words: int) -> int:
    """The place in the table for rows with this state and these bits done."""
    key = row[0] * 2 + flag
    for at in range(1, 1 + words):
        key = _mixed(key) ^ row[at]
    return _mixed(key) & (memory.heads.size - 1)


@bare_inner_jit
def _is_alike(one: Int64s, other: Int64s, words: int) -> bool:
    for at in range(1 + words):
        if one[at] != other[at]:
            return False
    return True


@bare_jit
def rehash(memory: Memory, words: int) -> None:
    """Chain the rows of the pool again, after the tables were replaced by larger ones."""
    scalars = memory.scalars
    for at in range(scalars[POOL]):
        if memory.pool_flag[at] == COVERED:
            continue
        home = _home(memory, memory.pool[at], memory.pool_flag[at], words)
        known = memory.stamps[home] == scalars[STAMP]
        memory.pool_next[at] = memory.heads[home] if known else -1
        memory.heads[home] = at
        memory.stamps[home] = scalars[STAMP]


@bare_jit
def learn(memory: Memory, keys: Int64s, values: Int64s) -> None:
    """Put steps into the table; there is room for them."""
    last = memory.step_keys.size - 1
    for number in range(keys.size):
        at = _mixed(keys[number]) & last
        while memory.step_keys[at] != -1 and memory.step_keys[at] != keys[number]:
            at = (at + 1) & last
        memory.step_keys[at] = keys[number]
        memory.step_values[at] = values[number]


@jit
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


@inner_jit
def _mark(memory: Memory, moved: Int32s, trail: int) -> None:
    while trail >= 0 and moved[trail] < 0:
        moved[trail] = 0
        trail = memory.trail_parent[trail]


@bare_inner_jit
def logged(memory: Memory, trail: int, op: int) -> int:
    at = memory.scalars[TRAILS]
    memory.trail_op[at] = op
    memory.trail_parent[at] = trail
    memory.scalars[TRAILS] = at + 1
    return at
