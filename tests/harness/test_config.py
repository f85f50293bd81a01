"""The replay command says all that was chosen."""

from __future__ import annotations

import pytest

from harness.config import RunConfig
from harness.errors import BadInput


@pytest.mark.parametrize("reads", ["lease", "local"])
def test_other_reads_than_linearizable_are_in_the_replay_command(reads: str) -> None:
    config = RunConfig(seed=1, reads=reads)
    config.check()
    assert f"--reads {reads}" in config.command()
    assert "--reads" not in RunConfig(seed=1).command()


def test_unknown_reads_are_refused_by_name() -> None:
    with pytest.raises(BadInput, match="--reads: 'stale' is none of linearizable, local, lease"):
        RunConfig(seed=1, reads="stale").check()
