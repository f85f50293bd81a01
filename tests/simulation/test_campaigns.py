"""Simulated clusters under attack stay safe and recover; clusters with a bug are found out.

What a seed draws all by itself is in ``tests/harness/test_simulated.py``.  Here faults hardly
pause, every campaign is made for one part of the protocol, and it shows that this part was played.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import pytest

from checker.base import Budget
from checker.verdict import Invalid, Valid
from harness.planning import plan_faults
from harness.simulated import CORRECT, Simulated, simulate
from harness.swarm import Given, draw_plan
from histories.call import Ok
from histories.event import Completed, FaultBegan, FaultEnded
from histories.trace import Booted, NodeEvent, SnapshotInstalled
from nemesis.packages import SECOND
from nemesis.plan import Pace
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.core.types import Nanos
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from system_under_test.gossip_raft.mutants.mutant import Mutant
from system_under_test.gossip_raft.simulation.cluster import MS
from tests.system_under_test.watched import QUICK

RESTLESS: Final = Pace(
    first_ns=SECOND,
    duration_min_ns=300 * MS,
    duration_max_ns=1_500 * MS,
    recovery_ns=300 * MS,
    interval_ns=900 * MS,
    tail_ns=2 * SECOND,
)
SEEDS_PER_BUG: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What all its runs have in common; ``node`` as in ``WorldOptions``."""

    nodes: int | None = None
    faults: tuple[str, ...]
    workload: str = "append"
    reads: str | None = None
    node: Mapping[str, int | str | None] = field(default_factory=dict)

    def run(self, seed: int, mutant: Mutant = CORRECT) -> Simulated:
        given = Given(
            workload=self.workload,
            nodes=self.nodes,
            faults=self.faults,
            time_s=8.0,
            concurrency=10,
            rate_hz=30.0,
            reads=self.reads,
        )
        plan = draw_plan(seed, given)
        world = replace(plan.world, node={**plan.world.node, **self.node})
        schedule = plan_faults(plan.config, pace=RESTLESS, leader_first=False)
        return simulate(replace(plan, schedule=schedule, world=world), mutant)

    def survived(self, seeds: int) -> list[Simulated]:
        """The runs of correct nodes, each of which must be valid."""
        runs = [self.run(seed) for seed in range(seeds)]
        for seed, simulated in enumerate(runs):
            verdict = simulated.verdict(Budget())
            assert isinstance(verdict, Valid), f"seed {seed}: {verdict}"
        return runs


COMPACTING: Final = {"snapshot_entries_max": 5, "log_keep": 1, "snapshot_chunk_bytes": 500}
ATTACKED: Final = Campaign(faults=("partition", "kill", "crash", "weather"))
PARTITIONED: Final = Campaign(nodes=3, faults=("partition",))
CRASHING: Final = Campaign(nodes=3, faults=("kill", "crash"))
REPEATING: Final = Campaign(nodes=3, faults=("weather",))
WIPED: Final = Campaign(nodes=3, faults=("disk", "crash"), node=COMPACTING)
OUTDATED: Final = Campaign(
    nodes=3, faults=("weather",), node={**COMPACTING, "snapshot_entries_max": 1, "log_keep": 0}
)
"""Snapshots all the time, and old ones arrive again."""
CHURNING: Final = Campaign(nodes=5, faults=("membership", "partition", "crash"), node=COMPACTING)
LEASING: Final = Campaign(
    nodes=3, faults=("isolate", "drift"), workload="register", reads="lease", node=QUICK
)


class NeverLapses(Rules):
    """A leader that hears of nobody goes on leading, and reading."""

    def keeps_leading(self, contacts: int, members: int) -> bool:
        del contacts, members
        return True

    def lease_length(self, promise: Nanos, clock_drift_max_ppm: int) -> Nanos:
        del clock_drift_max_ppm
        return Nanos(10 * promise)


NEVER_LAPSES: Final = Mutant(name="never-lapses", summary="", breaks=(), rules=NeverLapses)


