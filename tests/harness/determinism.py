"""Prints the digest of all that some seeds did: ``python -m tests.harness.determinism PLANTED``.

Run by ``test_simulated`` in processes that differ in all that a run must not depend on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from hashlib import blake2b

from harness.simulated import Simulated, simulate
from harness.swarm import Given, draw_plan
from histories.journal import encode_event
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import Membership, Nanos, NodeId
from system_under_test.gossip_raft.mutants.mutant import Mutant

SEEDS = 6


class LooksAtSetOrder(Rules):
    def may_campaign(self, node: NodeId, membership: Membership) -> bool:
        return node == next(iter(set(membership.voters)))


class LooksAtWallClock(Rules):
    def has_expired(self, expires_in: Nanos | None) -> bool:
        del expires_in
        return time.process_time_ns() // 1_000 % 7 == 0


PLANTED = {"nothing": Rules, "set order": LooksAtSetOrder, "wall clock": LooksAtWallClock}


def lines(simulated: Simulated) -> Iterator[bytes]:
    """The journal and the traces, as they would be written."""
    yield from map(encode_event, simulated.events)
    for node, events in simulated.traces.items():
        yield node.encode()
        yield from map(encode_event, events)


def main(planted: str) -> None:
    mutant = Mutant(name=planted, summary="", breaks=(), rules=PLANTED[planted])
    digest = blake2b()
    for seed in range(SEEDS):
        for line in lines(simulate(draw_plan(seed, Given(time_s=5.0)), mutant)):
            digest.update(line + b"\n")
    sys.stdout.write(digest.hexdigest())


if __name__ == "__main__":
    main(sys.argv[1])
