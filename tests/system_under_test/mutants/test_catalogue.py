"""The zoo is in order, and every bug in it is shown to misbehave."""

from __future__ import annotations

from pathlib import Path

import pytest

from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE

GOLDEN = Path(__file__).parents[2] / "golden"
ASKED_FOR = {
    "stale-read",
    "unconfirmed-read",
    "minority-commit",
    "forgets-vote",
    "counts-any-term",
    "no-dedup",
}


def test_the_bugs_that_live_campaigns_offer_are_there() -> None:
    assert set(CATALOGUE) >= ASKED_FOR


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_bug_has_a_transcript_that_shows_it(name: str) -> None:
    shown = [path for path in GOLDEN.glob("*.txt") if f" {name}\n" in path.read_text()]
    assert shown, f"no transcript in tests/golden has 'rules NODE {name}'"


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_bug_is_described(name: str) -> None:
    mutant = CATALOGUE[name]
    assert mutant.name == name
    assert mutant.summary.endswith(".")
    assert mutant.breaks
    rules = mutant.rules()
    if type(rules) is not Rules:
        docstring = type(rules).__doc__ or ""
        assert all(word in docstring for word in ("Mechanism:", "Seen:", "Needs:", "Revealed by:"))
