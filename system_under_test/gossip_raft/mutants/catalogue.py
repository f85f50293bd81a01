"""All bugs of the zoo, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from system_under_test.gossip_raft.mutants import (
    clients,
    commitment,
    durability,
    membership,
    replication,
    snapshots,
)
from system_under_test.gossip_raft.mutants.mutant import Mutant

CATALOGUE: Final[Mapping[str, Mutant]] = MappingProxyType(
    {
        mutant.name: mutant
        for mutant in (
            *clients.MUTANTS,
            *commitment.MUTANTS,
            *durability.MUTANTS,
            *replication.MUTANTS,
            *snapshots.MUTANTS,
            *membership.MUTANTS,
        )
    }
)
