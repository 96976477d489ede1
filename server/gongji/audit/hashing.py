"""The hash function of the log: chosen once for a database, given to whoever hashes."""

from __future__ import annotations

import hashlib
from binascii import b2a_base64
from collections.abc import Callable, Mapping
from typing import Final

Hasher = Callable[[bytes], bytes]
"""Returns the 32 bytes of a hash."""

HASH_BYTES: Final = 32


def sha256(content: bytes) -> bytes:
    """Return the SHA-256 of bytes."""
    return hashlib.sha256(content).digest()


def sm3(content: bytes) -> bytes:
    """Return the SM3 (GB/T 32905) of bytes."""
    return hashlib.new("sm3", content).digest()


NAMES: Final[Mapping[Hasher, str]] = {sha256: "SHA-256", sm3: "SM3"}
"""The name of each hash function, as packets and exports have it."""


def base64(content: bytes) -> str:
    """Return bytes in standard base64, as signed notes have it."""
    return b2a_base64(content, newline=False).decode("ascii")
