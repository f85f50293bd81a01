"""Certificates of one cluster: an authority, one for each node, one for all clients.

::

    ca.pem  ca.key  n0.pem  n0.key  n1.pem  n1.key  _clients.pem  _clients.key

1. The authority signs for this cluster only, so a certificate of another cluster's is
   worth nothing here, whatever name it bears.
2. A certificate's common name is the one name its holder may speak by
   (``security.objection``); its host name is the same, so that whoever connects, to
   whichever address or proxy, knows whom it reached.
3. Keys are EC P-256 (RFC 5480), readable by their owner only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from system_under_test.gossip_raft.runtime.configuration import LOOPBACK
from system_under_test.gossip_raft.runtime.errors import CertificatesFailed
from system_under_test.gossip_raft.runtime.security import (
    AUTHORITY,
    CLIENTS,
    certificate_file,
    key_file,
)

VALID_FOR: Final = timedelta(days=5 * 365)
_BACKDATED: Final = timedelta(days=1)
"""A clock that is behind ours must not find a new certificate invalid."""
_COMMON_NAME_MAX: Final = 64


def make_certificates(directory: Path, nodes: Iterable[str], now: datetime) -> None:
    """Make what is missing in ``directory`` for ``nodes`` and the clients; keep the rest.

    Args:
        directory: Made if absent, readable by its owner only.
        nodes: Their names.
        now: In UTC; the certificates are valid from a day before on.

    Raises:
        CertificatesFailed: A name does not fit, or a file cannot be read or written.
    """
    names = [*nodes, CLIENTS]
    for name in names:
        if len(name) > _COMMON_NAME_MAX or name in (AUTHORITY, LOOPBACK):
            raise CertificatesFailed(f"no certificate can be made for a node named {name!r}")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority, authority_key = _authority(directory, now)
        for name in names:
            if not certificate_file(directory, name).exists():
                key = ec.generate_private_key(ec.SECP256R1())
                certificate = _node_certificate(name, key, authority, authority_key, now)
                _write(directory, name, certificate, key)
    except OSError as error:
        raise CertificatesFailed(f"certificates in {directory}: {error.strerror}") from error
    except ValueError as error:
        raise CertificatesFailed(f"certificates in {directory}: {error}") from error


def _authority(
    directory: Path, now: datetime
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    if certificate_file(directory, AUTHORITY).exists():
        loaded = serialization.load_pem_private_key(
            key_file(directory, AUTHORITY).read_bytes(), password=None
        )
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise ValueError("the authority's key is of another kind than ours")
        text = certificate_file(directory, AUTHORITY).read_bytes()
        return x509.load_pem_x509_certificate(text), loaded
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("hearsay cluster authority")
    certificate = (
        _builder(name, name, key, key, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(directory, AUTHORITY, certificate, key)
    return certificate, key


def _node_certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    hosts = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(IPv4Address(LOOPBACK))])
    # Both, as a node calls and is called.
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        _builder(_name(name), authority.subject, key, authority_key, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(hosts, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(
    directory: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    """The certificate last: where there is one, its key is complete."""
    file = key_file(directory, name)
    file.unlink(missing_ok=True)  # Half a pair that an interrupted start left.
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
        opened.write(text)
    unfinished = directory / f"{name}.new"
    unfinished.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    unfinished.replace(certificate_file(directory, name))
