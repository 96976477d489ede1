"""A key that signs logs of the suite that tests run with; the same each time."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from gongji.audit.checkpoint import SM2, PrivateKey, SigningKey
from gongji.audit.sm2 import Sm2PrivateKey
from gongji.store.keys.suite import default_suite

# The example of GB/T 32918.5-2017, A.2.
SM2_PRIVATE: Final = bytes.fromhex(
    "3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8"
)

SM2_PUBLIC: Final = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)


def log_private() -> PrivateKey:
    """Return the private key."""
    if default_suite().signature is SM2:
        return Sm2PrivateKey(SM2_PRIVATE, SM2_PUBLIC)
    return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def other_log_private() -> PrivateKey:
    """Return another of the same kind."""
    if default_suite().signature is SM2:
        return Sm2PrivateKey.generate()
    return Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))


def log_key() -> SigningKey:
    """Return the key."""
    return SigningKey(log_private())


def other_log_key() -> SigningKey:
    """Return another of the same kind."""
    return SigningKey(other_log_private())
