"""Every bug of the zoo has a directed schedule that reveals it, and only it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.directed import JudgedWorld, judged
from system_under_test.gossip_raft.mutants.catalogue import CATALOGUE
from system_under_test.gossip_raft.simulation.directed.transcript import replay

ZOO = Path(__file__).parents[2] / "golden" / "zoo"


def script(name: str) -> Path:
    return ZOO / f"{name}.txt"


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_schedule_of_a_bug_comes_out_as_written(
    name: str, request: pytest.FixtureRequest
) -> None:
    path = script(name)
    replayed = replay(path.read_text(), JudgedWorld().handle)
    if request.config.getoption("--rewrite"):
        path.write_text(replayed.text)
    else:
        assert not replayed.differences, f"{path}:\n" + "\n\n".join(replayed.differences)


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_schedule_reveals_the_bug_and_is_quiet_without_it(name: str) -> None:
    assert judged(script(name).read_text()) == (CATALOGUE[name].revealed_by, ())


def test_no_schedule_is_left_over() -> None:
    assert {path.stem for path in ZOO.glob("*.txt")} == set(CATALOGUE)
