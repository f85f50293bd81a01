"""Drives the kernel: memory that grows, steps the model must tell, and the budget."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np

from checker.base import Budget
from checker.linearizability.window import kernel
from checker.linearizability.window.layout import Layout, Operations, lay_out, stretch
from checker.linearizability.window.overdrawn import Overdrawn, overdrawn
from checker.linearizability.window.problem import (
    EVENT,
    EXPLORED,
    FINISHED,
    FULL,
    IN_WAVE,
    LANES_PER_WORD,
    MISSES,
    PAUSED,
    POOL,
    REGISTER,
    RETURNED,
    ROWS,
    SCALARS,
    STEPS_MISSING,
    STUCK,
    TRAILS,
    TRAILS_FULL,
    TRUNCATED,
    TRUNCATING,
    Memory,
    Window,
)
from checker.linearizability.window.rows import compact, learn, rehash
from checker.verdict import UnknownCause
from histories.columns import Int32s, Int64s

Step: TypeAlias = Callable[[int, int], int]
"""From a state and a kind to the state afterwards, or -1."""

_FIRST_WIDTH: Final = 16
_WIDER: Final = 4
_ATTEMPTS: Final = 4
"""How often to go back a little, each time wider and ``_FARTHER`` back."""
_ATTEMPTS_BEFORE_NEARBY: Final = 3
"""At which of them to ask first whether what is nearby is bad by itself."""
_FARTHER: Final = 4
_NEARBY_SIZES: Final = (4, 12, 32, 128, 512, 2048)
"""How many operations before the one that nothing explains may show by themselves that it
is so."""
_NEARBY_STATES_MAX: Final = 20_000
_NEARBY_WORK_MAX: Final = 200_000
"""Configurations made for each size: a tenth of a second."""
_EVENTS_BETWEEN: Final = 256
"""Between two places to which it may go back."""
_EVENTS_BETWEEN_MAX: Final = 1024
"""As much where it is easy, as entering the kernel takes as long as ten events then."""
_EASY_ROWS: Final = 4
"""It is easy where no more configurations are kept."""
_ROWS_AT_FIRST: Final = 1 << 12
_TRAILS_AT_FIRST: Final = 1 << 18
_STEPS_AT_FIRST: Final = 1 << 12
_MISSES_MAX: Final = 1 << 12
_WORK: Final = 1 << 17
"""Configurations between two looks at the clock: some tens of milliseconds."""
_WORK_PER_STATE: Final = 50
"""How many configurations may be made for one that may be kept."""


@dataclass(frozen=True, slots=True)
class Explained:
    """There is a linearization: ``order`` is one, as rows, if the search was traced."""

    order: tuple[int, ...]
    configurations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuted:
    """Nothing explains the completion of the op in row ``row``.

    Attributes:
        row: Of the op.
        returned: How many had completed before, all explained.
        ends: Per state that was possible then, a linearization up to it, as rows.
        configurations: How many were made, here as in the others.
        counted: What shows it by being counted, if it was not searched.
        within: The rows of a stretch that shows it whatever the value was before, and
            what is known of them there, if that is how it was found.
        all_ends: Whether ``ends`` has all states that were possible.
    """

    row: int
    returned: int
    configurations: int
    ends: tuple[tuple[int, tuple[int, ...]], ...]
    counted: Overdrawn | None = None
    within: tuple[Int64s, Operations] | None = None
    all_ends: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Abandoned:
    """The budget ran out at the op in row ``row``."""

    cause: UnknownCause
    row: int
    configurations: int


Answer: TypeAlias = Explained | Refuted | Abandoned


def decide(
    operations: Operations,
    budget: Budget,
    *,
    step: Step | None = None,
    traced: bool = False,
    look_ahead: bool = True,
) -> Answer:
    """Whether these operations of one object are linearizable.

    First it keeps few configurations at a time, and more and more where that does
    not suffice: most histories have many linearizations.  Only what was decided
    with all of them counts as a refutation.

    Args:
        operations: What happened.
        budget: ``states_max`` and ``bytes_max`` bound what is kept at one time.
        step: For operations whose mode is ``TABLE``, how they step.
        traced: Whether orders are wanted.
        look_ahead: See ``lay_out``.
    """
    layout = lay_out(operations, look_ahead=look_ahead)
    run = _Run(layout, operations.mode, [operations.initial], budget, step, traced)
    if operations.mode == REGISTER:
        run.whole = operations
    run.foresees = look_ahead
    return run.answer()


def decide_from_any_value(part: Operations, budget: Budget, *, look_ahead: bool = True) -> Answer:
    """Whether a stretch of a register is linearizable, whatever was there before.

    Whichever of its early operations may have happened before, too.
    """
    layout = lay_out(part, look_ahead=look_ahead)
    budget = replace(budget, states_max=min(budget.states_max, _NEARBY_STATES_MAX))
    needed = np.unique(part.need[part.kind])
    initial = [*needed[needed >= 0].tolist(), part.values]
    run = _Run(layout, part.mode, initial, budget, None, traced=False)
    run.already(layout.problem.slot[part.early[layout.rows]].tolist())
    run.work_max = _NEARBY_WORK_MAX
    return run.exact_answer()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """The frontier before an event, and whether it is all of it."""

    event: int
    returned: int
    frontier: Int64s
    trail: Int32s
    is_exact: bool


class _OutOfBudget(Exception):
    def __init__(self, cause: UnknownCause) -> None:
        self.cause = cause


class _Run:
    def __init__(
        self,
        layout: Layout,
        mode: int,
        initial: Sequence[int],
        budget: Budget,
        step: Step | None,
        traced: bool,
    ) -> None:
        self._layout = layout
        self._mode = mode
        self._budget = budget
        self._step = step
        self._traced = traced
        self._steps_known = 0
        words = max(1, (layout.slots + 63) // 64)
        self._row_words = 1 + 2 * words + (layout.lanes + LANES_PER_WORD - 1) // LANES_PER_WORD
        self._words = words
        self._window = _new_window(layout, words)
        self._memory = _new_memory(self._row_words, layout, traced)
        while self._memory.pool.shape[0] < len(initial):
            self._memory = _with_rows(self._memory, 2 * self._memory.pool.shape[0])
        self._memory.frontier[: len(initial), 0] = initial
        self._memory.scalars[ROWS] = len(initial)
        self.work_max = _WORK_PER_STATE * budget.states_max
        """How many configurations may be made in all."""
        self.whole: Operations | None = None
        """What is laid out, if stretches of it may be judged by themselves."""
        self.foresees = True
        """Whether it uses what is still to come."""
        self._shown: Refuted | None = None
        self._exact = self._snapshot()
        """Where nothing had been dropped yet."""
        self._snapshots = [self._exact]

    def already(self, slots: Sequence[int]) -> None:
        """Begin also with any of what will be in these slots as done."""
        for slot in slots:
            rows = int(self._memory.scalars[ROWS])
            done = self._memory.frontier[:rows].copy()
            done[:, 1 + (slot >> 6)] |= np.int64(1) << np.int64(slot & 63)
            while self._memory.pool.shape[0] < 2 * rows:
                larger = _with_rows(self._memory, 2 * self._memory.pool.shape[0])
                larger.frontier[:rows] = self._memory.frontier[:rows]
                self._memory = larger
            self._memory.frontier[rows : 2 * rows] = done
            self._memory.scalars[ROWS] = 2 * rows

    def answer(self) -> Answer:
        """First of few configurations."""
        return self._answered(self._probe)

    def exact_answer(self) -> Answer:
        """Keeping all configurations from the beginning."""
        return self._answered(lambda: self._advance(0, until=-1))

    def _answered(self, search: Callable[[], int]) -> Answer:
        try:
            status = search()
        except _OutOfBudget as out:
            scalars = self._memory.scalars
            return Abandoned(
                cause=out.cause,
                row=self._row_of(int(scalars[EVENT])),
                configurations=int(scalars[EXPLORED]),
            )
        if status == FINISHED:
            order = self._order(0) if self._traced else ()
            return Explained(order, int(self._memory.scalars[EXPLORED]))
        return self._shown or self._refuted()

    def _probe(self) -> int:
        """``FINISHED``, or ``STUCK`` if that is certain.

        Where few configurations do not suffice it goes back a little and keeps more;
        if that does not help, back to where it last kept all.
        """
        width, attempts, farthest, apart = _FIRST_WIDTH, 0, 0, _EVENTS_BETWEEN
        while True:
            event = int(self._memory.scalars[EVENT])
            status = self._advance(width, until=(event // apart + 1) * apart)
            event = int(self._memory.scalars[EVENT])
            if status == FINISHED or (status == STUCK and not self._memory.scalars[TRUNCATED]):
                return status
            if status == PAUSED:
                self._remember()
                is_easy = self._memory.scalars[ROWS] <= _EASY_ROWS
                apart = min(2 * apart, _EVENTS_BETWEEN_MAX) if is_easy else _EVENTS_BETWEEN
                if event > farthest:
                    width, attempts = _FIRST_WIDTH, 0
                continue
            apart = _EVENTS_BETWEEN
            attempts = attempts + 1 if event <= farthest else 1
            farthest = max(farthest, event)
            if attempts == _ATTEMPTS_BEFORE_NEARBY and self.whole is not None:
                self._shown = self._counted(self.whole) if self.foresees else None
                if self._shown is None:
                    self._shown = self._refuted_nearby(self.whole, self._row_of(event))
                if self._shown is not None:
                    return STUCK
            if attempts > _ATTEMPTS:
                return self._thoroughly(width)
            width = _FIRST_WIDTH * _WIDER**attempts
            self._restore(self._snapshots[-min(_FARTHER ** (attempts - 1), len(self._snapshots))])

    def _thoroughly(self, width: int) -> int:
        """The same from where nothing had been dropped yet, until nothing is."""
        while True:
            width = width * _WIDER if 0 < width * _WIDER <= self._budget.states_max else 0
            self._restore(self._exact)
            status = self._advance(width, until=-1)
            if status == FINISHED or not self._memory.scalars[TRUNCATED]:
                return status

    def _counted(self, whole: Operations) -> Refuted | None:
        """Whether counting shows that there is none: of indeterminate ones, a search cannot."""
        short = overdrawn(whole) if self._layout.lanes else None
        if short is None:
            return None
        row = short.seers[-1]
        return Refuted(
            row=row,
            returned=_ended_before(whole, row),
            configurations=int(self._memory.scalars[EXPLORED]),
            ends=(),
            counted=short,
        )

    def _refuted_nearby(self, whole: Operations, row: int) -> Refuted | None:
        """Whether a stretch around the return in this row shows that there is none.

        Without foresight it ends with that return, which then is the first that nothing
        explains, as everything before was explained.
        """
        for size in _NEARBY_SIZES:
            rows, part = stretch(whole, row, size, beyond=size if self.foresees else 0)
            found = decide_from_any_value(part, self._budget)
            if not isinstance(found, Refuted):
                continue
            if not self.foresees:
                return replace(self._refuted(), all_ends=False)
            stuck = int(rows[found.row])
            returned = _ended_before(whole, stuck)
            return replace(found, row=stuck, returned=returned, within=(rows, part))
        return None

    def _advance(self, width: int, until: int) -> int:
        while True:
            status = kernel.advance(
                self._mode,
                self._layout.problem,
                self._window,
                self._memory,
                width,
                _WORK,
                until,
                self._traced,
            )
            scalars = self._memory.scalars
            if status in {FINISHED, STUCK} or (status == PAUSED and scalars[EVENT] == until):
                return int(status)
            if status == FULL:
                self._grow_pool()
            elif status == TRAILS_FULL:
                self._make_room_for_trails()
            elif status == STEPS_MISSING:
                self._learn_steps()
            elif status == TRUNCATING:
                self._exact = self._snapshot()
                self._snapshots = [self._exact]
                scalars[TRUNCATED] = 1
            else:
                assert status == PAUSED, "every status has its answer"
            if scalars[EXPLORED] > self.work_max:
                raise _OutOfBudget(UnknownCause.MEMORY_LIMIT)
            if self._budget.deadline():
                raise _OutOfBudget(UnknownCause.TIME_LIMIT)

    # -- going back

    def _remember(self) -> None:
        event = int(self._memory.scalars[EVENT])
        while self._snapshots and self._snapshots[-1].event >= event:
            self._snapshots.pop()
        self._snapshots.append(self._snapshot())
        if not self._memory.scalars[TRUNCATED]:
            self._snapshots = self._snapshots[-1:]
            self._exact = self._snapshots[0]

    def _snapshot(self) -> _Snapshot:
        memory = self._memory
        rows = int(memory.scalars[ROWS])
        return _Snapshot(
            event=int(memory.scalars[EVENT]),
            returned=int(memory.scalars[RETURNED]),
            frontier=memory.frontier[:rows].copy(),
            trail=memory.frontier_trail[:rows].copy(),
            is_exact=not memory.scalars[TRUNCATED],
        )

    def _restore(self, kept: _Snapshot) -> None:
        memory = self._memory
        rows = kept.trail.size
        memory.scalars[[EVENT, RETURNED, ROWS]] = kept.event, kept.returned, rows
        memory.scalars[[IN_WAVE, TRUNCATED]] = 0, not kept.is_exact
        memory.frontier[:rows] = kept.frontier
        memory.frontier_trail[:rows] = kept.trail
        self._window = _new_window(self._layout, self._words)
        kernel.replay(self._mode, self._layout.problem, self._window, kept.event)

    # -- memory

    def _grow_pool(self) -> None:
        memory = self._memory
        rows = memory.pool.shape[0]
        if rows >= self._budget.states_max or self._bytes(2 * rows) > self._budget.bytes_max:
            raise _OutOfBudget(UnknownCause.MEMORY_LIMIT)
        used = int(memory.scalars[POOL])
        kept = int(memory.scalars[ROWS])
        larger = _with_rows(memory, min(2 * rows, max(self._budget.states_max, 1)))
        larger.frontier[:kept] = memory.frontier[:kept]
        larger.frontier_trail[:kept] = memory.frontier_trail[:kept]
        larger.pool[:used] = memory.pool[:used]
        larger.pool_trail[:used] = memory.pool_trail[:used]
        larger.pool_flag[:used] = memory.pool_flag[:used]
        self._memory = larger
        rehash(larger, self._words)

    def _bytes(self, rows: int) -> int:
        return rows * (2 * 8 * self._row_words + 40) + 8 * self._memory.trail_op.size

    def _make_room_for_trails(self) -> None:
        memory = self._memory
        others = [self._exact, *self._snapshots]
        roots = np.concatenate([kept.trail for kept in others])
        compact(memory, roots)
        start = 0
        for kept in others:
            kept.trail[:] = roots[start : start + kept.trail.size]
            start += kept.trail.size
        size = memory.trail_op.size
        if 2 * int(memory.scalars[TRAILS]) < size:
            return
        if self._bytes(memory.pool.shape[0]) + 8 * size > self._budget.bytes_max:
            raise _OutOfBudget(UnknownCause.MEMORY_LIMIT)
        self._memory = memory._replace(
            trail_op=np.concatenate([memory.trail_op, np.zeros_like(memory.trail_op)]),
            trail_parent=np.concatenate([memory.trail_parent, np.zeros_like(memory.trail_parent)]),
        )

    def _learn_steps(self) -> None:
        assert self._step is not None, "only tables have steps to learn"
        memory = self._memory
        kinds = self._layout.problem.need.size
        keys = np.unique(memory.misses[: memory.scalars[MISSES]])
        memory.scalars[MISSES] = 0
        values = np.fromiter(
            (self._step(int(key) // kinds, int(key) % kinds) for key in keys), np.int64, keys.size
        )
        self._steps_known += keys.size
        if 2 * self._steps_known > memory.step_keys.size:
            old = memory
            size = 4 * memory.step_keys.size
            while 2 * self._steps_known > size:
                size *= 2
            memory = memory._replace(
                step_keys=np.full(size, -1, dtype=np.int64),
                step_values=np.zeros(size, dtype=np.int64),
            )
            known = old.step_keys >= 0
            learn(memory, old.step_keys[known], old.step_values[known])
            self._memory = memory
        learn(memory, keys, values)

    # -- answers

    def _refuted(self) -> Refuted:
        memory = self._memory
        ends: dict[int, tuple[int, ...]] = {}
        for at in range(int(memory.scalars[POOL])):
            state = int(memory.pool[at, 0])
            if state not in ends:
                ends[state] = self._trail(int(memory.pool_trail[at])) if self._traced else ()
        return Refuted(
            row=self._row_of(int(memory.scalars[EVENT])),
            returned=int(memory.scalars[RETURNED]),
            configurations=int(memory.scalars[EXPLORED]),
            ends=tuple(ends.items()),
        )

    def _order(self, at: int) -> tuple[int, ...]:
        return self._trail(int(self._memory.frontier_trail[at]))

    def _trail(self, trail: int) -> tuple[int, ...]:
        ops: list[int] = []
        while trail >= 0:
            ops.append(int(self._memory.trail_op[trail]))
            trail = int(self._memory.trail_parent[trail])
        return tuple(int(row) for row in self._layout.rows[ops[::-1]])

    def _row_of(self, event: int) -> int:
        return int(self._layout.rows[self._layout.problem.event_op[event]])


def _ended_before(operations: Operations, row: int) -> int:
    """How many had returned when this one did."""
    return int(np.count_nonzero(operations.completed < operations.completed[row]))


def _new_window(layout: Layout, words: int) -> Window:
    slots = layout.slots
    values = layout.problem.needer_from.size
    return Window(
        slot_op=np.full(slots, -1, dtype=np.int32),
        better=np.zeros((slots, words), dtype=np.int64),
        masks=np.zeros((4, words), dtype=np.int64),
        lane_op=np.full(layout.lanes, -1, dtype=np.int32),
        lane_count=np.zeros(layout.lanes, dtype=np.int32),
        lane_writer=np.full(layout.lanes, -1, dtype=np.int32),
        slack=np.zeros(layout.lanes, dtype=np.int32),
        installed=np.zeros(values, dtype=np.int32),
        needed=np.zeros(values, dtype=np.int32),
    )


def _new_memory(row_words: int, layout: Layout, traced: bool) -> Memory:
    room = (64 * ((layout.slots + 63) // 64) + layout.lanes + 2) ** 2
    trails = max(_TRAILS_AT_FIRST, 4 * room) if traced else 1
    return Memory(
        scalars=np.zeros(SCALARS, dtype=np.int64),
        frontier=np.zeros((_ROWS_AT_FIRST, row_words), dtype=np.int64),
        frontier_trail=np.full(_ROWS_AT_FIRST, -1, dtype=np.int32),
        pool=np.zeros((_ROWS_AT_FIRST, row_words), dtype=np.int64),
        pool_trail=np.full(_ROWS_AT_FIRST, -1, dtype=np.int32),
        pool_next=np.zeros(_ROWS_AT_FIRST, dtype=np.int32),
        pool_flag=np.zeros(_ROWS_AT_FIRST, dtype=np.uint8),
        heads=np.zeros(2 * _ROWS_AT_FIRST, dtype=np.int32),
        stamps=np.full(2 * _ROWS_AT_FIRST, -1, dtype=np.int32),
        trail_op=np.zeros(trails, dtype=np.int32),
        trail_parent=np.zeros(trails, dtype=np.int32),
        step_keys=np.full(_STEPS_AT_FIRST, -1, dtype=np.int64),
        step_values=np.zeros(_STEPS_AT_FIRST, dtype=np.int64),
        misses=np.zeros(_MISSES_MAX, dtype=np.int64),
        scratch=np.zeros((5, row_words), dtype=np.int64),
    )


def _with_rows(memory: Memory, rows: int) -> Memory:
    """The same with empty, larger tables of configurations."""
    size = 1
    while size < 2 * rows:
        size *= 2
    width = memory.pool.shape[1]
    return memory._replace(
        frontier=np.zeros((rows, width), dtype=np.int64),
        frontier_trail=np.full(rows, -1, dtype=np.int32),
        pool=np.zeros((rows, width), dtype=np.int64),
        pool_trail=np.full(rows, -1, dtype=np.int32),
        pool_next=np.zeros(rows, dtype=np.int32),
        pool_flag=np.zeros(rows, dtype=np.uint8),
        heads=np.zeros(size, dtype=np.int32),
        stamps=np.full(size, -1, dtype=np.int32),
    )
