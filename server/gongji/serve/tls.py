"""TLS (RFC 8446) of the port: certificates from files, renewed without a restart."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gongji.serve.watched import WatchedFiles

NEAR_ITS_END: Final = timedelta(days=30)
"""From so long before its end a certificate is told of."""

LOOK_S: Final = 6 * 3600.0
"""Seconds between two looks at its end."""


class TlsFault(ValueError):  # noqa: N818 - the operator's file, not our program
    """A certificate or key cannot be used; the message says why, in Chinese."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """The server's certificate chain and key, and the roots of callers' certificates.

    All are PEM. Without `client_ca` no caller is asked for a certificate.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None


class _Edition(NamedTuple):
    """What the files say at one time."""

    chain: bytes
    key: bytes
    roots: bytes | None

    def configuration(self, *, callers: bool) -> Any:
        """Return it as gRPC takes it; `callers` if it verifies their certificates."""
        pairs = [(self.key, self.chain)]
        roots = self.roots if callers else None
        return grpc.ssl_server_certificate_configuration(pairs, roots)


class ServerTls:
    """Credentials of a server; each new connection begins with what the files say then."""

    def __init__(self, files: TlsFiles) -> None:
        """Read the files. TlsFault; FileFaultError."""
        self._name = files.certificate.name
        paths = [files.certificate, files.key]
        if files.client_ca:
            paths.append(files.client_ca)
        self.watched = WatchedFiles(
            paths, partial(_edition, files), partial(_check, files)
        )

    def credentials(self, *, callers: bool = True) -> grpc.ServerCredentials:
        """Return credentials; callers are asked for certificates if there are roots.

        None is asked without `callers`.
        """
        initial = self.watched.value
        callers = callers and initial.roots is not None
        fetch = _renewal(self.watched, initial, callers=callers)
        return grpc.dynamic_ssl_server_credentials(
            initial.configuration(callers=callers), fetch, callers
        )

    def tell_expiry(self, now: datetime) -> None:
        """Log that the certificate is near its end, if it is."""
        (certificate, *_) = x509.load_pem_x509_certificates(self.watched.value.chain)
        until = certificate.not_valid_after_utc
        if until - now < NEAR_ITS_END:
            structlog.get_logger().warning(
                "certificate_expiring",
                file=self._name,
                days=(until - now).days,
                until=until.isoformat(),
            )

    async def watch_expiry(self) -> None:
        """Tell for ever, a few times a day."""
        while True:
            self.tell_expiry(datetime.now(UTC))
            await asyncio.sleep(LOOK_S)


def _renewal(
    watched: WatchedFiles[_Edition], given: _Edition, *, callers: bool
) -> Callable[[], Any]:
    """Return what gRPC asks before each handshake: another edition, or None."""

    def fetch() -> Any:
        # In a thread of gRPC's: it reads, and waits for nothing.
        nonlocal given
        latest = watched.value
        if latest is given:
            return None
        given = latest
        return latest.configuration(callers=callers)

    return fetch


def _edition(files: TlsFiles, contents: Sequence[bytes]) -> _Edition:
    """Return what the files say. TlsFault if they do not fit together."""
    chain, key, *roots = contents
    certificates = _certificates(chain, files.certificate)
    if _private_key(key, files.key).public_key() != certificates[0].public_key():
        raise TlsFault(f"私钥 {files.key} 不是证书 {files.certificate} 的私钥")
    if not roots:
        return _Edition(chain, key, None)
    _certificates(roots[0], files.client_ca)
    return _Edition(chain, key, roots[0])


def _check(files: TlsFiles, edition: _Edition) -> None:
    """TlsFault if the certificate has run out, or the key is everybody's."""
    _check_private(files.key)
    (certificate, *_) = _certificates(edition.chain, files.certificate)
    if certificate.not_valid_after_utc <= datetime.now(UTC):
        raise TlsFault(f"证书 {files.certificate} 已过有效期：请换发")


def _certificates(content: bytes, path: Path | None) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as fault:
        raise TlsFault(f"{path} 不是 PEM 格式的证书") from fault


def _private_key(content: bytes, path: Path) -> Any:
    try:
        return serialization.load_pem_private_key(content, None)
    except TypeError as fault:
        raise TlsFault(
            f"私钥 {path} 加了口令，不能使用：请另存为不加口令、权限 0600 的文件"
        ) from fault
    except ValueError as fault:
        raise TlsFault(f"{path} 不是 PEM 格式的私钥") from fault


def _check_private(path: Path) -> None:
    """TlsFault if every user of the machine may read or write a key."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return  # whoever reads it says why it cannot be read
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise TlsFault(
            f"本机任何用户都能读写私钥 {path}（权限 {mode:04o}）："
            f"请先执行 chmod 600 {path}，并考虑换发"
        )
