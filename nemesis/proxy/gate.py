"""What may pass on one link, and how much did."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields

from system_under_test.control import Link
from system_under_test.gossip_raft.core.types import Nanos


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCounts:
    """What happened on one link.

    Attributes:
        bytes_passed: Handed to the target's kernel.
        bytes_dropped: Swallowed by a cut.
        bytes_delayed: Held back by a delay, whatever became of them.
        connections_opened: Accepted from the link's source.
        connections_broken: Of those, aborted by a reset, or by a heal because a
            cut had made a hole in them.
    """

    bytes_passed: int = 0
    bytes_dropped: int = 0
    bytes_delayed: int = 0
    connections_opened: int = 0
    connections_broken: int = 0

    def __sub__(self, other: LinkCounts) -> LinkCounts:
        return LinkCounts(
            **{f.name: getattr(self, f.name) - getattr(other, f.name) for f in fields(self)}
        )


class Gate:
    """The state of one link, shared by the two proxies whose connections use it.

    A link carries the requests of the connections that its source opened and the
    replies of those that its target opened.  Both ask the same gate, which is
    what makes a one-way cut one-way.
    """

    __slots__ = (
        "_jitter_s",
        "_latency_s",
        "_rng",
        "bytes_delayed",
        "bytes_dropped",
        "bytes_passed",
        "connections_broken",
        "connections_opened",
        "cut",
        "link",
    )

    def __init__(self, link: Link, rng: random.Random) -> None:
        self.link = link
        self.cut = False
        self.bytes_passed = 0
        self.bytes_dropped = 0
        self.bytes_delayed = 0
        self.connections_opened = 0
        self.connections_broken = 0
        self._rng = rng
        self._latency_s = 0.0
        self._jitter_s = 0.0

    def delay(self, latency: Nanos, jitter: Nanos) -> None:
        self._latency_s = latency / 1e9
        self._jitter_s = jitter / 1e9

    def open(self) -> None:
        self.cut = False
        self.delay(Nanos(0), Nanos(0))

    def hold_s(self) -> float:
        """For how many seconds to hold back what arrives now: latency ± jitter, never below 0."""
        if not self._latency_s and not self._jitter_s:
            return 0.0
        return max(0.0, self._latency_s + self._rng.uniform(-self._jitter_s, self._jitter_s))

    @property
    def counts(self) -> LinkCounts:
        return LinkCounts(
            bytes_passed=self.bytes_passed,
            bytes_dropped=self.bytes_dropped,
            bytes_delayed=self.bytes_delayed,
            connections_opened=self.connections_opened,
            connections_broken=self.connections_broken,
        )
