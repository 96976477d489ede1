"""A master key in a token (PKCS#11): it never leaves it, and wraps and unwraps there."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self
from urllib.parse import parse_qsl, unquote

from gongji.store.keys.source import KeyFileError, KeySource, Master
from gongji.store.keys.suite import NONCE_BYTES, STANDARD, Suite
from gongji.store.private_files import ExposedFileError, read_secret_file

# ruff: noqa: PLC0415 - pkcs11 is an extra: an installation with a key file does without it

_PREFIX: Final = "pkcs11:"

_EXAMPLE: Final = (
    "pkcs11:token=gongji;object=master"
    "?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/etc/gongji/pin"
)

_TAG_BITS: Final = 128

_FAULTS: Final[Mapping[str, str]] = {
    "NoSuchToken": "没有叫这个名称的令牌，请看 softhsm2-util --show-slots",
    "MultipleTokensReturned": "叫这个名称的令牌不止一个",
    "TokenNotPresent": "令牌不在",
    "PinIncorrect": "PIN 不对：请先改正 PIN 文件，连错几次令牌会锁住",
    "PinInvalid": "PIN 不对：请先改正 PIN 文件，连错几次令牌会锁住",
    "PinLenRange": "PIN 的长度不对",
    "PinLocked": "PIN 已锁住，请由令牌的管理员解锁",
    "PinExpired": "PIN 已过期",
    "UserPinNotInitialized": "令牌还没有设 PIN",
    "MechanismInvalid": "令牌不会 AES-GCM",
    "KeyTypeInconsistent": "密钥不是 AES 密钥",
    "FunctionNotSupported": "密钥不可用于加密、解密",
    "EncryptedDataInvalid": "数据密钥不是它包裹的",
    "EncryptedDataLenRange": "数据密钥不是它包裹的",
    "GeneralError": "数据密钥不是它包裹的，或令牌出错",
}
"""What the library's errors mean, by their names."""


@dataclass(frozen=True, slots=True)
class Pkcs11Source(KeySource):
    """A secret key in a token, as a PKCS#11 URI names it (RFC 7512)."""

    words: ClassVar[str] = "令牌中的密钥"

    token: str
    key: str
    module: str
    pin_file: Path

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Return the source a URI names. ValueError."""
        path, _, query = uri.removeprefix(_PREFIX).partition("?")
        if "pin-value=" in uri:
            # Any process of the machine may read arguments.
            msg = (
                "PIN 不能写在参数里：请写在权限 0600 的文件中，以 pin-source=文件 指明"
            )
            raise ValueError(msg)
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

    def masters(self) -> Iterator[Master]:
        """Yield the key, which must be there. KeyFileError."""
        with self.opened():
            pass
        yield TokenMaster(self)

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Give the key in a session of the token for the block. KeyFileError."""
        try:
            import pkcs11
        except ModuleNotFoundError as missing:
            msg = "PKCS#11 的密钥须安装附加组件：pip install 'gongji[pkcs11]'"
            raise KeyFileError(msg) from missing
        pin = self._pin()
        try:
            with self._turn(), self._library(pkcs11).open(user_pin=pin) as session:
                yield self._key_in(session, pkcs11)
        except pkcs11.PKCS11Error as fault:
            name = type(fault).__name__
            raise self._refused(_FAULTS.get(name, name)) from fault

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Keep other threads and processes of ours from the token for the block.

        A process has one login, and SoftHSM's files are read while another writes them.
        """
        with self.pin_file.open("rb") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            yield

    def _key_in(self, session: Any, pkcs11: Any) -> Any:
        wanted = {
            pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY,
            pkcs11.Attribute.LABEL: self.key,
        }
        found = list(session.get_objects(wanted))
        if not found:
            raise self._refused("令牌里没有叫这个名称（CKA_LABEL）的密钥")
        if len(found) > 1:
            raise self._refused("叫这个名称（CKA_LABEL）的密钥不止一个，请删去或改名")
        return found[0]

    def _library(self, pkcs11: Any) -> Any:
        if not os.path.exists(self.module):  # noqa: PTH110 - said before it is loaded
            raise self._refused(f"找不到模块 {self.module}（module-path）")
        try:
            library = pkcs11.lib(self.module)
        except (pkcs11.PKCS11Error, RuntimeError) as fault:
            told = f"{self.module}（module-path）不是 PKCS#11 模块，或不能装入"
            raise self._refused(told) from fault
        return library.get_token(token_label=self.token)

    def _refused(self, reason: str) -> KeyFileError:
        return KeyFileError(f"令牌 {self.token} 中的密钥 {self.key} 不能使用：{reason}")

    def _pin(self) -> str:
        try:
            pin = read_secret_file(self.pin_file, "PIN 文件", 1024)
        except ExposedFileError as exposed:
            raise KeyFileError(str(exposed)) from exposed
        except OSError as fault:
            msg = f"PIN 文件 {self.pin_file} 不能读取：{fault.strerror}"
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
