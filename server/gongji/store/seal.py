"""Sealing of personal data: one key file, a derived key for each use.

Seals are authenticated; what must be found again has a keyed hash.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gongji.audit.hashing import Hasher, sha256
from gongji.model.normal import certificate_number
from gongji.model.people import Certificate
from gongji.store.private_files import (
    ExposedFileError,
    make_secret_file,
    read_secret_file,
    refuse_exposed,
)

KEY_BYTES: Final = 32

_NONCE_BYTES: Final = 12

_HASH_BYTES: Final = 16

_FORMAT: Final = b"\x01"
"""First byte of a seal: AES-256-GCM, nonce, ciphertext with tag."""

_canonical = msgspec.json.Encoder(order="deterministic")


class KeyFileError(ValueError):
    """The key file is missing, damaged or not this database's."""


class SealBrokenError(ValueError):
    """A seal does not open: altered, moved to another person, or of another key."""


class Vault:
    """Seals what must not be read at rest, hashes what must be found again."""

    def __init__(self, master: bytes) -> None:
        if len(master) != KEY_BYTES:
            msg = f"密钥长度应为 {KEY_BYTES} 字节, 实为 {len(master)} 字节"
            raise KeyFileError(msg)
        # Each use has a key of its own: a hash says nothing about a seal.
        self._seals = AESGCM(_derived(master, b"seal"))
        self._lookup_key = _derived(master, b"lookup")
        self._digest_key = _derived(master, b"digest")
        self.fingerprint: str = _derived(master, b"fingerprint").hex()
        """Tells one key from another: stored in the database, it shows a wrong key file
        before that does harm."""
        self.hasher: Hasher = sha256
        """The hash function of the log."""
        # hot path: an import asks for the hash of each certificate six times.
        self.lookup = lru_cache(maxsize=1024)(self._lookup)

    @classmethod
    def open(cls, path: Path, *, create: bool) -> Self:
        """Return the vault of a key file, made with `create` if there is none.

        KeyFileError if it is missing or has the wrong length.
        """
        if create and not path.exists():
            make_secret_file(path, secrets.token_bytes(KEY_BYTES))
        try:
            refuse_exposed(path.parent, readable=True)
            master = read_secret_file(path, "密钥文件", 4096)
        except ExposedFileError as exposed:
            raise KeyFileError(str(exposed)) from exposed
        except FileNotFoundError:
            msg = f"找不到密钥文件 {path}: 数据库中的个人信息只能用原密钥打开, 请从备份恢复"
            raise KeyFileError(msg) from None
        if len(master) != KEY_BYTES:
            msg = (
                f"密钥文件 {path} 应为 {KEY_BYTES} 字节, 实为 {len(master)} 字节: "
                "文件已损坏或不是 gongji 的密钥"
            )
            raise KeyFileError(msg)
        return cls(master)

    @classmethod
    def ephemeral(cls) -> Self:
        """Return a vault whose key is forgotten with the process, as its database is."""
        return cls(secrets.token_bytes(KEY_BYTES))

    def seal(self, owner: str, clear: bytes) -> bytes:
        """Seal bytes for one owner; the same bytes look different each time."""
        # The owner is authenticated with them: a seal moved to another row does not open.
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + self._seals.encrypt(nonce, clear, owner.encode())

    def unseal(self, owner: str, sealed: bytes) -> bytes:
        """Open what was sealed for that owner. SealBrokenError."""
        if sealed[:1] != _FORMAT:
            msg = "未知的密封格式"
            raise SealBrokenError(msg)
        nonce, body = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._seals.decrypt(nonce, body, owner.encode())
        except InvalidTag:
            msg = f"{owner} 的密封信息无法打开: 已被改动、张冠李戴或密钥不符"
            raise SealBrokenError(msg) from None

    def _lookup(self, certificate: Certificate) -> str:
        """Return the keyed hash (hex) of a certificate, however its number is typed."""
        number = certificate_number(certificate.number)
        return _keyed_hash(
            f"{certificate.type.strip()}\0{number}".encode(), self._lookup_key
        )

    def digest(self, value: object) -> str:
        """Return the keyed hash (hex) of a value's content.

        The order of mappings and sets does not matter, nor do fields added to a record
        after its first release (`added`) that say nothing: requests stored before them
        are still the same requests.
        """
        return _keyed_hash(_canonical.encode(_as_released(value)), self._digest_key)


def _as_released(value: object) -> object:
    """Return a record without the fields added since that have their defaults."""
    # hot path: most values are no record, or one that never grew.
    added: tuple[str, ...] = getattr(value, "added", ())
    if not added or not isinstance(value, msgspec.Struct):
        return value
    defaults = _defaults(type(value))
    silent = tuple([n for n in added if getattr(value, n) == defaults[n]])
    if not silent:
        return value
    form, values_of = _form(type(value), silent)
    return form(*values_of(value))


# hot path: to look a record's fields up took a third of the time of a settlement.
@lru_cache
def _defaults(kind: type[msgspec.Struct]) -> Mapping[str, object]:
    """Return the default of each field of a kind of record, in their order."""
    return {field.name: field.default for field in msgspec.structs.fields(kind)}


@lru_cache
def _form(
    kind: type[msgspec.Struct], without: tuple[str, ...]
) -> tuple[type[msgspec.Struct], Callable[[object], Sequence[Any]]]:
    """Return a record type of a kind's other fields, in their order, and their values.

    There are at least two.
    """
    fields = [name for name in _defaults(kind) if name not in without]
    form = msgspec.defstruct(kind.__name__, [(field, Any) for field in fields])
    return form, attrgetter(*fields)


def _keyed_hash(content: bytes, key: bytes) -> str:
    return hashlib.blake2b(content, key=key, digest_size=_HASH_BYTES).hexdigest()


def _derived(master: bytes, use: bytes) -> bytes:
    return HKDF(
        algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=b"gongji/1/" + use
    ).derive(master)
