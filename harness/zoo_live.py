"""Which bugs of the zoo live clusters can show, and how they are made to.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from harness.config import RunConfig
from harness.suspicion import FAULTS_FOR, OPTIONS_FOR, SHOWN_BY
from system_under_test.gossip_raft.core.messages import Consistency
from system_under_test.gossip_raft.mutants.mutant import Mutant, Need

NOT_LIVE: Final[Mapping[Need, str]] = {
    Need.PEACE: "judged by what is promised about time, which only a simulated machine keeps",
    Need.DELAY: "needs messages as slow as elections are",
    Need.STRAGGLING: "needs messages that come elections later",
    Need.COMPACTION: "needs limits that live nodes are not given",
    Need.SMALL_BATCHES: "needs limits that live nodes are not given",
    Need.OVERLOAD: "needs limits that live nodes are not given",
    Need.CHAINS: "needs limits that live nodes are not given",
    Need.CLOCK_DRIFT: "needs clocks that run apart from the beginning",
    Need.GATEWAY: "needs clients that ask through a gateway",
}
"""Why a bug that needs it is hunted in the simulator only."""


def why_not_live(mutant: Mutant) -> str | None:
    """``None``: it can be hunted in a live cluster."""
    return next((NOT_LIVE[need] for need in mutant.needs if need in NOT_LIVE), None)


def live_config(mutant: Mutant | None, seed: int, time_s: float) -> RunConfig:
    """A campaign in which what ``mutant`` needs may well happen; of correct nodes without one."""
    if mutant is None:
        return RunConfig(seed=seed, time_s=time_s)
    kinds = {kind for need in mutant.needs for kind in FAULTS_FOR.get(need, ())}
    workloads = [names[0] for need, names in SHOWN_BY.items() if need in mutant.needs]
    return RunConfig(
        seed=seed,
        workload=workloads[0] if workloads else "register",
        nodes=mutant.nodes_min,
        faults=tuple(sorted(kinds)),
        time_s=time_s,
        concurrency=10,
        bug=mutant.name,
        reads=(
            Consistency.LEASE if Need.LEASE_READS in mutant.needs else Consistency.LINEARIZABLE
        ).value,
        options={
            name: value
            for need in mutant.needs
            for name, value in OPTIONS_FOR.get(need, {}).items()
        },
    )
