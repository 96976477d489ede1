"""Signature headers of both kinds: who signed is let in once, within its time, as its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from gongji.client.credentials import CredentialFaultError
from gongji.rules.codes import SHANGHAI
from gongji.serve.national.gates import (
    CSB,
    LATE,
    MISSING,
    REPEATED,
    TIF,
    UNEQUAL,
    UNKNOWN_KEY,
    GateFault,
)
from gongji.serve.national.keyring import Keyring

from tests.national.messages import HOSPITAL
from tests.serve.national.asgi import HttpReply
from tests.serve.national.sender import Message, Sender, sender_over

SECRET = "tests-only-secret-0123456789"  # noqa: S105 - of a test
OTHER_SECRET = "tests-only-another-0123456789"  # noqa: S105 - of a test
NOW = datetime(2026, 11, 30, 10, 0, tzinfo=SHANGHAI)

Headers = dict[str, str]


def csb(infno: str = "2206", at: datetime = NOW, secret: str = SECRET) -> Headers:
    """Return the headers as S1 4.5 says they are made, written here once more."""
    headers = {
        "_api_name": infno,
        "_api_version": "1.0.0",
        "_api_timestamp": str(int(at.timestamp() * 1000)),
        "_api_access_key": "first",
    }
    text = "&".join(f"{name}={headers[name]}" for name in sorted(headers))
    digest = hmac.digest(secret.encode(), text.encode(), "sha1")
    return {**headers, "_api_signature": base64.b64encode(digest).decode()}


def tif(nonce: str = "n1", at: datetime = NOW, secret: str = SECRET) -> Headers:
    """Return the headers of the other kind, written here once more."""
    stamp = str(int(at.timestamp()))
    made = hashlib.sha256((stamp + secret + nonce + stamp).encode()).hexdigest()
    return {
        "x-tif-paasid": "first",
        "x-tif-timestamp": stamp,
        "x-tif-nonce": nonce,
        "x-tif-signature": made.upper(),
    }


def without(headers: Headers, name: str) -> Headers:
    return {one: value for one, value in headers.items() if one != name}


REFUSED: list[tuple[str, Headers, str]] = [
    *[("csb", without(csb(), name), MISSING) for name in csb()],
    *[("csb", csb() | {name: "x" * 301}, MISSING) for name in csb()],
    ("csb", csb(at=NOW - timedelta(minutes=30, seconds=1)), LATE),
    ("csb", csb(at=NOW + timedelta(minutes=30, seconds=1)), LATE),
    ("csb", csb() | {"_api_timestamp": "now"}, LATE),
    ("csb", csb() | {"_api_timestamp": "\u0661\u0667"}, LATE),
    ("csb", csb() | {"_api_access_key": "second"}, UNKNOWN_KEY),
    ("csb", csb(secret=OTHER_SECRET), UNEQUAL),
    ("csb", csb() | {"_api_name": "2207"}, UNEQUAL),
    ("csb", csb() | {"_api_version": "2.0.0"}, UNEQUAL),
    ("csb", csb() | {"_api_signature": "签名"}, UNEQUAL),
    *[("tif", without(tif(), name), MISSING) for name in tif()],
    ("tif", tif(at=NOW - timedelta(seconds=181)), LATE),
    ("tif", tif(at=NOW + timedelta(seconds=181)), LATE),
    ("tif", tif() | {"x-tif-nonce": "n2"}, UNEQUAL),
    ("tif", tif() | {"x-tif-paasid": "second"}, UNKNOWN_KEY),
]
"""Kind, headers, and the sentence with which they are refused."""


@pytest.mark.parametrize(("kind", "headers", "sentence"), REFUSED)
def test_what_is_not_signed(kind: str, headers: Headers, sentence: str) -> None:
    """Headers that are missing, late, of nobody, or of other content are refused so."""
    gate = {"csb": CSB, "tif": TIF}[kind]
    with pytest.raises(GateFault, match=sentence):
        gate.signed(headers, {"first": SECRET}.get, NOW.timestamp())


@pytest.mark.parametrize("minutes", [-30, 0, 30])
def test_within_the_time_of_csb(minutes: int) -> None:
    """A clock up to thirty minutes off is taken; the headers name the message."""
    headers = csb(at=NOW + timedelta(minutes=minutes))
    signed = CSB.signed(headers, {"first": SECRET}.get, NOW.timestamp())
    assert ("first", "2206", "") == (signed.key, signed.infno, signed.nonce)


@pytest.mark.parametrize("seconds", [-180, 0, 180])
def test_within_the_time_of_tif(seconds: int) -> None:
    """A clock up to 180 seconds off is taken; the nonce counts until its time is over."""
    headers = tif(at=NOW + timedelta(seconds=seconds))
    signed = TIF.signed(headers, {"first": SECRET}.get, NOW.timestamp())
    assert ("first", "n1") == (signed.key, signed.nonce)
    assert NOW.timestamp() + seconds + 180 == signed.until


def test_a_known_signature() -> None:
    """Both kinds take what `openssl dgst` makes of the same text."""
    at = datetime.fromtimestamp(1_700_000_000, SHANGHAI)
    made = {
        "_api_signature": "kUC0jPpo11W5fEKnlZYLIYPCw/o=",
        "x-tif-signature": (
            "403c779c975b9f0d241618a27b44e2045f127d503a78323bc9cfd1d28667510a"
        ),
    }
    for gate, headers in ((CSB, csb(at=at)), (TIF, tif(at=at))):
        signed = gate.signed(headers | made, {"first": SECRET}.get, at.timestamp())
        assert "first" == signed.key


class SetClock:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.toml"
    path.write_text(
        f'[first]\nsecret = "{SECRET}"\ninstitutions = ["{HOSPITAL}"]\n',
        encoding="utf-8",
    )
    path.chmod(0o600)
    return path


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture(params=["csb", "tif"])
def gated(
    channel: grpc.Channel,
    tmp_path: Path,
    keys: Path,
    clock: SetClock,
    request: pytest.FixtureRequest,
) -> Iterator[tuple[str, Sender]]:
    """The national interface behind a gate of each kind."""
    kind = request.param
    options: dict[str, Any] = {"signature": kind, "signature_keys": keys}
    with sender_over(channel, tmp_path, clock=clock, **options) as made:
        yield kind, made


def signed(kind: str, infno: str = "9001") -> Headers:
    return csb(infno) if kind == "csb" else tif()


def sent(sender: Sender, message: Message, headers: Headers) -> HttpReply:
    return sender.client.send(json.dumps(message).encode(), headers)


SIGN_IN = {"opter_no": "1", "mac": "0", "ip": "127.0.0.1"}


def test_who_signed_is_answered(gated: tuple[str, Sender]) -> None:
    """A signed message is answered, one that is not ends with 401 and S1's sentence."""
    kind, sender = gated
    message = sender.message("9001", SIGN_IN, "signIn")
    assert 0 == sent(sender, message, signed(kind)).message["infcode"]
    bare = sent(sender, message, {})
    assert (401, 401, MISSING, -1) == (
        bare.status,
        *(bare.message[name] for name in ("code", "message", "infcode")),
    )


