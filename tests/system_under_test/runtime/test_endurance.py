from __future__ import annotations

from pathlib import Path

import pytest

from checker.verdict import Valid
from tests.system_under_test.runtime.endurance import endure

pytestmark = pytest.mark.live


async def test_a_cluster_that_is_killed_damaged_and_robbed_loses_nothing(tmp_path: Path) -> None:
    endured = await endure(tmp_path, seconds=9, seed=1)
    assert endured.missing == ()
    assert endured.disagreement is None
    assert isinstance(endured.verdict, Valid), endured.verdict
    assert endured.acknowledged > 50
    assert endured.kills >= 5
    assert endured.deaths == ()
