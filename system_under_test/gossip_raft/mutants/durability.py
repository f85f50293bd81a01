"""Bugs in what survives a crash."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from system_under_test.gossip_raft.core.ready import Persist
from system_under_test.gossip_raft.core.types import DurableState, Term
from system_under_test.gossip_raft.mutants.mutant import Mutant, Need
from system_under_test.gossip_raft.ports import Storage


class ForgetsVote:
    """Loses term and vote at every start; the log survives.

    Mechanism: they are kept in memory only.  Seen: S02, M11.  Needs: a node killed
    and restarted around an election.  Revealed by: a term that goes back; two votes
    in a term, hence two leaders in a term.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def load(self) -> DurableState:
        durable = self._storage.load()
        hard = replace(durable.hard, term=Term(0), vote=None)
        return replace(durable, hard=hard)

    def persist(self, persist: Persist, durable: Callable[[], None]) -> None:
        self._storage.persist(persist, durable)


MUTANTS = (
    Mutant(
        name="forgets-vote",
        ids=("M11",),
        summary="Term and vote are lost in a crash.",
        breaks=("election safety", "durability"),
        needs=(Need.CRASH,),
        revealed_by=(),
        storage=ForgetsVote,
    ),
)