def test_nothing_is_read_of_whom_nobody_knows(gated: tuple[str, Sender]) -> None:
    """Who has not signed is told so at once; no byte of its body is waited for."""
    _, sender = gated
    for path in ("/", "/9101"):
        assert 401 == sender.client.send([None], path=path).status


def test_a_key_is_for_its_institutions(gated: tuple[str, Sender]) -> None:
    """A key signs messages of its own institutions only."""
    kind, sender = gated
    message = sender.message("9001", SIGN_IN, "signIn", fixmedins_code="H34110000002")
    refused = sent(sender, message, signed(kind)).message
    assert -1 == refused["infcode"]
    assert "fixmedins_code" in refused["err_msg"]


def test_headers_are_for_their_message(gated: tuple[str, Sender]) -> None:
    """Headers that name another message do not let this one in."""
    kind, sender = gated
    if kind == "tif":
        return
    message = sender.message("9001", SIGN_IN, "signIn")
    assert "_api_name" in sent(sender, message, signed(kind, "2206")).message["err_msg"]


@pytest.fixture
def opened(
    channel: grpc.Channel, tmp_path: Path, keys: Path, clock: SetClock
) -> Callable[[], AbstractContextManager[Sender]]:
    """Open one process of the national interface behind the gate with nonces."""
    options: dict[str, Any] = {"signature": "tif", "signature_keys": keys}
    return lambda: sender_over(channel, tmp_path, clock=clock, **options)


