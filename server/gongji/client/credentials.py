"""What a caller shows of itself (凭据): certificates and a token, read from files."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gongji.client.listeners import listening_users

LOCAL_TOKEN: Final = "gongji.token"  # noqa: S105 - a file's name
"""Name in the data folder of the token that a server without a policy admits."""

_LONGEST: Final = 1 << 20
"""Bytes of a certificate or key file; a longer one is none."""

LONGEST_TOKEN: Final = 8000
"""Characters of a token: a server of gRPC's takes 8 KiB of metadata unless told otherwise."""

_TOKEN: Final = re.compile(r"[\x21-\x7e]{8,}")


class CredentialFaultError(ValueError):
    """A credential cannot be used; the message says why and what to do, in Chinese."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Files with which a caller is known, and with which it knows the server.

    With `ca` (PEM, roots of the server's certificate) the connection is TLS, `cert` and
    `key` (PEM, not encrypted) are the caller's own; `token_file` is sent as a Bearer
    token with each call, read again if it has changed. `server_name` is the name in the
    server's certificate if it is not that of the address.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    token_file: Path | None = None
    server_name: str = ""

    def channel(
        self, address: str, options: tuple[tuple[str, str | int], ...]
    ) -> grpc.Channel:
        """Return a channel, TLS if `ca` is given. CredentialFaultError."""
        if bool(self.cert) != bool(self.key):
            raise CredentialFaultError("本方证书与私钥须同时给出（--cert 与 --key）")
        if self.ca is None:
            self._hold_plain(address)
            # A proxy of the environment would read the token, and look up the name.
            direct = (("grpc.enable_http_proxy", 0),) if is_loopback(address) else ()
            return grpc.insecure_channel(address, options=(*options, *direct))
        name = (("grpc.ssl_target_name_override", self.server_name),)
        return grpc.secure_channel(
            address, self._tls(self.ca), (*options, *name[: bool(self.server_name)])
        )

    def token(self) -> Token | None:
        """Return the token of the calls; None if there is none. CredentialFaultError."""
        return Token(self.token_file) if self.token_file else None

    def _hold_plain(self, address: str) -> None:
        """Refuse to show anything over a connection that others may read."""
        if self.cert:
            raise CredentialFaultError(
                "出示证书须用 TLS：请以 --ca 指明核对服务证书的根证书（PEM）"
            )
        if self.token_file and not is_loopback(address):
            raise CredentialFaultError(
                f"令牌不得不加密地发往 {address}：请以 --ca 指明核对服务证书的根证书"
                "（PEM），或只连本机（127.0.0.1、::1、localhost）"
            )
        if self.token_file:
            _hold_listener(address, self.token_file)

    def _tls(self, ca: Path) -> grpc.ChannelCredentials:
        certificates_in(ca)
        if self.cert is None or self.key is None:
            return grpc.ssl_channel_credentials(_content(ca))
        _hold_pair(self.cert, self.key)
        return grpc.ssl_channel_credentials(
            _content(ca), _content(self.key), _content(self.cert)
        )


@dataclass(slots=True)
class Token:
    """A token in a file (令牌); read again whenever the file has changed."""

    path: Path
    _seen: tuple[int, ...] = field(default=(), init=False)
    _text: str = field(default="", init=False)

    def __post_init__(self) -> None:
        # A file that cannot be used is found before the first call.
        self.text()

    def text(self) -> str:
        """Return the token as it is now. CredentialFaultError."""
        with _named_faults(self.path):
            about = self.path.stat()
            seen = (about.st_ino, about.st_size, about.st_mtime_ns)
        if seen != self._seen:
            hold_private(self.path)
            self._text, self._seen = _token_in(self.path), seen
        return self._text


NO_CREDENTIALS: Final = Credentials()
"""Of a caller who shows nothing: a sandbox without a policy admits it."""


def is_loopback(address: str) -> bool:
    """Return whether `host:port` is this machine's own."""
    host = address.rpartition(":")[0].removeprefix("[").removesuffix("]")
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _hold_listener(address: str, token: Path) -> None:
    """Refuse to send a token to a process of another user of this machine."""
    host, _, port = address.rpartition(":")
    with _named_faults(token):
        # Root reads the token anyway, and may listen for its owner, as containers do.
        trusted = {0, token.stat().st_uid}
    users = listening_users(host.strip("[]"), int(port) if port.isdecimal() else 0)
    strangers = users - trusted
    if strangers:
        uid = min(strangers)
        raise CredentialFaultError(
            f"在 {address} 监听的是另一用户（uid {uid}）的进程，不是令牌 {token} 的服务，"
            "没有发送令牌：请核对地址，或请管理员查明该进程"
        )


