"""Who calls: the credential of each call, and the caller it stands for (身份鉴别)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from gongji.access.callers import LOCAL, WIDE_LIMITS, Caller, CallerLimits
from gongji.access.identity import (
    STATED_KEY,
    SUBJECT_KEY,
    CallerIdentity,
    stated_name,
)
from gongji.model.refusals import CredentialInvalid, CredentialMissing
from gongji.serve.watched import WatchedFiles

TOKEN_KEY: Final = "authorization"  # noqa: S105 - the name of the metadata
"""Metadata under which a caller sends its token, as `Bearer TOKEN`."""

FORWARDED_KEY: Final = "x-gongji-client-cert"
"""Metadata in which a front forwards a caller's certificate: DER in base64, or nothing."""

VERIFIED_KEY: Final = "x-gongji-client-verify"
"""Metadata in which a front says how it verified that: OpenSSL's code, 0 if well."""

ADDRESS_KEY: Final = "x-gongji-client-address"
"""Metadata in which a front forwards a caller's address."""

_FORWARDED_KEYS: Final = frozenset({FORWARDED_KEY, VERIFIED_KEY, ADDRESS_KEY})

SAYS_WHO: Final = (TOKEN_KEY, "x-gongji-")
"""Beginnings of the keys of metadata that say who calls, or for whom."""

_SCHEME: Final = "bearer"


class Authenticator(Protocol):
    """Establishes who calls."""

    def identify(
        self,
        metadata: Mapping[str, str | bytes],
        peer: Mapping[str, Sequence[bytes]],
    ) -> CallerIdentity:
        """Return who calls, by the call's metadata and the connection's properties.

        Unauthenticated by name.
        """

    def limits(self, caller: str) -> CallerLimits:
        """Return how much a caller may have under way; it need not be known."""

    def policy_of(self, caller: str) -> Caller | None:
        """Return what the policy says of a caller now; None without a policy, or if nothing."""

    @property
    def health_for_anybody(self) -> bool:
        """Whether health is answered to whoever asks."""

    @property
    def watched(self) -> Sequence[WatchedFiles[Any]]:
        """The files that say who is admitted, to be read again as they change."""


class _OfThisMachine:
    """What authenticators without a policy have in common: nobody else reaches them."""

    health_for_anybody = True
    watched: Sequence[WatchedFiles[Any]] = ()

    def limits(self, caller: str) -> CallerLimits:
        """Return wide limits."""
        del caller
        return WIDE_LIMITS

    def policy_of(self, caller: str) -> Caller | None:
        """Return None: there is no policy that could change."""
        del caller
        return None


class AnybodyAuthenticator(_OfThisMachine):
    """Admits whoever calls under the name it states: of sandboxes only."""

    def identify(
        self,
        metadata: Mapping[str, str | bytes],
        peer: Mapping[str, Sequence[bytes]],
    ) -> CallerIdentity:
        """Return the stated name. MalformedField."""
        del peer
        refuse_forwarded(metadata)
        stated = metadata.get(STATED_KEY)
        # A value of bytes is no name either.
        name = stated_name(stated if isinstance(stated, str | None) else "")
        return CallerIdentity(name, "", subject_in(metadata))


class LocalTokenAuthenticator(_OfThisMachine):
    """Admits whoever sends one token, which it could read from a file of ours."""

    def __init__(self, token: str | WatchedFiles[str]) -> None:
        """Admit by a token, or by the one that a file holds at the time."""
        self._token = token
        self.watched = [token] if isinstance(token, WatchedFiles) else []

    def identify(
        self,
        metadata: Mapping[str, str | bytes],
        peer: Mapping[str, Sequence[bytes]],
    ) -> CallerIdentity:
        """Return the local operator. CredentialMissing; CredentialInvalid."""
        del peer
        refuse_forwarded(metadata)
        token = bearer_in(metadata)
        if token is None:
            raise CredentialMissing(
                "调用没有带令牌：请在元数据 authorization 中给出 Bearer 与数据目录中 "
                "gongji.token 的内容"
            )
        # In the same time, however much of it is right.
        ours = self._token if isinstance(self._token, str) else self._token.value
        if not hmac.compare_digest(token.encode(), ours.encode()):
            raise CredentialInvalid(
                "令牌不是这个服务的：请使用它的数据目录中 gongji.token 的内容"
            )
        return CallerIdentity(LOCAL, "gongji.token", subject_in(metadata))


def refuse_forwarded(metadata: Mapping[str, str | bytes]) -> None:
    """Refuse what only a front may say. CredentialInvalid."""
    if forwards(metadata):
        raise CredentialInvalid(
            f"元数据 {FORWARDED_KEY}、{VERIFIED_KEY}、{ADDRESS_KEY} 只由策略中的前置代理给出"
        )


def forwards(metadata: Mapping[str, str | bytes]) -> bool:
    """Return whether a call says what only a front may say."""
    return not _FORWARDED_KEYS.isdisjoint(metadata)


def bearer_in(metadata: Mapping[str, str | bytes]) -> str | None:
    """Return the token of a call; None if it has none. CredentialInvalid."""
    stated = metadata.get(TOKEN_KEY)
    if stated is None:
        return None
    scheme, _, token = str(stated).partition(" ")
    if scheme.lower() != _SCHEME or not token:
        raise CredentialInvalid("元数据 authorization 应写作 Bearer 与令牌")
    return token


def subject_in(metadata: Mapping[str, Any]) -> bytes:
    """Return the packed subject of a call; b"" if it has none."""
    stated = metadata.get(SUBJECT_KEY, b"")
    return stated if isinstance(stated, bytes) else b""
