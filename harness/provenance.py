"""``run.json``: what determines a run, and which code ran it."""

from __future__ import annotations

import subprocess
from importlib import metadata
from pathlib import Path
from typing import Final

from harness.config import RunConfig, RunRecord, Script
from harness.wall_clock import utc_now
from system_under_test.gossip_raft.simulation.cluster import WorldOptions

_PACKAGES: Final = ("hearsay", "grpcio", "protobuf", "numpy", "msgspec")
_ROOT: Final = Path(__file__).parents[1]


def record_of(
    config: RunConfig,
    command: str,
    arguments: tuple[str, ...],
    clock_origin_ns: int,
    *,
    world: WorldOptions | None = None,
    script: Script | None = None,
    campaign: str = "",
) -> RunRecord:
    """The record of a run that begins now; ``command`` runs the same plan again."""
    return RunRecord(
        config=config,
        command=command,
        arguments=arguments,
        started=utc_now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        versions={name: metadata.version(name) for name in _PACKAGES},
        commit=commit(),
        clock_origin_ns=clock_origin_ns,
        world=world,
        script=script,
        campaign=campaign,
    )


def commit() -> str | None:
    """The commit of the code that runs, with "+" if the tree differs from it."""
    command = ["git", "-C", str(_ROOT), "describe", "--always", "--abbrev=12", "--dirty=+"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  Fixed words.
    except OSError:
        return None
    return said.stdout.strip() or None