def certificates_in(path: Path) -> list[x509.Certificate]:
    """Return the certificates of a PEM file. CredentialFaultError."""
    content = _content(path)
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as fault:
        raise CredentialFaultError(f"{path} 不是 PEM 格式的证书") from fault


def _hold_pair(cert: Path, key: Path) -> None:
    """Check that a certificate is in force and that the key is its own. CredentialFaultError."""
    own = certificates_in(cert)[0]
    now = datetime.now(UTC)
    if not own.not_valid_before_utc <= now <= own.not_valid_after_utc:
        raise CredentialFaultError(
            f"证书 {cert} 不在有效期内（{own.not_valid_before_utc:%Y-%m-%d} 至 "
            f"{own.not_valid_after_utc:%Y-%m-%d}，UTC）：请换发，并核对本机时间"
        )
    hold_private(key)
    content = _content(key)
    try:
        private = serialization.load_pem_private_key(content, None)
    except TypeError as fault:
        raise CredentialFaultError(
            f"私钥 {key} 加了口令，不能使用：请另存为不加口令、权限 0600 的文件"
        ) from fault
    except ValueError as fault:
        raise CredentialFaultError(f"{key} 不是 PEM 格式的私钥") from fault
    if private.public_key() != own.public_key():
        raise CredentialFaultError(f"私钥 {key} 不是证书 {cert} 的私钥")


def hold_private(path: Path) -> None:
    """Refuse a secret that every user of the machine may read. CredentialFaultError."""
    with _named_faults(path):
        mode = path.stat().st_mode
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise CredentialFaultError(
            f"本机任何用户都能读写 {path}（权限 {stat.S_IMODE(mode):04o}）："
            f"请先执行 chmod 600 {path}；若曾泄露，请换发"
        )


def _token_in(path: Path) -> str:
    try:
        text = _content(path).decode("ascii").strip()
    except UnicodeDecodeError:
        text = ""
    if len(text) > LONGEST_TOKEN or not _TOKEN.fullmatch(text):
        raise CredentialFaultError(
            f"{path} 里不是令牌：应只有一行可见的 ASCII 字符，8 至 {LONGEST_TOKEN} 个"
        )
    return text


def _content(path: Path) -> bytes:
    with _named_faults(path), path.open("rb") as file:
        content = file.read(_LONGEST + 1)
    if len(content) > _LONGEST:
        raise CredentialFaultError(f"{path} 过大，不是证书、私钥或令牌")
    return content


@contextmanager
def _named_faults(path: Path) -> Iterator[None]:
    """Say in Chinese why a file cannot be read. CredentialFaultError."""
    try:
        yield
    except FileNotFoundError as fault:
        raise CredentialFaultError(f"没有凭据文件 {path}，请核对路径") from fault
    except PermissionError as fault:
        raise CredentialFaultError(
            f"没有读取 {path} 的权限：它属于另一用户，请以该用户运行，"
            "或请管理员另发一份凭据"
        ) from fault
    except OSError as fault:
        raise CredentialFaultError(f"{path} 不能读取：{fault.strerror}") from fault
