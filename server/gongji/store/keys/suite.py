"""Suites of algorithms: the one place that knows by what is sealed, hashed and signed.

Chosen when a database is made, and recorded with its keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

# A module of its own in some releases; SM4 is no decrepit algorithm.
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gongji.audit.checkpoint import ED25519, SM2, KeyKind
from gongji.audit.hashing import Hasher, default_hasher, sha256, sm3

NONCE_BYTES: Final = 12

_HASH_BYTES: Final = 16

_TAG_BYTES: Final = 16


class Aead(Protocol):
    """A cipher that also authenticates, under one key."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Return ciphertext and tag."""

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Return what was encrypted. InvalidTag."""


class Sm4Gcm:
    """SM4 (GB/T 32907) in GCM, as `AESGCM`."""

    def __init__(self, key: bytes) -> None:
        self._cipher = SM4(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Return ciphertext and tag."""
        encryptor = Cipher(self._cipher, modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated_data)
        return encryptor.update(data) + encryptor.finalize() + encryptor.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes:
        """Return what was encrypted. InvalidTag."""
        if len(data) < _TAG_BYTES:
            raise InvalidTag
        body, tag = data[:-_TAG_BYTES], data[-_TAG_BYTES:]
        decryptor = Cipher(self._cipher, modes.GCM(nonce, tag)).decryptor()
        decryptor.authenticate_additional_data(associated_data)
        return decryptor.update(body) + decryptor.finalize()


@dataclass(frozen=True, slots=True)
class Suite:
    """The algorithms of a database.

    `key_bytes` is the length of a key of `aead`; `mac` gives 16 bytes of a keyed hash;
    `derive` a key of so many bytes from a master and a name; `hasher` is the log's hash;
    `signature` the kind of key that signs its checkpoints.
    """

    name: str
    told: str
    key_bytes: int
    aead: Callable[[bytes], Aead]
    mac: Callable[[bytes, bytes], bytes]
    derive: Callable[[bytes, bytes, int], bytes]
    hasher: Hasher
    signature: KeyKind


def _blake2(content: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(content, key=key, digest_size=_HASH_BYTES).digest()


def _sm3_mac(content: bytes, key: bytes) -> bytes:
    mac = hmac.HMAC(key, hashes.SM3())
    mac.update(content)
    return mac.finalize()[:_HASH_BYTES]


def _hkdf_sha256(master: bytes, name: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, None, name).derive(master)


def _hkdf_sm3(master: bytes, name: bytes, length: int) -> bytes:
    return HKDF(hashes.SM3(), length, None, name).derive(master)


STANDARD: Final = Suite(
    "standard",
    "AES-256-GCM、BLAKE2b、SHA-256、Ed25519",
    32,
    AESGCM,
    _blake2,
    _hkdf_sha256,
    sha256,
    ED25519,
)

GM: Final = Suite(
    "gm",
    "SM4-GCM、SM3、SM2",
    16,
    Sm4Gcm,
    _sm3_mac,
    _hkdf_sm3,
    sm3,
    SM2,
)

SUITES: Final[Mapping[str, Suite]] = {suite.name: suite for suite in (STANDARD, GM)}


class CryptoMismatchError(ValueError):
    """A database has another suite than the one that is asked for."""

    def __init__(self, recorded: Suite, asked: Suite) -> None:
        super().__init__(
            f"该数据库用的是 {recorded.name}（{recorded.told}），而 --crypto 写的是 "
            f"{asked.name}（{asked.told}）：算法在建库时选定，随库记下，不能更改；"
            "请照库中所记的写，或去掉这一项"
        )


def checked_suite(recorded: Suite, asked: Suite | None) -> Suite:
    """Return the suite of a database unless another is asked for. CryptoMismatchError."""
    if asked is not None and asked is not recorded:
        raise CryptoMismatchError(recorded, asked)
    return recorded


def default_suite() -> Suite:
    """Return the suite of a database that is made without saying which."""
    return next(s for s in SUITES.values() if s.hasher is default_hasher())
