"""The lattice is one: acyclic, closed, and every anomaly has its place in it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from checker.consistency_models import (
    ALIASES,
    IMPLIES,
    RULES_OUT,
    implied_by,
    in_order,
    model_named,
    ruled_out_by,
    strongest_without,
    weakest_of,
)


def test_every_name_is_a_model() -> None:
    named = {weaker for direct in IMPLIES.values() for weaker in direct}
    ruled_out = {model for models in RULES_OUT.values() for model in models}
    assert named | ruled_out | set(ALIASES.values()) <= set(IMPLIES)


def test_no_model_implies_itself_by_way_of_another() -> None:
    for model, direct in IMPLIES.items():
        assert all(model not in implied_by(weaker) for weaker in direct)


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        ("strict-serializable", "serializable"),
        ("strict-serializable", "linearizable"),
        ("strong-session-serializable", "read-your-writes"),
        ("serializable", "snapshot-isolation"),
        ("serializable", "repeatable-read"),
        ("snapshot-isolation", "parallel-snapshot-isolation"),
        ("snapshot-isolation", "prefix"),
        ("snapshot-isolation", "monotonic-atomic-view"),
        ("parallel-snapshot-isolation", "causal-cerone"),
        ("parallel-snapshot-isolation", "update-atomic"),
        ("repeatable-read", "cursor-stability"),
        ("causal-cerone", "read-atomic"),
        ("read-atomic", "read-committed"),
        ("linearizable", "monotonic-writes"),
    ],
)
def test_a_stronger_model_implies_a_weaker_one(stronger: str, weaker: str) -> None:
    assert weaker in implied_by(stronger)
    assert stronger not in implied_by(weaker)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("snapshot-isolation", "repeatable-read"),
        ("parallel-snapshot-isolation", "prefix"),
        ("strong-snapshot-isolation", "strong-session-serializable"),
        ("linearizable", "serializable"),
    ],
)
def test_some_models_cannot_be_compared(one: str, other: str) -> None:
    assert other not in implied_by(one)
    assert one not in implied_by(other)


def test_what_rules_out_a_model_rules_out_all_stronger_ones() -> None:
    for anomaly in RULES_OUT:
        out = set(ruled_out_by([anomaly]))
        for model in IMPLIES:
            assert (model in out) == bool(implied_by(model) & out)


def test_worse_anomalies_rule_out_more() -> None:
    worse_first = ("G0", "G1c", "G-single", "G-nonadjacent", "G2-item")
    for suffix in ("", "-process", "-realtime"):
        out = [set(ruled_out_by([kind + suffix])) for kind in worse_first]
        assert all(less <= more for more, less in pairwise(out))
    for kind in worse_first:
        plain, process, realtime = (
            set(ruled_out_by([kind + suffix])) for suffix in ("", "-process", "-realtime")
        )
        assert realtime < process < plain


def test_ruled_out_models_come_weakest_first() -> None:
    out = ruled_out_by(["G2-item"])
    assert out[0] == "repeatable-read"
    assert out[-1] == "strict-serializable"
    assert weakest_of(out) == ("repeatable-read",)
    assert in_order(IMPLIES)[-1] == "strict-serializable"


def test_the_strongest_models_still_possible_are_not_implied_by_others() -> None:
    assert strongest_without([]) == ("strict-serializable",)
    left = strongest_without(ruled_out_by(["G2-item"]))
    assert "strong-snapshot-isolation" in left
    assert "snapshot-isolation" not in left


@pytest.mark.parametrize("name", ["SI", "si", "PL-3", "Strict-1SR", "snapshot_isolation"])
def test_aliases_are_known_in_any_case(name: str) -> None:
    assert model_named(name) in IMPLIES


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError):
        model_named("eventual")
