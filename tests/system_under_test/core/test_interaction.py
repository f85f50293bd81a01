"""Every transcript in tests/golden comes out as it is written there."""

from __future__ import annotations

from pathlib import Path

import pytest

from system_under_test.gossip_raft.simulation.directed.transcript import replay
from system_under_test.gossip_raft.simulation.directed.world import DirectedWorld

GOLDEN = sorted((Path(__file__).parents[2] / "golden").glob("*.txt"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_transcript(path: Path, request: pytest.FixtureRequest) -> None:
    replayed = replay(path.read_text(), DirectedWorld().handle)
    if request.config.getoption("--rewrite"):
        path.write_text(replayed.text)
    else:
        assert not replayed.differences, f"{path}:\n" + "\n\n".join(replayed.differences)


def test_there_are_enough_transcripts() -> None:
    assert len(GOLDEN) >= 15
