"""Certificates for a cluster that this process starts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from harness.errors import EnvironmentFailure
from harness.wall_clock import utc_now
from system_under_test.gossip_raft.runtime.errors import CertificatesFailed
from system_under_test.gossip_raft.runtime.security import CLIENTS, Security, load_security


def make_security(directory: Path, nodes: Iterable[str]) -> Security:
    """Make what certificates ``directory`` lacks; answers what its clients need.

    Raises:
        EnvironmentFailure: They cannot be made, or what is there is broken.
    """
    # Imported here: most clusters have no certificates, and it takes a while.
    from system_under_test.gossip_raft.runtime.certificates import (  # noqa: PLC0415
        make_certificates,
    )

    try:
        make_certificates(directory, nodes, utc_now())
        return load_security(directory, CLIENTS)
    except (CertificatesFailed, OSError) as error:
        raise EnvironmentFailure(f"certificates: {error}") from error
