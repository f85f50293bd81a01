"""How long answers take, measured from our own questions (Jacobson 1988; RFC 6298)."""

from __future__ import annotations

from system_under_test.gossip_raft.core.types import Nanos, NodeId


class RoundTrips:
    """1. Whole nanoseconds of our own clock; no clock reading crosses a link.
    2. One question, one sample: a repeated question is another one, so that no answer is
       ambiguous (Karn & Partridge 1987).
    """

    def __init__(self) -> None:
        self._measured: dict[NodeId, tuple[int, int]] = {}

    def add(self, peer: NodeId, took: Nanos) -> None:
        """An answer of ``peer`` came after ``took``."""
        before = self._measured.get(peer)
        if before is None:
            self._measured[peer] = took, took // 2
            return
        smoothed, deviation = before
        deviation += (abs(took - smoothed) - deviation) // 4
        self._measured[peer] = smoothed + (took - smoothed) // 8, deviation

    def typical(self, peer: NodeId) -> Nanos | None:
        """The smoothed time; ``None`` if nothing is known."""
        measured = self._measured.get(peer)
        return None if measured is None else Nanos(measured[0])

    def longest(self, peer: NodeId) -> Nanos | None:
        """Hardly any answer takes longer; ``None`` if nothing is known."""
        measured = self._measured.get(peer)
        return None if measured is None else Nanos(measured[0] + 4 * measured[1])
