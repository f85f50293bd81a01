from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, NameOID

from system_under_test.gossip_raft.runtime.certificates import VALID_FOR, make_certificates
from system_under_test.gossip_raft.runtime.errors import CertificatesFailed
from system_under_test.gossip_raft.runtime.security import CLIENTS, load_security, objection

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def load(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_every_node_and_the_clients_get_a_certificate_of_one_authority(tmp_path: Path) -> None:
    make_certificates(tmp_path / "tls", ["n0", "n1"], NOW)
    authority = load(tmp_path / "tls" / "ca.pem")
    for name in ("n0", "n1", CLIENTS):
        certificate = load(tmp_path / "tls" / f"{name}.pem")
        certificate.verify_directly_issued_by(authority)
        (common,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert common.value == name
        hosts = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert hosts.get_values_for_type(x509.DNSName) == [name]
        assert [str(a) for a in hosts.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert isinstance(key.curve, ec.SECP256R1)
        assert certificate.not_valid_before_utc < NOW
        assert certificate.not_valid_after_utc == NOW + VALID_FOR
        constraints = certificate.extensions.get_extension_for_oid(ExtensionOID.BASIC_CONSTRAINTS)
        assert not constraints.value.ca  # type: ignore[attr-defined]


def test_keys_are_their_owners_only(tmp_path: Path) -> None:
    make_certificates(tmp_path / "tls", ["n0"], NOW)
    keys = sorted((tmp_path / "tls").glob("*.key"))
    assert len(keys) == 3
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700


def test_what_is_there_is_kept_and_what_is_missing_made(tmp_path: Path) -> None:
    make_certificates(tmp_path, ["n0"], NOW)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    (tmp_path / "n1.key").write_text("half a pair of an interrupted start")
    make_certificates(tmp_path, ["n0", "n1"], NOW + timedelta(days=1))
    after = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    assert {name: after[name] for name in before} == before
    load(tmp_path / "n1.pem").verify_directly_issued_by(load(tmp_path / "ca.pem"))
    assert load_security(tmp_path, "n1").identity == "n1"


@pytest.mark.parametrize("name", ["n" * 65, "ca", "127.0.0.1"])
def test_a_name_that_no_certificate_can_bear_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CertificatesFailed, match=name):
        make_certificates(tmp_path, [name], NOW)


def test_a_place_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(CertificatesFailed, match="file"):
        make_certificates(tmp_path / "file", ["n0"], NOW)
    (tmp_path / "ca.pem").write_text("no certificate")
    (tmp_path / "ca.key").write_text("no key")
    with pytest.raises(CertificatesFailed, match=str(tmp_path)):
        make_certificates(tmp_path, ["n0"], NOW)


def test_a_key_of_another_certificate_is_not_loaded(tmp_path: Path) -> None:
    make_certificates(tmp_path, ["n0", "n1"], NOW)
    load_security(tmp_path, "n0")
    (tmp_path / "n1.key").replace(tmp_path / "n0.key")
    with pytest.raises(ssl.SSLError):
        load_security(tmp_path, "n0")


def test_a_security_does_not_print_its_key(tmp_path: Path) -> None:
    make_certificates(tmp_path, ["n0"], NOW)
    security = load_security(tmp_path, "n0")
    assert "PRIVATE" in security.key.decode()
    assert "PRIVATE" not in repr(security)


@pytest.mark.parametrize(
    ("identity", "source", "may"),
    [
        ("n1", "n1", True),
        ("n1", "n2", False),
        ("n1", "c7", False),
        (CLIENTS, "c7", True),
        (CLIENTS, CLIENTS, True),
        (CLIENTS, "n1", False),
        ("", "n1", False),
        ("", "c7", False),
    ],
)
def test_a_certificate_speaks_for_its_own_name(identity: str, source: str, may: bool) -> None:
    assert (objection(identity, source, {"n0", "n1", "n2"}) is None) is may
