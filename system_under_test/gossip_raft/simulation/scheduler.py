"""Virtual time: what happens next, and when.

One thread, integer nanoseconds.  What is due at the same instant happens in the order in
which it was planned, so a run is decided by its inputs alone.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Final, TypeAlias

from system_under_test.gossip_raft.core.types import Nanos

Act: TypeAlias = Callable[[Any], None]

FOREVER: Final = Nanos(2**63 - 1)


class Goal:
    """What a run is for: who sees that it is reached sets ``is_reached``."""

    __slots__ = ("is_reached",)

    def __init__(self) -> None:
        self.is_reached = False


class Scheduler:
    """``now`` is the time of the world."""

    __slots__ = ("_heap", "_planned", "now")

    def __init__(self) -> None:
        self.now = Nanos(0)
        self._heap: list[tuple[Any, int, Act, Any]] = []
        self._planned = 0

    @property
    def events(self) -> int:
        """How much has happened so far."""
        return self._planned - len(self._heap)

    def at(self, time: int, act: Act, argument: Any = None) -> None:
        """Call ``act(argument)`` at ``time``, which is not past."""
        assert time >= self.now, f"{time} is past, it is {self.now}"
        self._planned += 1
        heappush(self._heap, (time, self._planned, act, argument))

    def run(self, goal: Goal, until: int = FOREVER) -> None:
        """Let happen what is due up to ``until``, but nothing after the ``goal`` is reached.

        May be called by what happens: then the world goes on inside of it.
        """
        heap = self._heap
        while not goal.is_reached:
            if not heap or heap[0][0] > until:
                if until != FOREVER:
                    self.now = Nanos(max(self.now, until))
                return
            self.now, _, act, argument = heappop(heap)
            act(argument)

    def run_for(self, duration: int) -> None:
        """Let happen what is due within ``duration``."""
        self.run(Goal(), self.now + duration)


class Timer:
    """One wake-up at a time, which may be moved or taken back; cheap to put off."""

    __slots__ = ("_act", "_due", "_planned_at", "_scheduler")

    def __init__(self, scheduler: Scheduler, act: Callable[[], None]) -> None:
        self._scheduler = scheduler
        self._act = act
        self._due: int = FOREVER
        # Of the wake-ups in the heap only the earliest counts; it looks for itself what is due.
        self._planned_at: int = FOREVER

    def set(self, time: int) -> None:
        """Wake at ``time``, and no more at the time set before."""
        self._due = time
        if time < self._planned_at:
            self._planned_at = time
            self._scheduler.at(max(time, self._scheduler.now), self._wake, time)

    def cancel(self) -> None:
        self._due = FOREVER

    def _wake(self, planned_at: int) -> None:
        if planned_at != self._planned_at:
            return  # An earlier one was planned since.
        self._planned_at = FOREVER
        if self._due > self._scheduler.now:
            if self._due != FOREVER:
                self.set(self._due)
            return
        self._due = FOREVER
        self._act()
