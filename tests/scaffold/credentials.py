"""What callers of a server show: the local token, certificates, tokens, all for tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import grpc
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from gongji.cli.devcerts.authority import IssuedPair, TrialAuthority
from gongji.client.credentials import LOCAL_TOKEN, NO_CREDENTIALS, Credentials

Metadata = tuple[tuple[str, str], ...]


def bearer_of(data: Path) -> Metadata:
    """Return the metadata that a data folder's token makes, none if it has no token."""
    path = data / LOCAL_TOKEN
    if not path.exists():
        return ()
    token = path.read_text(encoding="ascii").strip()
    return (("authorization", f"Bearer {token}"),)


def credentials_of(data: Path) -> Credentials:
    """Return what our own client shows to the server over a data folder, with its token
    if it has one."""
    path = data / LOCAL_TOKEN
    return Credentials(token_file=path) if path.exists() else NO_CREDENTIALS


def with_metadata(channel: grpc.Channel, metadata: Metadata) -> grpc.Channel:
    """Return a channel whose calls all carry some metadata."""
    return grpc.intercept_channel(channel, _WithMetadata(metadata))


class _WithMetadata(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata

    def _send(
        self, continuation: Callable[..., Any], details: Any, request: Any
    ) -> Any:
        metadata = (*(details.metadata or ()), *self._metadata)
        return continuation(details._replace(metadata=metadata), request)

    intercept_unary_unary: Any = _send
    intercept_unary_stream: Any = _send
    intercept_stream_unary: Any = _send
    intercept_stream_stream: Any = _send


# --- certificates and tokens of a policy ----------------------------------------------

DOMAIN = "spiffe://gongji.test/"
ISSUER, AUDIENCE = "https://gongji.test/tokens", "gongji"

SPAN = timedelta(days=90)
"""How long what the authority issues is in force; it is issued an hour before its day."""


@dataclass(frozen=True)
class DoorFiles:
    """A folder with everything that a server and its callers show each other.

    Callers are issued what they show by `certificate` and `token`; the policy is written
    by `allow`.
    """

    folder: Path
    authority: TrialAuthority = field(default_factory=TrialAuthority.new)
    signing: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @classmethod
    def at(cls, folder: Path) -> Self:
        """Write what a server needs but for its policy."""
        folder.mkdir(parents=True, exist_ok=True)
        files = cls(folder)
        files.write("ca.pem", files.authority.root.certificate_pem())
        files.issue_server()
        files.publish(k1=files.signing)
        return files

    def write(self, name: str, content: bytes | str) -> Path:
        """Write a file as an operator should: whole, in one step, 0600."""
        path = self.folder / name
        draft = path.with_name(f".{name}")
        draft.write_bytes(content if isinstance(content, bytes) else content.encode())
        draft.chmod(0o600)
        draft.replace(path)
        return path

    def issue_server(self, at: datetime | None = None) -> IssuedPair:
        """Issue the server's certificate, and write it with its key."""
        pair = self.authority.server(at=at)
        self.write("server.key", pair.key_pem())
        self.write("server.pem", pair.certificate_pem())
        return pair

    def allow(self, **callers: str) -> Path:
        """Write a policy: each caller's keys but for its certificate and token."""
        lines = ["version = 1", 'revision = "test"']
        for name, keys in callers.items():
            lines += [f"[callers.{name}]", keys]
            lines += [f'certificates = ["{DOMAIN}{name}"]', f'tokens = ["{name}"]']
        return self.write("policy.toml", "\n".join(lines))

    def certificate(
        self,
        name: str,
        *,
        ends_in: timedelta = SPAN,
        authority: TrialAuthority | None = None,
    ) -> IssuedPair:
        """Return a caller's certificate that ends so long from now, written with its key."""
        issuer = authority or self.authority
        at = datetime.now(UTC) - SPAN + ends_in
        pair = issuer.caller(name, f"{DOMAIN}{name}", at=at)
        self.write(f"{name}.pem", pair.certificate_pem())
        self.write(f"{name}.key", pair.key_pem())
        return pair

    def shown(self, name: str = "") -> grpc.ChannelCredentials:
        """Return the credentials of a channel: a certificate written before, or none."""
        ca = self.authority.root.certificate_pem()
        if not name:
            return grpc.ssl_channel_credentials(ca)
        key, pem = [
            (self.folder / f"{name}.{kind}").read_bytes() for kind in ("key", "pem")
        ]
        return grpc.ssl_channel_credentials(ca, key, pem)

    def publish(self, **keys: ec.EllipticCurvePrivateKey) -> Path:
        """Write the set of public keys, by their numbers."""
        return self.write("keys.json", json.dumps({"keys": list(_public(keys))}))

    def token(
        self,
        name: str,
        *,
        ends_in: timedelta = timedelta(minutes=5),
        key: Any = None,
        kid: str = "k1",
        algorithm: str = "ES256",
        **claims: Any,
    ) -> str:
        """Return a token of a caller that ends so long from now; `claims` override."""
        stated = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": name,
            "jti": f"{name}-1",
            "exp": datetime.now(UTC).timestamp() + ends_in.total_seconds(),
            **claims,
        }
        stated = {claim: value for claim, value in stated.items() if value is not None}
        signing = key or self.signing
        return jwt.encode(stated, signing, algorithm, headers={"kid": kid})

    def options(self, *, tokens: bool = True) -> list[str]:
        """Return the options of `gongji serve` that use all this."""
        named = {
            "--tls-cert": "server.pem",
            "--tls-key": "server.key",
            "--client-ca": "ca.pem",
            "--policy": "policy.toml",
        }
        if tokens:
            named["--token-keys"] = "keys.json"
        paths = [
            word
            for option, name in named.items()
            for word in (option, str(self.folder / name))
        ]
        of_tokens = ["--token-issuer", ISSUER, "--token-audience", AUDIENCE]
        return [*paths, *of_tokens] if tokens else paths


def _public(
    keys: Mapping[str, ec.EllipticCurvePrivateKey],
) -> Iterator[dict[str, Any]]:
    for number, key in keys.items():
        public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        yield {**public, "kid": number, "use": "sig", "alg": "ES256"}
