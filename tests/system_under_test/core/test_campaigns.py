"""Clusters in bad weather stay safe, and recover; clusters with a bug are found out."""

from __future__ import annotations

import pytest

from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from tests.system_under_test.core.campaign import Campaign

SEEDS = 200
CHUNKS = 10


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_a_correct_cluster_survives_loss_crashes_and_partitions(chunk: int) -> None:
    acknowledged = 0
    for seed in range(chunk, SEEDS, CHUNKS):
        campaign = Campaign(seed, nodes=5 if seed % 3 == 0 else 3)
        assert campaign.run() == [], f"seed {seed}"
        acknowledged += len(campaign.acknowledged)
    assert acknowledged > SEEDS // CHUNKS  # Otherwise nothing was tested.


def test_a_campaign_is_decided_by_its_seed_alone() -> None:
    first, second = Campaign(7, nodes=3), Campaign(7, nodes=3)
    first.run()
    second.run()
    assert first.world.events == second.world.events


@pytest.mark.parametrize(
    ("name", "symptom"),
    [
        ("stale-read", "stale read"),
        ("minority-commit", "lost acknowledged"),
        ("no-dedup", "applied a request twice"),
        ("forgets-vote", "forgot its term or vote"),
        ("any-branch-commit", "committed twice, differently"),
    ],
)
def test_a_bug_is_found_within_thirty_seeds(name: str, symptom: str) -> None:
    # The others of the zoo need directed schedules: see tests/golden.
    mutant = CATALOGUE[name]
    for seed in range(30):
        problems = Campaign(seed, 3, mutant.rules(), mutant.storage).run()
        if any(symptom in problem for problem in problems):
            return
    pytest.fail(f"{name} went unnoticed")
