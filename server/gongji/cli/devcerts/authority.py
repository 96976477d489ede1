"""A certificate authority for trials: in memory, its keys on nobody's card."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE: Final = timedelta(days=90)
"""How long what the authority issues is in force."""

BEFORE: Final = timedelta(hours=1)
"""How long before now: clocks of a trial's machines differ a little."""

SERVER_NAMES: Final = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class IssuedPair:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def certificate_pem(self) -> bytes:
        """Return the certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        """Return the key as PEM."""
        return pem_of(self.key)


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PEM (PKCS #8), not encrypted."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


class TrialAuthority:
    """Issues certificates that count where its own is named as the root."""

    def __init__(self, root: IssuedPair) -> None:
        self.root = root

    @classmethod
    def new(cls, name: str = "gongji dev-certs") -> Self:
        """Return an authority with a new key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _named(name)
        usage = _key_usage(key_cert_sign=True, crl_sign=True)
        builder = (
            _builder(subject, key, datetime.now(UTC))
            .issuer_name(subject)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
        )
        return cls(IssuedPair(builder.sign(key, hashes.SHA256()), key))

    def server(
        self, names: Iterable[str] = SERVER_NAMES, *, at: datetime | None = None
    ) -> IssuedPair:
        """Return a server's certificate for host names and addresses, issued at an instant."""
        stated = list(names)
        alternative = x509.SubjectAlternativeName([_general(name) for name in stated])
        return self._issue(stated[0], alternative, ExtendedKeyUsageOID.SERVER_AUTH, at)

    def caller(
        self, name: str, uri: str = "", *, at: datetime | None = None
    ) -> IssuedPair:
        """Return a caller's certificate: a SAN URI if given, issued now or at an instant."""
        names = [x509.UniformResourceIdentifier(uri)] if uri else []
        alternative = x509.SubjectAlternativeName(names) if names else None
        return self._issue(name, alternative, ExtendedKeyUsageOID.CLIENT_AUTH, at)

    def _issue(
        self,
        name: str,
        alternative: x509.SubjectAlternativeName | None,
        use: x509.ObjectIdentifier,
        at: datetime | None,
    ) -> IssuedPair:
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self.root.certificate
        builder = (
            _builder(_named(name), key, at or datetime.now(UTC))
            .issuer_name(issuer.subject)
            .add_extension(
                x509.BasicConstraints(ca=False, path_length=None), critical=True
            )
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()),  # type: ignore[arg-type] # our own is of a curve
                critical=False,
            )
        )
        if alternative is not None:
            builder = builder.add_extension(alternative, critical=False)
        return IssuedPair(builder.sign(self.root.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, at: datetime
) -> x509.CertificateBuilder:
    """Return what every certificate has: subject, key, number, dates."""
    public = key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - BEFORE)
        .not_valid_after(at + LIFE)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(public), critical=False
        )
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_usage(**uses: bool) -> x509.KeyUsage:
    """Return a key's uses, all others excluded."""
    return x509.KeyUsage(
        digital_signature=uses.get("digital_signature", False),
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=uses.get("key_cert_sign", False),
        crl_sign=uses.get("crl_sign", False),
        encipher_only=False,
        decipher_only=False,
    )
