"""Every transcript in tests/golden comes out as it is written there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.system_under_test.core.datadriven import run
from tests.system_under_test.core.interaction import InteractionEnv

GOLDEN = sorted((Path(__file__).parents[2] / "golden").glob("*.txt"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_transcript(path: Path, request: pytest.FixtureRequest) -> None:
    rewrite = bool(request.config.getoption("--rewrite"))
    run(path, InteractionEnv().handle, rewrite=rewrite)


def test_there_are_enough_transcripts() -> None:
    assert len(GOLDEN) >= 15
