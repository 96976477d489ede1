"""Signed tokens (JWT, RFC 7519): keys from a file, each token verified once."""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import jwt
import msgspec

from gongji.client.credentials import LONGEST_TOKEN
from gongji.model.refusals import CredentialExpired, CredentialInvalid, Refusal

LEEWAY_S: Final = 30
"""Seconds by which the clock of whoever issues may be ahead of ours."""

_REMEMBERED: Final = 4096
"""Verified tokens remembered; verifying one takes about 100 µs."""

_ALGORITHMS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("EC", "P-521"): ("ES512",),
    ("OKP", "Ed25519"): ("EdDSA",),
    ("RSA", ""): ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
}
"""What a key of a type and curve may sign; nothing that who verifies could sign too."""

_LEAST_RSA_BITS: Final = 2048

_SECRET: Final = frozenset({"d", "p", "q", "k"})
"""Members of a key that only its owner may have."""


class TokenKeysFault(ValueError):  # noqa: N818 - the operator's file, not our program
    """A file of keys cannot be used; the message says why, in Chinese."""


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """What a token says: whom it names, its number ("" if none), until when it holds."""

    subject: str
    number: str
    key_id: str
    expires: float


@dataclass(frozen=True, slots=True)
class _Key:
    key: Any
    algorithms: tuple[str, ...]


