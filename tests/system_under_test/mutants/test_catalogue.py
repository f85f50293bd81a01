"""The zoo is in order, and nothing of the catalogue of known bugs is forgotten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.regression import read_steps
from harness.zoo_live import why_not_live
from system_under_test.gossip_raft.core.rules import Rules
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE, ELSEWHERE, MISSED
from system_under_test.gossip_raft.mutants.page import Hunted, zoo_page

PAGE = Path(__file__).parents[3] / "docs" / "zoo.md"
HUNTS = PAGE.with_suffix(".json")
SHRUNK = Path(__file__).parents[2] / "golden" / "shrunk"
OFFERED = {
    "stale-read",
    "unconfirmed-read",
    "minority-commit",
    "forgets-vote",
    "counts-any-term",
    "no-dedup",
}
NEVER_GIVEN = {"S22", "S29", "S30"}
KNOWN = {
    *(f"S{number:02}" for number in range(1, 34)),
    *(f"M{number:02}" for number in range(1, 24)),
    *(f"R{number:02}" for number in range(1, 36)),
} - NEVER_GIVEN


def test_the_bugs_that_live_campaigns_offer_are_there() -> None:
    assert set(CATALOGUE) >= OFFERED


def test_every_known_bug_is_in_the_zoo_or_has_a_reason_why_not() -> None:
    covered = {number for mutant in CATALOGUE.values() for number in mutant.ids}
    assert covered | set(ELSEWHERE) == KNOWN
    assert not covered & set(ELSEWHERE)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_bug_is_described(name: str) -> None:
    mutant = CATALOGUE[name]
    assert mutant.name == name
    assert mutant.summary.endswith(".")
    assert mutant.breaks
    assert mutant.revealed_by
    for part in ("Mechanism", "Seen", "Needs", "Revealed by"):
        assert mutant.told(part), f"{name} does not say {part}"
    assert all(number in mutant.told("Seen") for number in mutant.ids), mutant.told("Seen")


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_bug_is_wrong_in_something(name: str) -> None:
    """Rules that override nothing, and storage that is not wrapped, would be correct."""
    mutant = CATALOGUE[name]
    rules = type(mutant.rules())
    overridden = {
        method
        for kind in rules.__mro__
        if kind not in {Rules, object}
        for method in vars(kind)
        if not method.startswith("_")
    }
    assert overridden <= set(vars(Rules)) | {"WAITING_MAX"}
    assert overridden or mutant.storage is not type(mutant).__dataclass_fields__["storage"].default


def test_the_page_says_what_the_catalogue_does(request: pytest.FixtureRequest) -> None:
    not_live = {name: why for name, mutant in CATALOGUE.items() if (why := why_not_live(mutant))}
    page = zoo_page(read_steps(SHRUNK), hunted(), not_live)
    if request.config.getoption("--rewrite"):
        PAGE.write_text(page)
    assert PAGE.read_text() == page


def test_the_catalogue_believes_what_the_hunts_have_shown() -> None:
    for name, shown in hunted().items():
        assert CATALOGUE[name].random == (2 * shown.caught >= shown.hunts), name


def test_of_every_bug_that_hunts_miss_it_is_said_why() -> None:
    assert set(MISSED) == {name for name, mutant in CATALOGUE.items() if not mutant.random}


def hunted() -> dict[str, Hunted]:
    """What ``hearsay zoo --json docs/zoo.json`` wrote."""
    rows = json.loads(HUNTS.read_text())
    return {
        row["bug"]: Hunted(
            hunts=len(row["hunts"]),
            caught=row["caught"],
            runs=row["runs"],
            cpu_s=row["cpu_s"],
            found=tuple(row["found"]),
        )
        for row in rows
        if row["bug"] in CATALOGUE
    }