def told(sender: Sender, headers: Headers) -> str:
    """Return the sentence that a sign-in with these headers gets; "" if it is answered."""
    message = sender.message("9001", SIGN_IN, "signIn")
    return str(sent(sender, message, headers).message["err_msg"])


Opened = Callable[[], AbstractContextManager[Sender]]


def test_a_nonce_comes_once(opened: Opened) -> None:
    """A nonce is refused the second time, also by another process and after a restart; one
    that is not signed is not kept."""
    with opened() as sender:
        assert UNEQUAL == told(sender, tif("n1", secret=OTHER_SECRET))
        assert ["", REPEATED] == [told(sender, tif("n1")) for _ in range(2)]
        with opened() as other:
            assert [REPEATED, ""] == [told(other, tif(nonce)) for nonce in ("n1", "n2")]
    with opened() as sender:
        assert REPEATED == told(sender, tif("n1"))


def test_a_nonce_s_time(opened: Opened, clock: SetClock) -> None:
    """A nonce counts as long as its timestamp would let it in, then its number is free."""
    with opened() as sender:
        assert "" == told(sender, tif("n1"))
        clock.now = NOW + timedelta(seconds=180)
        assert REPEATED == told(sender, tif("n1"))
        clock.now = NOW + timedelta(seconds=181)
        assert LATE == told(sender, tif("n1"))
        assert "" == told(sender, tif("n1", at=clock.now))


def test_signing_in_first(channel: grpc.Channel, tmp_path: Path) -> None:
    """With sign-in required, a message counts with today's number of its own institution."""
    clock = SetClock()
    with sender_over(channel, tmp_path, clock=clock, require_sign_in=True) as sender:
        assert "9001" in sender.ask("2206")["err_msg"]
        assert "sign_no" in sender.ask("2206", sign_no="1")["err_msg"]
        made = sender.ask("9001", SIGN_IN, "signIn")["output"]["signinoutb"]["sign_no"]
        assert "sign_no" not in sender.ask("2206", sign_no=made)["err_msg"]
        other = sender.ask("2206", sign_no=made, fixmedins_code="H34110000002")
        assert "sign_no" in other["err_msg"]
        clock.now = NOW.replace(hour=23, minute=59, second=59)
        assert "sign_no" not in sender.ask("2206", sign_no=made)["err_msg"]
        clock.now = NOW.replace(hour=0) + timedelta(days=1)
        assert "sign_no" in sender.ask("2206", sign_no=made)["err_msg"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[first]",
        '[first]\nsecret = "short"\ninstitutions = ["H1"]',
        f'[first]\nsecret = "{SECRET}"\ninstitutions = []',
        f'[first]\nsecret = "{SECRET}"\ninstitutions = ["H1"]\nmore = 1',
        f'first = "{SECRET}"',
        f'["首家"]\nsecret = "{SECRET}"\ninstitutions = ["H1"]',
        "\udcff",
    ],
)
def test_a_file_of_keys_that_is_none(tmp_path: Path, text: str) -> None:
    """A file of keys that says too little or too much is refused; no secret is told."""
    path = tmp_path / "keys.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    path.chmod(0o600)
    with pytest.raises(ValueError, match=r"keys\.toml") as fault:
        Keyring(path)
    assert SECRET not in str(fault.value)


def test_a_file_of_keys_everybody_reads(keys: Path) -> None:
    """A file of keys that every user may read is refused."""
    keys.chmod(0o644)
    with pytest.raises(CredentialFaultError, match="chmod 600"):
        Keyring(keys)


def test_keys_are_read_again(keys: Path) -> None:
    """A key that is taken out counts no more; a file that cannot be read changes nothing."""
    ring = Keyring(keys)
    keys.write_text("[first", encoding="utf-8")
    ring.watched.refresh()
    assert SECRET == ring.secret("first")
    text = f'[second]\nsecret = "{SECRET}"\ninstitutions = ["*"]\n'
    keys.write_text(text, encoding="utf-8")
    ring.watched.refresh()
    second = ring.key("second")
    assert ring.secret("first") is None
    assert second is not None
    assert second.covers("H34080000001")
