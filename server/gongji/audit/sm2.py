"""SM2 signatures with SM3 (GB/T 32918.2), by GmSSL, as `cryptography` has other keys."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from types import ModuleType
from typing import Final

from cryptography.exceptions import InvalidSignature

PUBLIC_BYTES: Final = 64
"""Both coordinates of a public key, 32 bytes each."""

_PRIVATE_BYTES: Final = 32

_SIGNER: Final = b"1234567812345678"
"""The signer's id where none is agreed upon (GB/T 35276-2017, 10)."""

_BEFORE_PRIVATE: Final = bytes.fromhex(
    "308187020100301306072a8648ce3d020106082a811ccf5501822d046d306b0201010420"
)
"""DER of PKCS #8 up to the private key: an EC key of the curve sm2p256v1."""

_BEFORE_PUBLIC: Final = bytes.fromhex("a14403420004")


class Sm2MissingError(ValueError):
    """GmSSL is not installed; the message says how it is."""


class Sm2PublicKey:
    """A point of the curve sm2p256v1."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @classmethod
    def from_public_bytes(cls, content: bytes) -> Sm2PublicKey:
        """Return the key of both coordinates. ValueError if it is no point."""
        gmssl = _gmssl()
        if len(content) != PUBLIC_BYTES:
            raise ValueError(f"SM2 的公钥应为 {PUBLIC_BYTES} 字节")
        try:
            return cls(gmssl.normalize_sm2_public_key(content))
        except gmssl.GmsslInnerError:
            raise ValueError("SM2 的公钥不是曲线上的点") from None

    def public_bytes_raw(self) -> bytes:
        """Return both coordinates."""
        return self._content

    def verify(self, signature: bytes, data: bytes) -> None:
        """Check a signature in DER. InvalidSignature."""
        gmssl = _gmssl()
        try:
            genuine = gmssl.sm2_verify(self._content, data, signature, _SIGNER)
        except gmssl.GmsslInnerError:
            genuine = False
        if not genuine:
            raise InvalidSignature


class Sm2PrivateKey:
    """A private key and its public key."""

    def __init__(self, private: bytes, public: bytes) -> None:
        self._private = private
        self._public = public

    @classmethod
    def generate(cls) -> Sm2PrivateKey:
        """Return a new key."""
        public, private = _gmssl().sm2_key_generate()
        return cls(private, public)

    @classmethod
    def from_der(cls, der: bytes) -> Sm2PrivateKey | None:
        """Return the key of PKCS #8, None if it is one of another curve or kind.

        ValueError if its two halves do not belong together.
        """
        public_at = len(_BEFORE_PRIVATE) + _PRIVATE_BYTES
        whole = public_at + len(_BEFORE_PUBLIC) + PUBLIC_BYTES
        if len(der) != whole or not der.startswith(_BEFORE_PRIVATE):
            return None
        private = der[len(_BEFORE_PRIVATE) : public_at]
        if not der.startswith(_BEFORE_PUBLIC, public_at):
            return None
        key = cls(private, der[-PUBLIC_BYTES:])
        key._check()
        return key

    def der(self) -> bytes:
        """Return PKCS #8, as OpenSSL and GmSSL write and read it."""
        return _BEFORE_PRIVATE + self._private + _BEFORE_PUBLIC + self._public

    @cached_property
    def _key(self) -> Sm2PublicKey:
        return Sm2PublicKey.from_public_bytes(self._public)

    def public_key(self) -> Sm2PublicKey:
        """Return the public key."""
        return self._key

    def sign(self, data: bytes) -> bytes:
        """Return the signature in DER."""
        signature: bytes = _gmssl().sm2_sign(self._private, self._public, data, _SIGNER)
        return signature

    def _check(self) -> None:
        """ValueError unless the public key is that of the private one."""
        try:
            self.public_key().verify(self.sign(b""), b"")
        except (InvalidSignature, _gmssl().GmsslInnerError):
            raise ValueError("SM2 的私钥与其公钥不符") from None


def _gmssl() -> ModuleType:
    # An extra: an installation without SM2 does without it.
    try:
        return import_module("gmssl_pyx")
    except ModuleNotFoundError as missing:
        raise Sm2MissingError(
            "SM2 签名须安装附加组件：pip install 'gongji[gm]'"
        ) from missing
