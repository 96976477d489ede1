"""Callers' certificates: what each says, read once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gongji.audit.hashing import Hasher, labelled
from gongji.model.refusals import CredentialExpired, CredentialInvalid

_REMEMBERED: Final = 4096
"""Certificates whose reading is remembered; one takes 40 µs."""


_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
"""How a URI begins (RFC 3986, section 3.1)."""


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """A caller's certificate, verified where its connection ends.

    `names` are its SAN URIs, or its subject (RFC 4514) if it has none; `not_before` and
    `not_after` are seconds since 1970.
    """

    names: tuple[str, ...]
    fingerprint: str
    serial: str
    not_before: float
    not_after: float

    def check_in_force(self, now: float) -> None:
        """Refuse one that is not in force at an instant. CredentialExpired."""
        # A connection may last longer than the certificate it began with.
        if now >= self.not_after:
            raise CredentialExpired("证书已过有效期：请换发证书后重新连接")
        if now < self.not_before:
            raise CredentialExpired("证书尚未生效：请核对证书与本机时间")


def expiry_of(pem: bytes) -> float:
    """Return until when a certificate is in force, in seconds since 1970. CredentialInvalid."""
    try:
        return x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()
    except ValueError as fault:
        raise CredentialInvalid("证书无法读出") from fault


def of_pem(pem: bytes, hasher: Hasher) -> PeerCertificate:
    """Return what a certificate in PEM says, its fingerprint too. CredentialInvalid."""
    return _read(pem, x509.load_pem_x509_certificate, hasher)


def of_der(der: bytes, hasher: Hasher) -> PeerCertificate:
    """Return what a certificate in DER says, its fingerprint too. CredentialInvalid."""
    return _read(der, x509.load_der_x509_certificate, hasher)


@lru_cache(maxsize=_REMEMBERED)
def _read(
    encoded: bytes, load: Callable[[bytes], x509.Certificate], hasher: Hasher
) -> PeerCertificate:
    # hot path: once a call; a connection shows the same certificate each time.
    try:
        certificate = load(encoded)
        return PeerCertificate(
            _names(certificate),
            labelled(hasher, certificate.public_bytes(Encoding.DER)),
            f"{certificate.serial_number:x}",
            certificate.not_valid_before_utc.timestamp(),
            certificate.not_valid_after_utc.timestamp(),
        )
    except ValueError as fault:
        raise CredentialInvalid("证书无法读出") from fault


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except x509.ExtensionNotFound:
        uris: list[str] = []
    else:
        uris = extension.value.get_values_for_type(x509.UniformResourceIdentifier)
    if uris:
        # Any other text there could be another certificate's subject.
        return tuple([uri for uri in uris if _URI.match(uri)])
    return (certificate.subject.rfc4514_string(),)
