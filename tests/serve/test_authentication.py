"""Laws of who is admitted by what a call shows."""

from __future__ import annotations

import secrets

import pytest
from gongji.access.callers import LOCAL
from gongji.access.identity import STATED_KEY, SUBJECT_KEY, CallerIdentity
from gongji.model.refusals import (
    CredentialInvalid,
    CredentialMissing,
    MalformedField,
    Refusal,
)
from gongji.serve.authentication import AnybodyAuthenticator, LocalTokenAuthenticator

TOKEN = secrets.token_urlsafe(32)

REFUSED: dict[str, tuple[dict[str, str | bytes], type[Refusal]]] = {
    "nothing": ({}, CredentialMissing),
    "a name alone": ({STATED_KEY: "local"}, CredentialMissing),
    "no scheme": ({"authorization": TOKEN}, CredentialInvalid),
    "another scheme": ({"authorization": f"Basic {TOKEN}"}, CredentialInvalid),
    "no token": ({"authorization": "Bearer "}, CredentialInvalid),
    "another": ({"authorization": "Bearer " + "a" * 43}, CredentialInvalid),
    "a part": ({"authorization": f"Bearer {TOKEN[:-1]}"}, CredentialInvalid),
    "more": ({"authorization": f"Bearer {TOKEN}="}, CredentialInvalid),
    "not ASCII": ({"authorization": "Bearer 令牌"}, CredentialInvalid),
}


@pytest.mark.parametrize(("metadata", "refusal"), REFUSED.values(), ids=REFUSED)
def test_without_the_token(
    metadata: dict[str, str | bytes], refusal: type[Refusal]
) -> None:
    """Whoever does not show the local token is nobody, and is told what to show; the
    sentence does not repeat what he showed."""
    with pytest.raises(refusal) as refused:
        LocalTokenAuthenticator(TOKEN).identify(metadata, {})
    assert TOKEN[:-1] not in refused.value.message


def test_with_the_token() -> None:
    """Whoever shows it is the local operator, whatever name he states, and may act for
    a subject."""
    metadata: dict[str, str | bytes] = {
        "authorization": f"bearer {TOKEN}",
        STATED_KEY: "hospital",
        SUBJECT_KEY: b"subject",
    }
    identity = LocalTokenAuthenticator(TOKEN).identify(metadata, {})
    assert CallerIdentity(LOCAL, "gongji.token", b"subject") == identity


def test_anybody() -> None:
    """A sandbox believes any name of the right form."""
    identify = AnybodyAuthenticator().identify
    assert "hospital" == identify({STATED_KEY: "hospital"}, {}).caller
    assert "anonymous" == identify({}, {}).caller
    with pytest.raises(MalformedField):
        identify({STATED_KEY: "医院"}, {})
