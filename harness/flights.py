"""The calls in flight, and when each is given up."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from histories.call import Call
from histories.op import Nanos, ProcessId


@dataclass(frozen=True, slots=True)
class Flight:
    """A call that has not returned; ``op`` is its number in the journal."""

    op: int
    call: Call
    deadline: Nanos


class Flights(dict[ProcessId, Flight]):
    """By process, which has one at most.  Deadlines are in the order of departure."""

    def __init__(self) -> None:
        super().__init__()
        self._deadlines: deque[tuple[ProcessId, Flight]] = deque()

    def depart(self, process: ProcessId, flight: Flight) -> None:
        self[process] = flight
        self._deadlines.append((process, flight))

    @property
    def next_deadline(self) -> Nanos | None:
        """Perhaps of one that has returned: then nothing is overdue."""
        return self._deadlines[0][1].deadline if self._deadlines else None

    def overdue(self, now: Nanos) -> Iterator[tuple[ProcessId, Flight]]:
        """Those to be ended now; forgets the deadlines of what has ended."""
        while self._deadlines:
            process, flight = self._deadlines[0]
            is_open = self.get(process) is flight
            if is_open and now < flight.deadline:
                return
            self._deadlines.popleft()
            if is_open:
                yield process, flight
