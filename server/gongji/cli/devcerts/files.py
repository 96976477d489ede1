"""The folder of a trial: an authority, certificates, tokens, a policy, a configuration."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec

from gongji.cli.devcerts.authority import LIFE, IssuedPair, TrialAuthority, pem_of
from gongji.cli.devcerts.callers import (
    TRIAL_CALLERS,
    TRUST_DOMAIN,
    policy_text,
    suite_text,
)

ISSUER: Final = f"https://{TRUST_DOMAIN}/dev-certs"
AUDIENCE: Final = "gongji"
EXPIRED: Final = "expired"
"""Name of a certificate that was the hospital's and is no longer in force."""

_OF_TOKENS: Final = ("app", "operator")
"""Callers that also get a token."""


class FolderNotEmpty(FileExistsError):  # noqa: N818 - told to whoever named the folder
    """The folder holds something already; nothing was written."""


def write_trial(folder: Path) -> list[Path]:
    """Write a trial's files into a new or empty folder. FolderNotEmpty; OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FolderNotEmpty(f"{folder} 不是空目录，没有写入任何文件：请另选一个目录")
    folder.chmod(0o700)
    return [_written(folder / name, text) for name, text in _contents()]


def _written(path: Path, content: bytes) -> Path:
    """Write a file that its owner alone may read."""
    # Made with its mode: at no instant may another read a key.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return path


def _contents() -> Iterator[tuple[str, bytes]]:
    """Yield each file's name and content."""
    authority = TrialAuthority.new()
    yield from _pair("ca", authority.root)
    server = authority.server()
    yield from _pair("server", server)
    # HAProxy reads both from one file.
    yield "server-both.pem", server.certificate_pem() + server.key_pem()
    yield from _callers(authority)
    yield "policy.toml", policy_text().encode()
    yield "callers.toml", suite_text().encode()
    yield from _tokens()
    yield "gongji.toml", _CONFIGURATION.encode()


def _callers(authority: TrialAuthority) -> Iterator[tuple[str, bytes]]:
    """Yield each caller's certificate and key, and one that is no longer in force."""
    for caller in TRIAL_CALLERS:
        pair = authority.caller(caller.name, caller.uri)
        yield from _pair(caller.name, pair)
        if caller.name == "front":
            yield "front-both.pem", pair.certificate_pem() + pair.key_pem()
        if caller.name == "hospital":
            ended = datetime.now(UTC) - LIFE - timedelta(days=1)
            at_end = authority.caller(caller.name, caller.uri, at=ended)
            yield from _pair(EXPIRED, at_end)


def _pair(name: str, pair: IssuedPair) -> Iterator[tuple[str, bytes]]:
    yield f"{name}.pem", pair.certificate_pem()
    yield f"{name}.key", pair.key_pem()


def _tokens() -> Iterator[tuple[str, bytes]]:
    """Yield a signing key, its public half as the server reads it, and tokens it signed."""
    # Here: every other command starts without it.
    import jwt  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    key_id = str(uuid.uuid4())
    public: dict[str, Any] = jwt.algorithms.ECAlgorithm.to_jwk(
        key.public_key(), as_dict=True
    )
    public |= {"kid": key_id, "use": "sig", "alg": "ES256"}
    yield "token-keys.json", json.dumps({"keys": [public]}, indent=2).encode()
    yield "token-signing.key", pem_of(key)
    now = datetime.now(UTC)
    for name in _OF_TOKENS:
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": name,
            "jti": str(uuid.uuid4()),
            "iat": now,
            "exp": now + LIFE,
        }
        token = jwt.encode(claims, key, "ES256", headers={"kid": key_id})
        yield f"{name}.token", f"{token}\n".encode()


_CONFIGURATION: Final = f"""\
# 试用的配置：由 gongji dev-certs 写出，不得用于真实数据。相对路径从本文件所在的目录算起。
[serve]
data = "var"
tls_cert = "server.pem"
tls_key = "server.key"
client_ca = "ca.pem"
policy = "policy.toml"
token_keys = "token-keys.json"
token_issuer = "{ISSUER}"
token_audience = "{AUDIENCE}"

[client]
ca = "ca.pem"
cert = "operator.pem"
key = "operator.key"
"""
