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

MISSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "answers-without-term": "A deposed leader must get answers to its heartbeats, and hear no"
        " request of anybody who knows the next term, and that before it misses its majority, which"
        " it does just when others may be elected. An earlier mixture of runs met it once.",
        "former-leader-postpones": "A former leader must be heard by all, hear nobody, and have a"
        " slow clock, while whoever was elected after it is down for long: three faults at once,"
        " each aimed.",
        "any-request-postpones": "Whoever asks must be heard, hear no answer, have a fast clock,"
        " and the leader be down for long: three faults at once, each aimed. And what a majority"
        " must do is not judged while links are cut in one direction only.",
        "counts-any-term": "The old leader must still lead when the next one is elected, and of"
        " those who elected it one must get an entry of the old leader and tell it so, before"
        " anything else tells the old leader the new term. Isolations one right after the other,"
        " clocks far apart and heartbeats whose answers are lost, all together, showed it once in"
        " 40 runs.",
        "source-guard": "As counts-any-term, and through a node in between; an earlier mixture of"
        " runs met it once, the one measured here did not.",
    }
)
"""Bugs that hunts have not found: why, and what would show them; directed schedules do."""
