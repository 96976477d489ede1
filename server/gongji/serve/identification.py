"""Callers known to a policy, by certificate and token, told anew for every call."""

# A call's way to its caller:
#
#   certificate ──▶ names ─┐
#   token       ──▶ sub  ──┼─ policy ──▶ one caller, not denied
#   front's certificate, and the one that it forwards ──▶ names ─┘

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gongji.access.callers import Caller, CallerLimits, Kind
from gongji.access.denial import NOBODY_DENIED, DenyList
from gongji.access.identity import CallerIdentity
from gongji.access.policy import FilePolicy
from gongji.audit.hashing import LABELS, Hasher, default_hasher
from gongji.model.refusals import (
    CallerUnknown,
    CredentialExpired,
    CredentialInvalid,
    CredentialMissing,
    CredentialRevoked,
)
from gongji.rpc.origin import plain_address
from gongji.serve import certificates
from gongji.serve.authentication import (
    ADDRESS_KEY,
    FORWARDED_KEY,
    VERIFIED_KEY,
    bearer_in,
    forwards,
    refuse_forwarded,
    subject_in,
)
from gongji.serve.certificates import PeerCertificate
from gongji.serve.clock import Clock, HeldClock
from gongji.serve.watched import WatchedFiles
from gongji.text.files import TextFile

if TYPE_CHECKING:
    from gongji.serve.tokens import TokenKeys, VerifiedToken

_STRANGERS: Final = CallerLimits()
"""Of a caller that the policy does not know."""

_CERTIFICATE_PROPERTY: Final = "x509_pem_cert"
"""Where gRPC keeps the certificate of a connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFiles:
    """Files that say who is admitted, all but the policy if they are asked for."""

    policy: Path
    deny: Path | None = None
    token_keys: Path | None = None
    token_issuer: str = ""
    token_audience: str = ""
    hasher: Hasher = field(default_factory=default_hasher)


class _Shown(NamedTuple):
    """One credential that a call shows: its caller, and what the record says of it."""

    caller: Caller
    credential: str


class PolicyAuthenticator:
    """Admits the callers of a policy; its files are read again as they change."""

    def __init__(self, files: AccessFiles, *, clock: Clock | None = None) -> None:
        """Read the files. ValueError.

        What has expired stays so if the machine's clock is set back, and nothing expires
        by a clock set forward by days: also in a process that is started with this.
        """
        self._clock = clock or HeldClock(tells=False)
        self._hasher = files.hasher
        self._policy = _watched_policy(files.policy)
        self._denied = _watched_denial(files, files.deny) if files.deny else None
        self._keys = (
            _watched_keys(files, files.token_keys) if files.token_keys else None
        )

    @property
    def policy(self) -> WatchedFiles[FilePolicy]:
        """The policy's file."""
        return self._policy

    @property
    def watched(self) -> Sequence[WatchedFiles[Any]]:
        """The files to be watched."""
        return [one for one in (self._policy, self._denied, self._keys) if one]

    def limits(self, caller: str) -> CallerLimits:
        """Return how much a caller may have under way."""
        known = self.policy_of(caller)
        return known.limits if known else _STRANGERS

    def policy_of(self, caller: str) -> Caller | None:
        """Return what the policy says of a caller now; None if it does not know it."""
        return self._policy.value.callers.get(caller)

    @property
    def health_for_anybody(self) -> bool:
        """Whether the policy has health answered to whoever asks."""
        return self._policy.value.health == "anybody"

    def identify(
        self,
        metadata: Mapping[str, str | bytes],
        peer: Mapping[str, Sequence[bytes]],
    ) -> CallerIdentity:
        """Return the caller of the policy that a call's credentials name.

        Unauthenticated by name; no sentence repeats what was shown.
        """
        # hot path: 5 µs with what is remembered of certificates and tokens.
        shown = list(self._shown(metadata, peer))
        if not shown:
            raise CredentialMissing(
                "没有出示证书或令牌：请以策略中的调用方的证书连接，或在元数据 "
                "authorization 中给出 Bearer 与令牌"
            )
        caller = shown[0].caller
        if any(other.caller.name != caller.name for other in shown[1:]):
            raise CredentialInvalid("证书与令牌不属于同一调用方")
        if caller.name in self._deny_list.callers:
            raise CredentialRevoked("调用方已被停用：请联系运营方")
        credential = " ".join([one.credential for one in shown])
        # Of a front, or it would have been refused above.
        stated = metadata.get(ADDRESS_KEY)
        # hot path: to find that nothing is no address costs as much as what is above.
        address = plain_address(str(stated)) if stated else ""
        return CallerIdentity(caller.name, credential, subject_in(metadata), address)

    @property
    def _deny_list(self) -> DenyList:
        return self._denied.value if self._denied else NOBODY_DENIED

    def _shown(
        self, metadata: Mapping[str, str | bytes], peer: Mapping[str, Sequence[bytes]]
    ) -> Iterator[_Shown]:
        """Yield what a call shows. Unauthenticated by name."""
        own = self._of_connection(peer)
        forwarded = metadata.get(FORWARDED_KEY), metadata.get(VERIFIED_KEY)
        if not forwards(metadata):
            if own:
                yield own
        elif own is None or own.caller.kind is not Kind.FRONT:
            refuse_forwarded(metadata)
        elif own.caller.name in self._deny_list.callers:
            raise CredentialRevoked("前置代理已被停用：请联系运营方")
        elif forwarded[0]:
            certificate = _forwarded(*forwarded, self._hasher)
            behind = self._of_certificate(certificate)
            yield behind._replace(credential=f"{behind.credential} {own.caller.name}")
        if (token := bearer_in(metadata)) is not None:
            yield self._of_token(token)

    def _of_connection(self, peer: Mapping[str, Sequence[bytes]]) -> _Shown | None:
        found = peer.get(_CERTIFICATE_PROPERTY)
        if not found:
            return None
        return self._of_certificate(certificates.of_pem(found[0], self._hasher))

    def _of_certificate(self, certificate: PeerCertificate) -> _Shown:
        certificate.check_in_force(self._clock().timestamp())
        denied = self._deny_list.certificates
        if certificate.fingerprint in denied or certificate.serial in denied:
            raise CredentialRevoked("证书已被吊销：请联系运营方")
        policy = self._policy.value
        named = {policy.named_by_certificate(name) for name in certificate.names}
        named.discard(None)
        return _Shown(_the_one(policy, named, "证书"), certificate.fingerprint)

    def _of_token(self, token: str) -> _Shown:
        if self._keys is None:
            raise CredentialInvalid("这个服务不收令牌：请以证书连接")
        verified: VerifiedToken = self._keys.value.verify(
            token, self._clock().timestamp()
        )
        if verified.number and verified.number in self._deny_list.tokens:
            raise CredentialRevoked("令牌已被吊销：请联系运营方")
        policy = self._policy.value
        named = {policy.named_by_token(verified.subject)} - {None}
        credential = f"jwt:{verified.number or verified.key_id}"
        return _Shown(_the_one(policy, named, "令牌"), credential)