def told(runs: Sequence[Simulated], kind: type[NodeEvent]) -> list[NodeEvent]:
    """Everything of one kind that a node said it did."""
    return [
        event
        for simulated in runs
        for trace in simulated.traces.values()
        for event in trace
        if isinstance(event, kind)
    ]


def test_a_correct_cluster_survives_loss_crashes_and_partitions() -> None:
    runs = ATTACKED.survived(12)
    faults = {e.kind for run in runs for e in run.events if isinstance(e, FaultBegan)}
    assert faults >= {"isolate", "one-way", "halves", "kill", "crash-at", "weather"}, faults


def test_a_cluster_that_compacts_and_loses_disks_survives_as_well() -> None:
    runs = WIPED.survived(12)
    assert len(told(runs, SnapshotInstalled)) > 12
    recovered = [e for e in told(runs, Booted) if isinstance(e, Booted) and e.recovering]
    assert len(recovered) > 6


def test_a_cluster_survives_changes_of_its_members_under_crashes_and_partitions() -> None:
    runs = CHURNING.survived(10)
    began = [e.detail for run in runs for e in run.events if isinstance(e, FaultBegan)]
    ended = [e.evidence for run in runs for e in run.events if isinstance(e, FaultEnded)]
    assert sum("was removed" in detail for detail in began) >= 6
    assert sum("was added" in evidence for evidence in ended) >= 6
    assert sum("leadership was handed over" in detail for detail in began) >= 3
    assert len(told(runs, SnapshotInstalled)) > 12


def test_reads_by_lease_are_never_stale_while_clocks_drift_within_bounds() -> None:
    runs = LEASING.survived(10)
    assert (
        sum(
            isinstance(e, Completed) and isinstance(e.outcome, Ok)
            for run in runs
            for e in run.events
        )
        > 1_000
    )


@pytest.mark.parametrize(
    "node",
    [
        {"heartbeats": "plain", "shape": "star"},
        {"shape": "star"},
        {"children_max": 1},
        {"children_max": 2, "depth_max": 3},
    ],
    ids=["plain", "star", "line", "tree"],
)
def test_every_topology_survives_bad_weather(node: dict[str, int | str | None]) -> None:
    # What a seed may draw of chains means nothing in a star.
    replace(ATTACKED, node={"children_max": None, **node}).survived(4)


@pytest.mark.parametrize(
    ("mutant", "campaign", "symptom"),
    [
        (CATALOGUE["stale-read"], replace(LEASING, reads="linearizable"), "nonlinearizable"),
        (NEVER_LAPSES, LEASING, "nonlinearizable"),
        (CATALOGUE["minority-commit"], PARTITIONED, "acknowledged entries are kept"),
        (CATALOGUE["no-dedup"], REPEATING, "duplicate-elements"),
        (CATALOGUE["forgets-vote"], CRASHING, "terms never go back"),
        (CATALOGUE["any-branch-commit"], PARTITIONED, "one committed log"),
        (CATALOGUE["forgets-the-wipe"], WIPED, "recovery"),
        (CATALOGUE["snapshot-index-ahead"], WIPED, "a snapshot equals the replayed log"),
        (CATALOGUE["compacts-beyond-commit"], WIPED, "a snapshot equals the replayed log"),
        (CATALOGUE["older-snapshot-installed"], OUTDATED, "commit points never go back"),
        (CATALOGUE["changes-before-own-commit"], CHURNING, "one membership change at a time"),
        (CATALOGUE["removed-still-counted"], replace(CHURNING, nodes=4), "commit rule"),
    ],
    ids=lambda of: of.name if isinstance(of, Mutant) else "",
)
def test_a_bug_is_found_by_its_symptom_within_a_few_seeds(
    mutant: Mutant, campaign: Campaign, symptom: str
) -> None:
    # The others of the zoo have directed schedules: see tests/golden/zoo.
    for seed in range(SEEDS_PER_BUG):
        verdict = campaign.run(seed, mutant).verdict(Budget())
        if isinstance(verdict, Invalid) and symptom in {a.kind for a in verdict.anomalies}:
            return
    pytest.fail(f"{mutant.name} went unnoticed")
