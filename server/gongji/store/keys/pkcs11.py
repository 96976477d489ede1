"""A master key in a token (PKCS#11): it never leaves it, and wraps and unwraps there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qsl, unquote

from gongji.store.keys.source import KeyFileError, Master
from gongji.store.keys.suite import NONCE_BYTES, STANDARD, Suite
from gongji.store.private_files import ExposedFileError, read_secret_file

# ruff: noqa: PLC0415 - pkcs11 is an extra: an installation with a key file does without it

_PREFIX: Final = "pkcs11:"

_EXAMPLE: Final = (
    "pkcs11:token=gongji;object=master"
    "?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/etc/gongji/pin"
)

_TAG_BITS: Final = 128


@dataclass(frozen=True, slots=True)
class Pkcs11Source:
    """A secret key in a token, as a PKCS#11 URI names it (RFC 7512)."""

    token: str
    key: str
    module: str
    pin_file: Path

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Return the source a URI names. ValueError."""
        path, _, query = uri.removeprefix(_PREFIX).partition("?")
        parts = (part.partition("=") for part in path.split(";") if part)
        named = {name: unquote(value) for name, _, value in parts}
        asked = dict(parse_qsl(query, keep_blank_values=True))
        if (
            not uri.startswith(_PREFIX)
            or named.keys() != {"token", "object"}
            or asked.keys() != {"module-path", "pin-source"}
        ):
            # It may hold a PIN where none belongs.
            raise ValueError(f"PKCS#11 的密钥应写作 {_EXAMPLE}")
        pin_file = Path(asked["pin-source"].removeprefix("file:"))
        return cls(named["token"], named["object"], asked["module-path"], pin_file)

    def make(self) -> None:
        """Make nothing: the key is made in the token, by whoever owns it."""

    def settle(self, master: Master, suite: Suite) -> None:
        """Do nothing, likewise."""

    def masters(self) -> Iterator[Master]:
        """Yield the key, which must be there. KeyFileError."""
        with self.opened():
            yield TokenMaster(self)

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Give the key in a session of the token for the block. KeyFileError."""
        try:
            import pkcs11
        except ModuleNotFoundError as missing:
            msg = "PKCS#11 的密钥须安装附加组件：pip install 'gongji[pkcs11]'"
            raise KeyFileError(msg) from missing
        try:
            token = pkcs11.lib(self.module).get_token(token_label=self.token)
            with token.open(user_pin=self._pin()) as session:
                yield session.get_key(
                    label=self.key, object_class=pkcs11.ObjectClass.SECRET_KEY
                )
        except (pkcs11.PKCS11Error, RuntimeError) as fault:
            # Its name says it: PinIncorrect, NoSuchKey, NoSuchToken.
            msg = f"令牌 {self.token} 中的密钥 {self.key} 不能使用：{type(fault).__name__}"
            raise KeyFileError(msg) from fault

    def _pin(self) -> str:
        try:
            pin = read_secret_file(self.pin_file, "口令文件", 1024)
        except ExposedFileError as exposed:
            raise KeyFileError(str(exposed)) from exposed
        except OSError as fault:
            msg = f"口令文件 {self.pin_file} 不能读取：{fault.strerror}"
            raise KeyFileError(msg) from fault
        return pin.decode("utf-8").strip()


class TokenMaster:
    """The key of a token; its bytes nobody has."""

    def __init__(self, source: Pkcs11Source) -> None:
        self._source = source

    def fingerprint(self, suite: Suite) -> str:
        """Return the names of the token and the key: only that key unwraps anything."""
        del suite
        return f"{_PREFIX}{self._source.token}/{self._source.key}"

    def wrap(self, suite: Suite, name: str, key: bytes) -> bytes:
        """Return a data key, encrypted in the token by AES-GCM. KeyFileError."""
        _refuse_other(suite)
        nonce = os.urandom(NONCE_BYTES)
        with self._source.opened() as master:
            encrypted: bytes = master.encrypt(key, **_gcm(nonce, name))
        return nonce + encrypted

    def unwrap(self, suite: Suite, name: str, wrapped: bytes) -> bytes:
        """Return the data key of that name. KeyFileError."""
        _refuse_other(suite)
        nonce, body = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        with self._source.opened() as master:
            key: bytes = master.decrypt(body, **_gcm(nonce, name))
        return key

    def derived(self, suite: Suite) -> Mapping[str, bytes] | None:
        """Return none: they would have to leave the token."""
        del suite
        return None


def _refuse_other(suite: Suite) -> None:
    # PKCS#11 names no mechanism of SM4: each maker has its own.
    if suite is not STANDARD:
        raise KeyFileError(
            f"令牌里的主密钥只以 AES 包裹数据密钥，不能用于 {suite.name} 的库："
            "请改用密钥文件，或输出密钥的命令"
        )


def _gcm(nonce: bytes, name: str) -> Mapping[str, Any]:
    from pkcs11 import GCMParams, Mechanism

    return {
        "mechanism": Mechanism.AES_GCM,
        "mechanism_param": GCMParams(nonce, aad=name.encode(), tag_bits=_TAG_BITS),
    }