def _the_one(policy: FilePolicy, named: set[str | None], what: str) -> Caller:
    """Return the caller that a credential names. CallerUnknown; CredentialInvalid."""
    if not named:
        raise CallerUnknown(f"策略中没有这个{what}的调用方：请联系运营方")
    if len(named) > 1:
        raise CredentialInvalid(f"{what}同属几个调用方")
    return policy.caller(str(named.pop()))


def _forwarded(
    encoded: str | bytes | None, verified: str | bytes | None, hasher: Hasher
) -> PeerCertificate:
    """Return the certificate that a front forwards. CredentialExpired; …Invalid; …Revoked."""
    # OpenSSL's X509_V_ERR_…
    match verified:
        case "0":
            pass
        case "10":
            raise CredentialExpired("证书已过有效期：请换发证书后重新连接")
        case "9":
            raise CredentialExpired("证书尚未生效：请核对证书与本机时间")
        case "23":
            raise CredentialRevoked("证书已被吊销：请联系运营方")
        case _:
            raise CredentialInvalid("证书不是所信任的机构签发的")
    try:
        der = b64decode(encoded or "", validate=True)
    except (Base64Error, ValueError) as fault:
        raise CredentialInvalid("前置代理给出的证书无法读出") from fault
    return certificates.of_der(der, hasher)


# --- the files ------------------------------------------------------------------------


def _watched_policy(path: Path) -> WatchedFiles[FilePolicy]:
    """Return a policy that is read again as its file changes. ValueError."""
    return WatchedFiles([path], partial(_policy, path.name))


def _policy(name: str, contents: Sequence[bytes]) -> FilePolicy:
    return FilePolicy.of(_text(name, contents), name)


def _watched_denial(files: AccessFiles, path: Path) -> WatchedFiles[DenyList]:
    return WatchedFiles([path], partial(_deny_list, path.name, LABELS[files.hasher]))


def _deny_list(name: str, label: str, contents: Sequence[bytes]) -> DenyList:
    # An empty one denies nobody.
    text = _text(name, contents) if any(contents) else ""
    return DenyList.of(text, name, label)


def _watched_keys(files: AccessFiles, path: Path) -> WatchedFiles[TokenKeys]:
    # Only here: a server without tokens starts without its library.
    from gongji.serve.tokens import read_token_keys  # noqa: PLC0415

    read = partial(
        read_token_keys,
        name=path.name,
        issuer=files.token_issuer,
        audience=files.token_audience,
    )
    return WatchedFiles([path], read)


def _text(name: str, contents: Sequence[bytes]) -> str:
    (content,) = contents
    return TextFile(name, BytesIO(content)).text()
