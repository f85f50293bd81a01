"""Random priorities of messages, after the priorities of threads of PCT.

Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi & Nagarakatte, ASPLOS 2010)
runs the thread of the highest priority that can run, with priorities drawn at random, and at d - 1
random points lowers that thread's below all others: a bug that d ordering constraints suffice for
is found with a probability that can be stated.  Ozkan et al. (OOPSLA 2018) do it to chains of
messages.  Here nothing may wait for ever, since nodes watch clocks: what has a low priority is
late, the lower the later.  So the guarantee does not carry over, but the bias does: a few senders
are slow for long, whatever the others do meanwhile, and who is slow changes a few times.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from system_under_test.gossip_raft.simulation.scheduler import Scheduler

STEEPNESS: Final = 4
"""The lowest priority has all of the delay, half of it the upper end of the slowest sixth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityOptions:
    """Attributes:
    by_node: Whether nodes have priorities, for all that they send, or each link its own.
    changes: So many times one of them falls below all others.
    delay_max_ns: What the lowest adds to each message.
    until_ns: From then on there are no priorities.
    """

    by_node: bool
    changes: int
    delay_max_ns: int
    until_ns: int


class Delayed(Protocol):
    """A link; ``base`` is what each message takes at least, in nanoseconds."""

    base: int


class Priorities:
    """Sets the delays of ``ranked``, groups of links that share a priority, as time passes."""

    def __init__(
        self,
        scheduler: Scheduler,
        rng: random.Random,
        options: PriorityOptions,
        ranked: Sequence[Sequence[Delayed]],
    ) -> None:
        self._delay_max_ns = options.delay_max_ns
        # The highest priority first.
        self._ranked = rng.sample(ranked, len(ranked))
        self._usual = [(link, link.base) for links in ranked for link in links]
        self._set_delays()
        for _ in range(options.changes):
            time, links = rng.randrange(options.until_ns), rng.choice(ranked)
            scheduler.at(time, self._demote, links)
        scheduler.at(options.until_ns, self._lift)

    def _demote(self, links: Sequence[Delayed]) -> None:
        self._ranked = [*(other for other in self._ranked if other is not links), links]
        self._set_delays()

    def _set_delays(self) -> None:
        delays = {
            id(link): self._delay_of(rank)
            for rank, links in enumerate(self._ranked)
            for link in links
        }
        for link, base in self._usual:
            link.base = base + delays[id(link)]

    def _delay_of(self, rank: int) -> int:
        share: float = (rank / max(1, len(self._ranked) - 1)) ** STEEPNESS
        return int(self._delay_max_ns * share)

    def _lift(self, _: object) -> None:
        for link, base in self._usual:
            link.base = base
