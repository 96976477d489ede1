"""Laws of signed tokens: what a stranger may write there, and what a key set may hold."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from datetime import timedelta
from pathlib import Path
from time import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from gongji.client.credentials import LONGEST_TOKEN
from gongji.model.refusals import CredentialExpired, CredentialInvalid, Refusal
from gongji.serve.tokens import LEEWAY_S, TokenKeys, TokenKeysFault

from tests.scaffold.credentials import AUDIENCE, ISSUER, DoorFiles

RSA = rsa.generate_private_key(65537, 2048)
WEAK = rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused
ED25519 = ed25519.Ed25519PrivateKey.generate()
P384 = ec.generate_private_key(ec.SECP384R1())


@pytest.fixture
def files(tmp_path: Path) -> DoorFiles:
    return DoorFiles.at(tmp_path)


def keys_of(*keys: dict[str, Any]) -> TokenKeys:
    content = json.dumps({"keys": keys}).encode()
    return TokenKeys.of(content, "keys.json", issuer=ISSUER, audience=AUDIENCE)


@pytest.fixture
def keys(files: DoorFiles) -> TokenKeys:
    return TokenKeys.of(
        (files.folder / "keys.json").read_bytes(),
        "keys.json",
        issuer=ISSUER,
        audience=AUDIENCE,
    )


def public(key: Any, **members: str) -> dict[str, Any]:
    """Return a public key as a set lists it."""
    kinds: dict[type, Any] = {
        ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm,
        rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm,
        ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm,
    }
    (algorithm,) = [kinds[kind] for kind in kinds if isinstance(key, kind)]
    stated: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)
    stated.pop("key_ops", None)
    return {**stated, "kid": "k1", **members}


def part(stated: Any) -> str:
    text = stated if isinstance(stated, str) else json.dumps(stated)
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def claims(**others: Any) -> dict[str, Any]:
    stated = {"iss": ISSUER, "aud": AUDIENCE, "sub": "a", "exp": time() + 300}
    return {**stated, **others}


def signed(key: Any, algorithm: str, stated: Any, **header: Any) -> str:
    """Return a token of any header and claims, soundly signed."""
    headers = {"kid": "k1", **header}
    return jwt.encode(stated, key, algorithm, headers=headers)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSA, "RS256"),
        (RSA, "PS512"),
        (ED25519, "EdDSA"),
        (P384, "ES384"),
    ],
    ids=["RS256", "PS512", "EdDSA", "ES384"],
)
def test_keys_of_each_kind(key: Any, algorithm: str) -> None:
    """What a key of a kind signs is verified, and says whom it names."""
    verified = keys_of(public(key)).verify(signed(key, algorithm, claims()), time())
    assert ("a", "", "k1") == (verified.subject, verified.number, verified.key_id)


def refused(keys: TokenKeys, token: str, now: float = 0) -> Refusal:
    """Return how a token is refused; neither sentence nor cause repeats any of it."""
    with pytest.raises(Refusal) as refusal:
        keys.verify(token, now or time())
    assert not token or token not in refusal.value.message
    assert refusal.value.__cause__ is refusal.value.__context__ is None
    return refusal.value


class TestForged:
    """Tokens that nobody we trust has signed."""

    def test_unsigned(self, keys: TokenKeys) -> None:
        """`none` is no algorithm."""
        header = part({"alg": "none", "kid": "k1"})
        for signature in ("", "x"):
            token = f"{header}.{part(claims())}.{signature}"
            assert isinstance(refused(keys, token), CredentialInvalid)

    def test_with_the_public_key_as_a_secret(
        self, files: DoorFiles, keys: TokenKeys
    ) -> None:
        """What everybody knows signs nothing."""
        secret = (files.folder / "keys.json").read_bytes()
        text = f"{part({'alg': 'HS256', 'kid': 'k1'})}.{part(claims())}"
        signature = hmac.digest(secret, text.encode(), "sha256")
        token = f"{text}.{urlsafe_b64encode(signature).decode().rstrip('=')}"
        assert "alg" in refused(keys, token).message

    def test_by_another_key(self, files: DoorFiles, keys: TokenKeys) -> None:
        """Another's signature, under our number or its own, is none."""
        other = ec.generate_private_key(ec.SECP256R1())
        for kid in ("k1", "k2"):
            assert isinstance(
                refused(keys, files.token("a", key=other, kid=kid)), CredentialInvalid
            )

    def test_with_a_key_of_its_own(self, keys: TokenKeys) -> None:
        """A key in the header is not believed, nor is a place to find one."""
        other = ec.generate_private_key(ec.SECP256R1())
        for header in (
            {"jwk": public(other)},
            {"jku": "https://gongji.test/keys"},
            {"x5u": "https://gongji.test/keys"},
        ):
            token = signed(other, "ES256", claims(), **header)
            assert isinstance(refused(keys, token), CredentialInvalid)

    def test_changed(self, files: DoorFiles, keys: TokenKeys) -> None:
        """A token whose claims were changed is none."""
        header, _, signature = files.token("a").split(".")
        token = f"{header}.{part(claims(sub='b'))}.{signature}"
        assert isinstance(refused(keys, token), CredentialInvalid)


