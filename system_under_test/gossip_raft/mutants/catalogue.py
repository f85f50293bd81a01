"""All bugs of the zoo, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from system_under_test.gossip_raft.mutants import (
    clients,
    commitment,
    durability,
    elections,
    membership,
    replication,
    snapshots,
    transactions,
)
from system_under_test.gossip_raft.mutants.mutant import Mutant

CATALOGUE: Final[Mapping[str, Mutant]] = MappingProxyType(
    {
        mutant.name: mutant
        for mutant in (
            *elections.MUTANTS,
            *commitment.MUTANTS,
            *replication.MUTANTS,
            *durability.MUTANTS,
            *snapshots.MUTANTS,
            *membership.MUTANTS,
            *clients.MUTANTS,
            *transactions.MUTANTS,
        )
    }
)
