"""The key that signs checkpoints: a file of its own, which only the service can read.

PEM of PKCS #8, as other programs make and read it. It is no secret of anybody's data: who
has it can sign another log in this one's name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gongji.audit.checkpoint import Ed25519SigningKey, SigningKey
from gongji.store.private_files import (
    ExposedFileError,
    make_secret_file,
    read_secret_file,
)

_MOST: Final = 4096


class SigningKeyError(ValueError):
    """The file of the signing key is exposed, damaged, or of a kind that is not known."""


def signing_key(path: Path) -> SigningKey:
    """Return the key of a file, made if there is none. SigningKeyError; OSError."""
    return Ed25519SigningKey(private_key(path))


def private_key(path: Path) -> Ed25519PrivateKey:
    """Return the private key of a file, made if there is none. Errors as above."""
    make_secret_file(path, _new())
    try:
        content = read_secret_file(path, "检查点的签名密钥", _MOST)
    except ExposedFileError as exposed:
        raise SigningKeyError(str(exposed)) from exposed
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SigningKeyError(
            f"签名密钥 {path} 不是未加密的 PEM 私钥（PKCS #8）：请从备份恢复"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SigningKeyError(f"签名密钥 {path} 不是 Ed25519 的：请换成 Ed25519 的私钥")
    return key


def _new() -> bytes:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
