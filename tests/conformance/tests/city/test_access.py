"""Reaching a server: TLS both ways, who calls, and what else goes with a call."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from gongji.v1 import city_pb2
from gongji_conformance.city import stubs
from gongji_conformance.city.access import Access
from gongji_conformance.city.server import ServerUnderTest, SetupFault
from gongji_conformance.city.stubs import Stubs
from seeded.meddler import Meddler


class Pair(NamedTuple):
    """A key and its certificate, as files."""

    key: Path
    cert: Path


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """One self-signed certificate for localhost, of both sides and their root."""
    folder = tmp_path_factory.mktemp("tls")
    files = Pair(folder / "key.pem", folder / "cert.pem")
    key = ec.generate_private_key(ec.SECP256R1())
    key_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    certificate = _self_signed(key)
    files.key.write_bytes(key_pem)
    files.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return files


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    root = x509.BasicConstraints(ca=True, path_length=None)
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(root, critical=True)
        .sign(key, hashes.SHA256())
    )


@pytest.fixture(scope="module")
def secured(pair: Pair) -> Iterator[Meddler]:
    """An honest server behind one that speaks TLS with certificates only."""
    server = ServerUnderTest()
    pem = pair.cert.read_bytes()
    credentials = grpc.ssl_server_credentials(
        [(pair.key.read_bytes(), pem)], root_certificates=pem, require_client_auth=True
    )
    with Meddler(server.stubs.target, {}, credentials) as meddler:
        yield meddler
    server.close()


def test_tls_both_ways(secured: Meddler, pair: Pair) -> None:
    """With root, certificate and key a TLS server is reached; metadata goes along."""
    access = Access.of(
        {
            "gongji_target": secured.address,
            "gongji_ca": str(pair.cert),
            "gongji_cert": str(pair.cert),
            "gongji_key": str(pair.key),
            "gongji_caller": "tester-1",
            "gongji_metadata": ["Authorization=Bearer x=y"],
        }
    )
    reached = Stubs(access)
    reached.reach()
    assert reached.cities.ListCities(city_pb2.ListCitiesRequest()).cities
    reached.close()
    _, metadata = secured.heard[-1]
    assert ("tester-1", "Bearer x=y") == (
        metadata["x-gongji-caller"],
        metadata["authorization"],
    )


def test_without_certificate_nobody_answers(
    secured: Meddler, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that asks for a certificate is not reached without one, and that is told."""
    monkeypatch.setattr(stubs, "CONNECT_S", 0.5)
    with pytest.raises(SetupFault, match=secured.address):
        ServerUnderTest(Access(target=secured.address, ca=str(pair.cert)))


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "a certificate without its key": ({"gongji_cert": "c"}, "--gongji-key"),
    "a certificate without a root": (
        {"gongji_cert": "c", "gongji_key": "k"},
        "--gongji-ca",
    ),
    "metadata without a value": ({"gongji_metadata": ["token"]}, "KEY=VALUE"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named(fault: str) -> None:
    """Options that do not go together are refused by name."""
    values, named = FAULTS[fault]
    with pytest.raises(ValueError, match=named):
        Access.of(values)
