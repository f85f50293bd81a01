"""Every shrunk run in tests/golden/shrunk fails with its bug and passes without.

``hearsay zoo --golden tests/golden/shrunk`` writes them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.regression import encode, read_regression
from harness.shrink import story_of

GOLDEN = Path(__file__).parents[1] / "golden" / "shrunk"
FILES = tuple(sorted(GOLDEN.glob("*.json")))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_shrunk_run_fails_with_its_bug_and_passes_without(path: Path) -> None:
    regression = read_regression(path)
    assert regression.config.bug == path.stem
    assert regression.fails()
    assert not regression.accuses_correct_nodes()


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_shrunk_run_is_told_as_it_goes(path: Path, tmp_path: Path) -> None:
    regression = read_regression(path)
    assert regression.story == story_of(regression.plan)
    again = tmp_path / path.name
    again.write_bytes(encode(regression))
    assert read_regression(again) == regression
