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

ELSEWHERE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "S17": "A request has no field for a term or an index, so a client cannot forge one; what"
        " is malformed is refused at the codec (tests of hostile messages).",
        "S19": "Every message between nodes states its sender's position, so none is sent once"
        " only; the transcript lost_messages_stall_nothing loses one after the other.",
        "S25": "Nodes are pure and cannot sleep; the house rules ban time.sleep in all of the"
        " source (tests/tidy).",
        "S28": "No record carries a clock reading, so there is none to compare; freshness is the"
        " local time of news (tests of gossip).",
        "S31": "Not of a node but of a client: sessions know all nodes and ask the next one when"
        " one is down (tests of the client session).",
        "R25": "Not of a node but of the harness: a session that timed out is indeterminate, by a"
        " total mapping (tests of the driver).",
        "R27": "Sessions never expire, so no clock decides which are forgotten; the table grows"
        " with the number of clients instead.",
    }
)
"""Catalogued bugs that no wrong node can have: why, and what would catch them instead."""
