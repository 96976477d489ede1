"""The hash function of a database: chosen once for it, given to whoever hashes.

By it goes whatever proves or protects. What only tells things apart, or finds a cache
outdated, is BLAKE2 with either.
"""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from typing import Final

from gongji.text.variables import TEST_CRYPTO

Hasher = Callable[[bytes], bytes]
"""Returns the 32 bytes of a hash."""

HASH_BYTES: Final = 32


def sha256(content: bytes) -> bytes:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(content).digest()


def sm3(content: bytes) -> bytes:
    """Return the SM3 (GB/T 32905) of bytes."""
    return running(sm3, content).digest()


def running(hasher: Hasher, content: bytes = b"") -> hashlib._Hash:
    """Return a hash that more can be added to."""
    # OpenSSL's: the standard library has no SM3 of its own.
    return hashlib.new("sm3", content) if hasher is sm3 else hashlib.sha256(content)


def labelled(hasher: Hasher, content: bytes) -> str:
    """Return the hash of bytes in hex, behind a label that says which it is."""
    return f"{LABELS[hasher]}:{hasher(content).hex()}"


def digest_of(hasher: Hasher, content: bytes) -> str:
    """Return the hash of bytes in hex, behind its label unless it is SHA-256."""
    return hasher(content).hex() if hasher is sha256 else labelled(hasher, content)


def is_digest(digest: str, content: bytes) -> bool:
    """Return whether a hash as of `digest_of` is that of bytes, whatever its label."""
    hasher = sm3 if digest.startswith(f"{LABELS[sm3]}:") else sha256
    return digest_of(hasher, content) == digest


LABELS: Final[Mapping[Hasher, str]] = {sha256: "sha256", sm3: "sm3"}


def default_hasher() -> Hasher:
    """Return the hash function where no database says which.

    The project's own tests run once more with the other one.
    """
    return sm3 if TEST_CRYPTO == "gm" else sha256


NAMES: Final[Mapping[Hasher, str]] = {sha256: "SHA-256", sm3: "SM3"}
"""The name of each hash function, as packets and exports have it."""


def base64(content: bytes) -> str:
    """Return bytes in standard base64, as signed notes have it."""
    return b2a_base64(content, newline=False).decode("ascii")
