"""What a bug of the zoo is: a few wrong rules, or wrong storage, and what they break."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.ports import Storage


class Need(Enum):
    """What must happen to a node or a network before a bug can be seen."""

    ELECTION = "a change of leaders"
    CRASH = "crash and restart"
    POWER_LOSS = "power loss"
    WIPED_DISK = "a lost disk"
    DISK_ERROR = "a failing disk"
    BIT_FLIP = "a damaged record"
    PARTITION = "partition"
    ONE_WAY_PARTITION = "a link cut in one direction"
    LOSS = "lost messages"
    DELAY = "delayed messages"
    DUPLICATION = "repeated messages"
    CLOCK_DRIFT = "clocks that drift apart"
    PAUSE = "a paused process"
    COMPACTION = "a small snapshot threshold"
    SMALL_BATCHES = "small batches"
    MEMBERSHIP = "membership changes"
    TRANSFER = "a transfer of leadership"
    RETRIES = "clients that repeat requests"
    TRANSACTIONS = "transactions"
    REFUSALS = "transactions that are refused"
    READS = "reads right after writes"
    BATCHES = "requests of several commands"
    EMPTY = "entries without content"
    LEASE_READS = "reads by lease"
    GATEWAY = "requests that followers forward"
    OVERLOAD = "overload"
    SHUNNED = "nodes that hear others, but not the leader"
    FLAPPING = "nodes cut off one right after the other"
    STRAGGLING = "messages that come elections later"
    CHAINS = "nodes that pull from each other"
    PEACE = "peace for the others"


def _sound_storage(storage: Storage) -> Storage:
    return storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One bug.

    Attributes:
        name: What ``--bug`` and transcripts call it.
        summary: What the wrong node does, in one sentence.
        breaks: The properties that fail.
        ids: Its numbers in the catalogue of known bugs (docs/zoo.md).
        needs: What must happen before it can be seen; nothing means any run will do.
        nodes_min: In smaller clusters it does no harm.
        revealed_by: What reports it in its directed schedule: invariants of the traces, or
            ``linearizability`` of what clients saw, or ``claim``, or ``in-node assertion``.
        random: Whether random runs are believed to find it in a reasonable time.
        rules: To be called without arguments; given to the ``Node``.
        storage: Wraps the storage that the ``Host`` is given.
    """

    name: str
    summary: str
    breaks: tuple[str, ...]
    ids: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    nodes_min: int = 3
    revealed_by: tuple[str, ...] = ()
    random: bool = True
    rules: Callable[[], Rules] = Rules
    storage: Callable[[Storage], Storage] = _sound_storage

    def told(self, part: str) -> str:
        """What the docstring of its class says after ``Mechanism:``, ``Seen:``, ``Needs:`` or
        ``Revealed by:``; empty if it says nothing of that."""
        kind = self.storage if self.rules is Rules else self.rules
        story = " ".join((kind.__doc__ or "").split())
        _, _, after = story.partition(f"{part}: ")
        return re.split(r" (?:Mechanism|Seen|Needs|Revealed by): ", after)[0].rstrip(".")
