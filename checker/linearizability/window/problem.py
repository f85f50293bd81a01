"""One object's operations as numbers, and what the search remembers, as arrays."""

from __future__ import annotations

from typing import Final, NamedTuple

from histories.columns import Int32s, Int64s, UInt8s

ANY: Final = -1
"""As what a kind needs: nothing.  As what it puts: what was there."""

REGISTER: Final = 0
COUNTER: Final = 1
TABLE: Final = 2
"""How kinds step, see ``kernel._step``."""

INVOKE: Final = 0
RETURN: Final = 1
EXPIRE: Final = 2
"""Types of events: the last one frees a lane."""

LANE_BITS: Final = 16
LANES_PER_WORD: Final = 4
LANE_MEMBERS_MAX: Final = 2**15 - 1


class Problem(NamedTuple):
    """Read-only.  Lanes and slots are reused when nothing open needs them.

    Per event, in the order of time:
        event_type, event_op: the op, or for ``EXPIRE`` the lane.
    Per op:
        kind: What it does: ops of one kind step alike.
        certain: Whether it was answered.
        observer: Whether it leaves every state that it fits as it is.
        slot: Its bit while it is open, if it was answered; else its lane.
        returns: The event at which it returns.
        after: The op of its process that must come first, or -1.
        followed: Whether another op has it as ``after``.
        hides: Whether nobody can see its effect, so that it may hide before a blind op.
        in_time: How many installers of the value it needs are invoked before it returns.
        group: If it was not answered, its lane's use.
    Per kind:
        need, put: see ``kernel._step``.
        asks: What it asks for, whatever the answer.
    Per value, only for ``REGISTER``:
        needer_from: Where its needers start in ``least_in_time``, one more at the end.
        least_in_time: Per needer in order of invocation, the least ``in_time`` of it
            and all later ones.
    Per group:
        member_from: Where its members start in ``members``.
        members: The ops, in the order of invocation.
    """

    event_type: UInt8s
    event_op: Int32s
    kind: Int32s
    certain: UInt8s
    observer: UInt8s
    slot: Int32s
    returns: Int32s
    after: Int32s
    followed: UInt8s
    hides: UInt8s
    in_time: Int32s
    group: Int32s
    need: Int64s
    put: Int64s
    asks: Int32s
    needer_from: Int32s
    least_in_time: Int32s
    member_from: Int32s
    members: Int32s


class Window(NamedTuple):
    """What is open at the current event.

    Per slot:
        slot_op: The op, or -1.
        better: Row of words: the slots of ops of its kind that return earlier.
    masks: Rows of words over slots, see ``OPEN`` and the names after it.
    Per lane:
        lane_op: A member, or -1 while unused.
        lane_count: How many members were invoked.
        lane_writer: The lane of writes of what its members install, be it itself, or -1.
        slack: Room for calculations.
    Per value, only for ``REGISTER``:
        installed: How many of its installers were invoked.
        needed: How many of its needers were invoked.
    """

    slot_op: Int32s
    better: Int64s
    masks: Int64s
    lane_op: Int32s
    lane_count: Int32s
    lane_writer: Int32s
    slack: Int32s
    installed: Int32s
    needed: Int32s


MUTATORS: Final = 0
OBSERVERS: Final = 1
HIDING: Final = 2
TIED: Final = 3
"""Rows of ``Window.masks``."""


class Memory(NamedTuple):
    """Configurations, one row each: state, bits done, bits owed, lanes used.

    ``pool`` holds those of the current return, by hash of state and bits done in
    ``heads`` (valid where ``stamps`` is the current one), chained by ``pool_next``;
    ``pool_flag`` tells what became of a row.
    """

    scalars: Int64s
    frontier: Int64s
    frontier_trail: Int32s
    pool: Int64s
    pool_trail: Int32s
    pool_next: Int32s
    pool_flag: UInt8s
    heads: Int32s
    stamps: Int32s
    trail_op: Int32s
    trail_parent: Int32s
    step_keys: Int64s
    step_values: Int64s
    misses: Int64s
    scratch: Int64s


PASSED: Final = 0
GOAL: Final = 1
COVERED: Final = 2
"""Values of ``Memory.pool_flag``."""

EVENT: Final = 0
ROWS: Final = 1
IN_WAVE: Final = 2
SEEDED: Final = 3
EXPANDED: Final = 4
POOL: Final = 5
GOALS: Final = 6
EXPLORED: Final = 7
STAMP: Final = 8
TRAILS: Final = 9
MISSES: Final = 10
TRUNCATED: Final = 11
RETURNED: Final = 12
PEAK: Final = 13
SCALARS: Final = 14
"""Places in ``Memory.scalars``."""

FINISHED: Final = 0
STUCK: Final = 1
FULL: Final = 2
STEPS_MISSING: Final = 3
PAUSED: Final = 4
TRAILS_FULL: Final = 5
TRUNCATING: Final = 6
"""Why the kernel came back."""
