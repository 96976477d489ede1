"""The key that signs checkpoints: a file of its own, which only the service can read.

PEM of PKCS #8, as other programs make and read it. It is no secret of anybody's data: who
has it can sign another log in this one's name.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, encodebytes
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

from gongji.audit.checkpoint import SM2, KeyKind, PrivateKey, SigningKey, kind_of
from gongji.audit.sm2 import Sm2MissingError, Sm2PrivateKey
from gongji.store.private_files import (
    ExposedFileError,
    make_secret_file,
    read_secret_file,
)

_MOST: Final = 4096

_BEGIN: Final = b"-----BEGIN PRIVATE KEY-----\n"

_END: Final = b"-----END PRIVATE KEY-----\n"


class SigningKeyError(ValueError):
    """The file of the signing key is exposed, damaged, or of a kind that is not known."""


def signing_key(path: Path, kind: KeyKind) -> SigningKey:
    """Return the key of a file, made if there is none. SigningKeyError; OSError."""
    return SigningKey(private_key(path, kind))


def private_key(path: Path, kind: KeyKind) -> PrivateKey:
    """Return the private key of a file, made if there is none. Errors as above."""
    try:
        if not path.exists():
            make_secret_file(path, _new(kind))
        content = read_secret_file(path, "检查点的签名密钥", _MOST)
        key = _read(content)
    except (ExposedFileError, Sm2MissingError) as fault:
        raise SigningKeyError(str(fault)) from fault
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SigningKeyError(
            f"签名密钥 {path} 不是未加密的 PEM 私钥（PKCS #8）：请从备份恢复"
        ) from None
    if key is None or kind_of(key) is not kind:
        raise SigningKeyError(
            f"签名密钥 {path} 不是 {kind.name} 的：请换成 {kind.name} 的私钥"
        )
    return key


def _read(pem: bytes) -> PrivateKey | None:
    """Return a key, None if it is of a kind that signs no notes. ValueError; TypeError."""
    # cryptography knows no curve of SM2.
    key: object = Sm2PrivateKey.from_der(_der_of(pem))
    key = key or load_pem_private_key(pem, None)
    return key if isinstance(key, Ed25519PrivateKey | Sm2PrivateKey) else None


def _der_of(pem: bytes) -> bytes:
    _, _, rest = pem.partition(_BEGIN.strip())
    body, _, _ = rest.partition(_END.strip())
    try:
        return b64decode(b"".join(body.split()), validate=True)
    except binascii.Error:
        return b""


def _new(kind: KeyKind) -> bytes:
    if kind is SM2:
        return _BEGIN + encodebytes(Sm2PrivateKey.generate().der()) + _END
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
