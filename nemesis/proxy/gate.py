"""What may pass on one link, and how much did."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields
from typing import Final, assert_never

from system_under_test.conditions import (
    Condition,
    Crowded,
    Cut,
    Draw,
    Flapping,
    HalfOpen,
    Meddled,
    Refused,
    Slow,
    SlowClose,
    Throttled,
    Weather,
    drawn_latency,
)
from system_under_test.control import Link

BUFFER_MAX: Final = 256 * 1024
READ_MAX: Final = 128 * 1024
_PIECES_PER_S: Final = 50
"""A throttled link passes pieces so small that so many of them fill a second."""
_PIECE_MIN: Final = 512


@dataclass(slots=True, kw_only=True)
class LinkCounts:
    """What happened on one link.

    Attributes:
        bytes_passed: Handed to the target's kernel.
        bytes_dropped: Swallowed by a cut, or said on a half-open connection.
        bytes_delayed: Held back by slowness or a narrow band, whatever became of them.
        ends_delayed: Ends of connections that were heard late.
        connections_opened: Accepted from the link's source.
        connections_refused: Of those, refused at once.
        connections_broken: Aborted by a reset, a refusal, or when a link was healed because
            they had a hole.
        connections_deserted: Closed at the link's target without its source learning of it.
        requests_dropped, requests_repeated, requests_delayed, requests_overtaken,
        requests_failed: Calls that the link's source made.
        replies_dropped: Of calls that the link's source made, when a condition of this link
            says so; or replies that it gave, when they are lost like everything.
        replies_delayed: Replies that it gave.
    """

    bytes_passed: int = 0
    bytes_dropped: int = 0
    bytes_delayed: int = 0
    ends_delayed: int = 0
    connections_opened: int = 0
    connections_refused: int = 0
    connections_broken: int = 0
    connections_deserted: int = 0
    requests_dropped: int = 0
    requests_repeated: int = 0
    requests_delayed: int = 0
    requests_overtaken: int = 0
    requests_failed: int = 0
    replies_dropped: int = 0
    replies_delayed: int = 0

    def __sub__(self, other: LinkCounts) -> LinkCounts:
        return LinkCounts(
            **{f.name: getattr(self, f.name) - getattr(other, f.name) for f in fields(self)}
        )


class Gate:
    """The state of one link, shared by the two proxies whose connections use it.

    A link carries the requests of the connections that its source opened and the
    replies of those that its target opened.  Both ask the same gate, which is
    what makes a one-way cut one-way.

    ``is_plain``: nothing is imposed that concerns bytes.
    """

    __slots__ = (
        "_bytes_per_s",
        "_conditions",
        "_free_at",
        "_slow",
        "_slow_close_s",
        "buffer_max",
        "calls",
        "connections_max",
        "counts",
        "cut",
        "draw",
        "half_open",
        "is_plain",
        "link",
        "piece_max",
    )

    def __init__(self, link: Link, rng: random.Random) -> None:
        self.link = link
        self.draw: Draw = rng.random
        self.counts = LinkCounts()
        self._conditions: list[Condition] = []
        self._free_at = 0.0
        self._set()

    def impose(self, condition: Condition) -> None:
        self._conditions.append(condition)
        self._set()

    def lift(self, condition: Condition) -> bool:
        """Of several that are equal, one; whether there was one."""
        if condition not in self._conditions:
            return False
        self._conditions.remove(condition)
        self._set()
        return True

    def clear(self) -> None:
        self._conditions.clear()
        self._set()

    def _set(self) -> None:
        self.cut = self.half_open = False
        self._slow: tuple[Slow, ...] = ()
        self._slow_close_s = 0.0
        self._bytes_per_s = 0
        self.connections_max: int | None = None
        self.calls: tuple[Weather | Meddled, ...] = ()
        refused = False
        for condition in self._conditions:
            match condition:
                case Cut():
                    self.cut = True
                case Refused():
                    refused = True
                case Crowded(connections_max=most):
                    self.connections_max = min(most, self.connections_max or most)
                case Slow():
                    self._slow += (condition,)
                case Throttled(bytes_per_s=rate):
                    self._bytes_per_s = min(self._bytes_per_s or rate, rate)
                case HalfOpen():
                    self.half_open = True
                case SlowClose(latency_ns=latency_ns):
                    self._slow_close_s += latency_ns / 1e9
                case Weather() | Meddled():
                    self.calls += (condition,)
                case Flapping():
                    pass  # The layer imposes cuts and lifts them by turns.
                case _:
                    assert_never(condition)
        if refused:
            self.connections_max = 0
        self._free_at = 0.0
        self.piece_max, self.buffer_max = READ_MAX, BUFFER_MAX
        if self._bytes_per_s:
            self.piece_max = max(_PIECE_MIN, min(READ_MAX, self._bytes_per_s // _PIECES_PER_S))
            self.buffer_max = max(_PIECE_MIN, min(BUFFER_MAX, self._bytes_per_s))
        self.is_plain = not (self.cut or self._slow or self._bytes_per_s)

    def hold_s(self, count: int, now: float) -> float:
        """For how many seconds to hold back ``count`` bytes that arrive now."""
        hold = sum(drawn_latency(slow, self.draw) for slow in self._slow) / 1e9
        if self._bytes_per_s:
            self._free_at = max(now, self._free_at) + count / self._bytes_per_s
            hold += self._free_at - now
        return hold

    def hold_end_s(self, now: float) -> float:
        """For how many seconds to hold back the end of a connection that comes now."""
        self.counts.ends_delayed += bool(self._slow_close_s)
        return self.hold_s(0, now) + self._slow_close_s

    @property
    def snapshot(self) -> LinkCounts:
        """The counts as they are now."""
        return self.counts - LinkCounts()
