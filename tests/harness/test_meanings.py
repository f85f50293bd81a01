from __future__ import annotations

import pytest

from checker.consistency_models import RULES_OUT
from checker.raft.findings import Invariant
from harness.meanings import rule_broken_by


@pytest.mark.parametrize("kind", [*RULES_OUT, *(each.kind for each in Invariant)])
def test_every_anomaly_of_transactions_and_every_invariant_has_its_rule_in_words(kind: str) -> None:
    assert rule_broken_by(kind)


def test_an_anomaly_in_real_time_says_so() -> None:
    assert rule_broken_by("G-single-realtime").startswith(rule_broken_by("G-single"))
    assert rule_broken_by("G-single-realtime") != rule_broken_by("G-single")


def test_of_an_unknown_kind_nothing_is_said() -> None:
    assert rule_broken_by("ghost") == ""
