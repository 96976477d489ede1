"""What a caller shows of itself, over which connection, and what is said if it cannot."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from gongji.cli.devcerts.authority import TrialAuthority
from gongji.client.connection import connect
from gongji.client.credentials import (
    CredentialFaultError,
    Credentials,
    Token,
    is_loopback,
)

from tests.client.listing import (
    ListingService,
    list_cities,
    listing,
    secret,
    server_credentials,
    written,
)

TOKEN = "a-token-of-a-trial"  # noqa: S105 - of nobody


@pytest.fixture(scope="module")
def authority() -> TrialAuthority:
    return TrialAuthority.new()


@pytest.fixture
def ca(authority: TrialAuthority, tmp_path: Path) -> Path:
    return secret(tmp_path / "ca.pem", authority.root.certificate_pem())


def test_a_token_goes_with_every_call_and_is_read_again(tmp_path: Path) -> None:
    """Each call carries the token that the file holds by then."""
    file = secret(tmp_path / "token", f"{TOKEN}\n")
    service = ListingService()
    with (
        listing(service) as address,
        connect(address, credentials=Credentials(token_file=file)) as channel,
    ):
        list_cities(channel)
        secret(tmp_path / "new", TOKEN.upper()).rename(file)
        list_cities(channel)
        file.unlink()
        with pytest.raises(CredentialFaultError, match="没有凭据文件"):
            list_cities(channel)
    brought = [metadata["authorization"] for metadata in service.brought]
    assert [f"Bearer {TOKEN}", f"Bearer {TOKEN.upper()}"] == brought


def test_mutual_tls_shows_the_certificate(
    authority: TrialAuthority, ca: Path, tmp_path: Path
) -> None:
    """With a root the connection is TLS, with a pair the caller is known by it."""
    cert, key = written(tmp_path, "hospital", authority.caller("hospital"))
    token = secret(tmp_path / "token", TOKEN)
    service = ListingService()
    with listing(service, server_credentials(authority)) as address:
        shown = Credentials(ca=ca, cert=cert, key=key, token_file=token)
        with connect(address, credentials=shown) as channel:
            list_cities(channel)
    assert [b"hospital"] == service.names
    assert f"Bearer {TOKEN}" == service.brought[0]["authorization"]


def test_a_server_of_another_name(
    authority: TrialAuthority, ca: Path, tmp_path: Path
) -> None:
    """A certificate of another name counts only if that name is expected."""
    cert, key = written(tmp_path, "hospital", authority.caller("hospital"))
    name = "gongji.invalid"
    service = ListingService()
    with listing(service, server_credentials(authority, name)) as address:
        plain = Credentials(ca=ca, cert=cert, key=key)
        with (
            connect(address, credentials=plain) as channel,
            pytest.raises(grpc.RpcError),
        ):
            list_cities(channel)
        named = Credentials(ca=ca, cert=cert, key=key, server_name=name)
        with connect(address, credentials=named) as channel:
            list_cities(channel)
    assert [b"hospital"] == service.names


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1:50051",
        "gongji.invalid:50051",
        "localhost.gongji.invalid:50051",
        "127.0.0.1.gongji.invalid:50051",
        "dns:///127.0.0.1:50051",
        "ipv4:127.0.0.1:1,10.0.0.1:2",
        "[::]:50051",
        "0.0.0.0:50051",
        "127.0.0.1",
        "",
    ],
)
def test_no_token_leaves_the_machine_in_the_clear(tmp_path: Path, address: str) -> None:
    """Whatever is not plainly this machine gets no token without TLS."""
    file = secret(tmp_path / "token", TOKEN)
    with pytest.raises(CredentialFaultError, match="不得不加密"):
        connect(address, credentials=Credentials(token_file=file))


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "127.8.9.1:1", "[::1]:1", "localhost:1"]
)
def test_this_machine(address: str) -> None:
    """These are addresses of this machine."""
    assert is_loopback(address)


def test_a_token_does_not_go_through_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy of the environment would read it: this machine is called directly."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    service = ListingService()
    file = secret(tmp_path / "token", TOKEN)
    with (
        listing(service) as address,
        connect(address, credentials=Credentials(token_file=file)) as channel,
    ):
        list_cities(channel)
    assert 1 == len(service.brought)


@pytest.fixture
def folder(authority: TrialAuthority, ca: Path) -> Path:
    """A folder of good and of bad credentials."""
    at = datetime.now(UTC)
    away = timedelta(days=400)
    for name, issued in {
        "app": at,
        "bank": at,
        "old": at - away,
        "early": at + away,
    }.items():
        written(ca.parent, name, authority.caller(name, at=issued))
    secret(ca.parent / "text", "no certificate")
    secret(ca.parent / "large", bytes(2 << 20))
    return ca.parent


@pytest.mark.parametrize(
    ("sentence", "named"),
    [
        ("须同时给出", {"ca": "ca.pem", "cert": "app.pem"}),
        ("须用 TLS", {"cert": "app.pem", "key": "app.key"}),
        ("没有凭据文件", {"ca": "none"}),
        ("不能读取", {"ca": "."}),
        ("text 不是 PEM 格式的证书", {"ca": "text"}),
        ("text 不是 PEM 格式的私钥", {"cert": "app.pem", "key": "text"}),
        ("bank.key 不是证书", {"cert": "app.pem", "key": "bank.key"}),
        ("old.pem 不在有效期内", {"cert": "old.pem", "key": "old.key"}),
        ("early.pem 不在有效期内", {"cert": "early.pem", "key": "early.key"}),
        ("text 里不是令牌", {"token_file": "text"}),
        ("过大", {"ca": "large"}),
    ],
)
def test_what_cannot_be_shown(
    folder: Path, sentence: str, named: dict[str, str]
) -> None:
    """Each fault of a credential is named with its file before anybody is called."""
    # All but what is about TLS itself have a good root.
    root = {} if sentence == "须用 TLS" else {"ca": "ca.pem"}
    files = {option: folder / name for option, name in (root | named).items()}
    with pytest.raises(CredentialFaultError, match=sentence):
        connect("127.0.0.1:1", credentials=Credentials(**files))  # type: ignore[arg-type] # all are paths


@pytest.mark.parametrize(
    "content",
    ["", "short", f"{TOKEN} {TOKEN}", f"{TOKEN}\n{TOKEN}", f"令牌{TOKEN}", "x" * 9000],
)
def test_what_is_no_token(tmp_path: Path, content: str) -> None:
    """A token is one word of visible ASCII; anything else could end or forge metadata."""
    with pytest.raises(CredentialFaultError, match="不是令牌"):
        Token(secret(tmp_path / "token", content))


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o666])
def test_a_secret_everybody_reads_is_none(tmp_path: Path, mode: int) -> None:
    """A token or key that any user may read or write is refused; the sentence mends it."""
    file = secret(tmp_path / "token", TOKEN)
    file.chmod(mode)
    with pytest.raises(CredentialFaultError, match=f"chmod 600 {file}"):
        Token(file)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Run as nobody if the tests run as root, who reads everything."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_secret_of_another_user(tmp_path: Path) -> None:
    """A token of another user is named as one."""
    file = secret(tmp_path / "token", TOKEN)
    file.chmod(0)
    with (
        unprivileged(),
        pytest.raises(CredentialFaultError, match="属于另一用户"),
    ):
        Token(file)