class TokenKeys:
    """The keys of one edition of a JWKS file (RFC 7517), and what they have verified."""

    def __init__(self, keys: Mapping[str, _Key], issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._verified: OrderedDict[bytes, VerifiedToken] = OrderedDict()

    @classmethod
    def of(cls, content: bytes, name: str, *, issuer: str, audience: str) -> Self:
        """Return the keys that a file holds. TokenKeysFault."""
        try:
            document = msgspec.json.decode(content, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError) as fault:
            raise TokenKeysFault(f"{name} 不是 JSON 格式的密钥集（JWKS）") from fault
        listed = document.get("keys")
        if not isinstance(listed, list) or not listed:
            raise TokenKeysFault(f"{name}：keys 须为至少有一把密钥的列表")
        keys: dict[str, _Key] = {}
        for number, stated in enumerate(listed, start=1):
            try:
                key_id = _key_id(stated, keys)
                keys[key_id] = _key(stated)
            except ValueError as fault:
                raise TokenKeysFault(f"{name}：第 {number} 把密钥{fault}") from fault
        return cls(keys, issuer, audience)

    def verify(self, token: str, now: float) -> VerifiedToken:
        """Return what a token says. CredentialInvalid; CredentialExpired."""
        # hot path: once a call, and a token is sent with many. Its digest, since the
        # token itself must stand in no memory longer than its call.
        digest = hashlib.blake2b(token.encode()).digest()
        verified = self._verified.get(digest)
        if verified is None:
            verified = self._verified[digest] = self._verify(token, now)
            if len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)
        if now >= verified.expires:
            del self._verified[digest]
            raise CredentialExpired("令牌已过有效期：请换取新的令牌")
        return verified

    def _verify(self, token: str, now: float) -> VerifiedToken:
        if len(token) > LONGEST_TOKEN:
            raise CredentialInvalid(f"令牌长于 {LONGEST_TOKEN} 个字符")
        try:
            return self._decoded(token, now)
        except Refusal:
            raise
        except jwt.InvalidAudienceError:
            refusal: Refusal = CredentialInvalid("令牌不是发给这个服务的（aud）")
        except jwt.InvalidIssuerError:
            refusal = CredentialInvalid("令牌不是所信任的签发方签发的（iss）")
        except jwt.MissingRequiredClaimError as fault:
            refusal = CredentialInvalid(f"令牌缺少 {fault.claim}")
        # Whatever else a stranger writes there: no number, too deep, no JSON.
        except Exception:  # noqa: BLE001 - a token is no reason to fail
            refusal = CredentialInvalid("令牌无法读出，或签名不符")
        # Out here, so that it does not drag the token along.
        raise refusal

    def _decoded(self, token: str, now: float) -> VerifiedToken:
        header = jwt.get_unverified_header(token)
        key_id = header.get("kid")
        key = self._keys.get(key_id) if isinstance(key_id, str) else None
        if key is None:
            raise CredentialInvalid("令牌的密钥编号（kid）不在密钥集中")
        if header.get("alg") not in key.algorithms:
            raise CredentialInvalid("令牌的签名算法（alg）不是该密钥所用的")
        # Demands something that we do not know (RFC 7515, section 4.1.11).
        if "crit" in header:
            raise CredentialInvalid("令牌的 crit 不受支持")
        claims = jwt.decode(
            token,
            key.key,
            algorithms=list(key.algorithms),
            audience=self._audience,
            issuer=self._issuer,
            # By the machine's clock, which may have been set: judged below by ours.
            options={
                "require": ["exp", "iss", "aud", "sub"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            },
        )
        _check_begun(claims, now)
        return _of_claims(claims, str(key_id))


def _of_claims(claims: Mapping[str, Any], key_id: str) -> VerifiedToken:
    subject, number, expires = claims["sub"], claims.get("jti", ""), claims["exp"]
    if not (isinstance(subject, str) and subject and isinstance(number, str)):
        raise CredentialInvalid("令牌的 sub 与 jti 须为文本")
    if isinstance(expires, bool) or not isinstance(expires, int | float):
        raise CredentialInvalid("令牌的 exp 须为数")
    if not math.isfinite(expires):
        raise CredentialInvalid("令牌的 exp 须为数")
    return VerifiedToken(subject, number, key_id, float(expires))


def _check_begun(claims: Mapping[str, Any], now: float) -> None:
    """Refuse a token that was issued, or is to hold, from a later instant on."""
    for claim in ("nbf", "iat"):
        begins = claims.get(claim, now)
        if isinstance(begins, bool) or not isinstance(begins, int | float):
            raise CredentialInvalid(f"令牌的 {claim} 须为数")
        if not begins <= now + LEEWAY_S:
            raise CredentialExpired("令牌尚未生效：请核对签发方的时间")


def _key_id(stated: Any, keys: Mapping[str, object]) -> str:
    """Return the number of a key. ValueError if it has none of its own."""
    key_id = stated.get("kid") if isinstance(stated, dict) else None
    if not isinstance(key_id, str) or not key_id:
        raise ValueError("没有编号（kid）")
    if key_id in keys:
        raise ValueError(f"的编号 {key_id} 已属于另一把")
    return key_id


def _key(stated: Mapping[str, Any]) -> _Key:
    """Return a key of a JWKS. ValueError."""
    if _SECRET & stated.keys():
        raise ValueError("含有私钥：密钥集里只放公钥，请更换这把密钥")
    if stated.get("use", "sig") != "sig":
        raise ValueError("不是签名用的（use 须为 sig）")
    kind = stated.get("kty")
    curve = stated.get("crv", "") if kind != "RSA" else ""
    algorithms = _algorithms(str(kind), str(curve), stated.get("alg"))
    try:
        key = jwt.PyJWK(dict(stated), algorithms[0]).key
    except (jwt.PyJWTError, ValueError, TypeError) as fault:
        raise ValueError("无法读出") from fault
    if kind == "RSA" and key.key_size < _LEAST_RSA_BITS:
        raise ValueError(f"太短：RSA 至少 {_LEAST_RSA_BITS} 位")
    return _Key(key, algorithms)


def _algorithms(kind: str, curve: str, stated: object) -> tuple[str, ...]:
    """Return what a key may sign, by its type and curve. ValueError."""
    possible = _ALGORITHMS.get((kind, curve))
    if possible is None:
        raise ValueError(
            "的类型不受支持：须为 EC（P-256、P-384、P-521）、OKP（Ed25519）或 RSA"
        )
    if stated is None:
        return possible
    if stated not in possible:
        raise ValueError(f"的算法（alg）须为 {'、'.join(possible)}")
    return (str(stated),)


def read_token_keys(
    contents: Sequence[bytes], name: str, issuer: str, audience: str
) -> TokenKeys:
    """Return the keys of a watched file. TokenKeysFault."""
    (content,) = contents
    return TokenKeys.of(content, name, issuer=issuer, audience=audience)