CLAIMS: dict[str, tuple[dict[str, Any], type[Refusal]]] = {
    "another issuer": ({"iss": "https://other.test"}, CredentialInvalid),
    "another audience": ({"aud": "other"}, CredentialInvalid),
    "no audience": ({"aud": None}, CredentialInvalid),
    "no issuer": ({"iss": None}, CredentialInvalid),
    "no subject": ({"sub": None}, CredentialInvalid),
    "an empty subject": ({"sub": ""}, CredentialInvalid),
    "a subject in a list": ({"sub": ["a"]}, CredentialInvalid),
    "a number that is none": ({"jti": 7}, CredentialInvalid),
    "no end": ({"exp": None}, CredentialInvalid),
    "an end in words": ({"exp": "tomorrow"}, CredentialInvalid),
    "an end that is true": ({"exp": True}, Refusal),
    "an end beyond numbers": ({"exp": 10**400}, CredentialInvalid),
    "an endless end": ({"exp": float("inf")}, CredentialInvalid),
    "no number at all": ({"exp": float("nan")}, CredentialInvalid),
    "a past end": ({"exp": 1}, CredentialExpired),
    "a beginning to come": ({"nbf": 99_999_999_999}, CredentialExpired),
}


@pytest.mark.parametrize(("others", "refusal"), CLAIMS.values(), ids=CLAIMS)
def test_claims(
    others: dict[str, Any], refusal: type[Refusal], files: DoorFiles, keys: TokenKeys
) -> None:
    """What a token must say, and of what kind, though it is soundly signed."""
    assert isinstance(refused(keys, files.token("a", **others)), refusal)


ODD = {
    "nothing": "",
    "no parts": "x",
    "two parts": "x.y",
    "five parts": "a.b.c.d.e",
    "no base64": "ä.ö.ü",
    "no JSON": f"{part('x')}.{part('y')}.{part('z')}",
    "a list": f"{part([])}.{part([])}.x",
    "a number": f"{part(7)}.{part(7)}.x",
    "a kid in a list": f"{part({'alg': 'ES256', 'kid': ['k1']})}.{part({})}.x",
    "an algorithm in a list": f"{part({'alg': ['ES256'], 'kid': 'k1'})}.{part({})}.x",
    "as deep as it may be": f"{part('[' * 2500)}.{part('[' * 2000)}.x",
    "too long": "a" * (LONGEST_TOKEN + 1),
}


@pytest.mark.parametrize("token", ODD.values(), ids=ODD)
def test_what_is_no_token(token: str, keys: TokenKeys) -> None:
    """Whatever a stranger writes there is refused as invalid, and is no fault."""
    assert isinstance(refused(keys, token), CredentialInvalid)


def test_what_it_demands(keys: TokenKeys, files: DoorFiles) -> None:
    """A token that demands something we do not know is refused."""
    token = signed(files.signing, "ES256", claims(), crit=["exp"], exp=1)
    assert isinstance(refused(keys, token), CredentialInvalid)


def test_clocks_may_differ_a_little(files: DoorFiles, keys: TokenKeys) -> None:
    """Whoever issues may be ahead of us by half a minute; nothing lengthens a token."""
    ahead: dict[str, Any] = {"nbf": time() + LEEWAY_S / 2, "iat": time() + LEEWAY_S / 2}
    assert "a" == keys.verify(files.token("a", **ahead), time()).subject
    ended = files.token("a", ends_in=timedelta(seconds=-1))
    assert isinstance(refused(keys, ended), CredentialExpired)
    token = files.token("a", ends_in=timedelta(seconds=10))
    assert "a" == keys.verify(token, time()).subject
    assert isinstance(refused(keys, token, time() + 11), CredentialExpired)


def test_little_is_remembered(
    files: DoorFiles, keys: TokenKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many tokens are remembered and no more, none of them as it was sent."""
    monkeypatch.setattr("gongji.serve.tokens._REMEMBERED", 3)
    tokens = [files.token("a", jti=str(number)) for number in range(5)]
    for token in tokens:
        keys.verify(token, time())
    assert ["2", "3", "4"] == [one.number for one in keys._verified.values()]
    assert not any(token in repr(keys._verified) for token in tokens)
    assert "0" == keys.verify(tokens[0], time()).number


SETS: dict[str, tuple[Any, str]] = {
    "no JSON": ("-", "不是 JSON"),
    "a list": ([], "不是 JSON"),
    "nothing": ({}, "keys 须为"),
    "no keys": ({"keys": []}, "keys 须为"),
    "deep": ("[" * 100_000, "不是 JSON"),
    "a text": ({"keys": ["x"]}, "第 1 把密钥没有编号"),
    "without a number": ({"keys": [public(P384, kid="")]}, "没有编号"),
    "one number twice": ({"keys": [public(P384), public(RSA)]}, "已属于另一把"),
    "a secret": ({"keys": [{"kty": "oct", "kid": "k", "k": "c2VjcmV0"}]}, "含有私钥"),
    "a secret kind": ({"keys": [{"kty": "oct", "kid": "k"}]}, "类型不受支持"),
    "a private key": ({"keys": [public(P384, d="AAAA")]}, "含有私钥"),
    "for encryption": ({"keys": [public(RSA, use="enc")]}, "use 须为 sig"),
    "another's algorithm": ({"keys": [public(P384, alg="ES256")]}, "alg"),
    "a shared algorithm": ({"keys": [public(RSA, alg="HS256")]}, "alg"),
    "short": ({"keys": [public(WEAK)]}, "至少 2048 位"),
    "no point of the curve": ({"keys": [public(P384, x="AAAA")]}, "无法读出"),
    "another curve": ({"keys": [public(P384, crv="secp256k1")]}, "类型不受支持"),
}


@pytest.mark.parametrize(("stated", "problem"), SETS.values(), ids=SETS)
def test_sets_that_cannot_be_used(stated: Any, problem: str) -> None:
    """A set with one key that is none, or that others could sign with, is refused
    whole, with the key's place."""
    text = stated if isinstance(stated, str) else json.dumps(stated)
    with pytest.raises(TokenKeysFault, match=problem):
        TokenKeys.of(text.encode(), "keys.json", issuer=ISSUER, audience=AUDIENCE)
