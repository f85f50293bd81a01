"""Mutual TLS on all links of a cluster, if its configuration names certificates.

1. Nobody is heard who shows no certificate of the cluster's authority.
2. A node is heard by its own name only, and a client by any but a member's and as a
   client only: what an envelope says of its source must fit the certificate it came with.
3. Whoever connects insists on the name of whom it means to reach, not on the address,
   which may be a proxy's.
"""

from __future__ import annotations

import ssl
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio

from system_under_test.gossip_raft.runtime.configuration import Configuration
from system_under_test.gossip_raft.runtime.errors import ConfigurationError

CLIENTS: Final = "_clients"
"""Whom a client's certificate names, the gateway's too: no node's name can begin so."""
AUTHORITY: Final = "ca"


@dataclass(frozen=True, slots=True)
class Security:
    """What one process shows of itself and demands of others; PEM throughout."""

    identity: str
    authority_file: Path
    certificate_file: Path
    key_file: Path
    authority: bytes = field(repr=False)
    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)

    def channel_credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.authority, self.key, self.certificate)

    def server_credentials(self) -> grpc.ServerCredentials:
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)], self.authority, require_client_auth=True
        )

    def http_context(self) -> ssl.SSLContext:
        """For a server that speaks HTTP; it demands certificates as well."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate_file, self.key_file)
        context.load_verify_locations(self.authority_file)
        context.verify_mode = ssl.CERT_REQUIRED
        return context


def security_of(configuration: Configuration, identity: str) -> Security | None:
    """What ``identity``, a node or ``CLIENTS``, needs; ``None`` if TLS is off.

    Raises:
        ConfigurationError: A file is missing, or not the PEM it should be.
    """
    if configuration.tls is None:
        return None
    try:
        return load_security(configuration.tls, identity)
    except OSError as error:
        # ssl's errors are OSErrors, too, with the reason in another place.
        problem = f"certificates of {identity} in {configuration.tls}: {error.strerror or error}"
        raise ConfigurationError(configuration.file, "tls.directory", problem) from error


def load_security(directory: Path, identity: str) -> Security:
    """
    Raises:
        OSError: A file is missing, or not the PEM it should be (``ssl.SSLError``).
    """
    files = (
        certificate_file(directory, AUTHORITY),
        certificate_file(directory, identity),
        key_file(directory, identity),
    )
    security = Security(identity, *files, *(file.read_bytes() for file in files))
    security.http_context()  # gRPC would say nothing useful of what does not fit together.
    return security


def certificate_file(directory: Path, identity: str) -> Path:
    return directory / f"{identity}.pem"


def key_file(directory: Path, identity: str) -> Path:
    return directory / f"{identity}.key"


def speaker(context: grpc.aio.ServicerContext[Any, Any]) -> str:
    """The name in the certificate of whoever calls; "" if there is none."""
    names = context.auth_context().get("x509_common_name", ())
    return next((bytes(name).decode(errors="replace") for name in names), "")


def objection(identity: str, source: str, members: Collection[str]) -> str | None:
    """Why the holder of the certificate ``identity`` may not speak as ``source`` (law 2)."""
    may_speak = source not in members if identity == CLIENTS else source == identity
    return None if may_speak else f"a certificate of {identity!r} does not speak for {source!r}"
