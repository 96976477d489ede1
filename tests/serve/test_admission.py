"""Laws of which options go together, before anything is made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from gongji.serve.admission import admitted, check_doors
from gongji.serve.settings import Settings

from tests.scaffold.credentials import AUDIENCE, ISSUER, SPAN, DoorFiles

AUDITOR = 'kind = "auditor"\ncities = ["*"]'

MUTUAL = ("tls_cert", "tls_key", "client_ca", "policy")
TOKENS = ("token_keys", "token_issuer", "token_audience")

LOCAL, PUBLIC = "127.0.0.1:0", "0.0.0.0:0"


@pytest.fixture
def files(tmp_path: Path) -> DoorFiles:
    files = DoorFiles.at(tmp_path)
    files.allow(auditor=AUDITOR)
    files.write("deny.toml", "")
    return files


def settings(
    files: DoorFiles, *given: str, address: str = LOCAL, sandbox: bool = False
) -> Settings:
    """Return settings with so many options given, their files being there."""
    named = {
        "tls_cert": files.folder / "server.pem",
        "tls_key": files.folder / "server.key",
        "client_ca": files.folder / "ca.pem",
        "policy": files.folder / "policy.toml",
        "deny": files.folder / "deny.toml",
        "token_keys": files.folder / "keys.json",
    }
    texts = {
        "token_issuer": ISSUER,
        "token_audience": AUDIENCE,
        "token_address": "127.0.0.1:50099",
    }
    return Settings(
        address=address,
        data=files.folder / "var",
        sandbox=sandbox,
        **{name: named[name] for name in given if name in named},  # type: ignore[arg-type] # files
        **{name: texts[name] for name in given if name in texts},  # type: ignore[arg-type] # texts
    )


SOUND = {
    "nothing": (),
    "mutual TLS": MUTUAL,
    "tokens, plain": ("policy", *TOKENS),
    "tokens over TLS": ("tls_cert", "tls_key", "policy", *TOKENS),
    "both, apart": (*MUTUAL, *TOKENS, "token_address", "deny"),
    "TLS for the local token": ("tls_cert", "tls_key"),
}


@pytest.mark.parametrize("given", SOUND.values(), ids=SOUND)
def test_what_goes_together(given: tuple[str, ...], files: DoorFiles) -> None:
    """A server of this machine may have a policy or none, TLS or none."""
    check_doors(settings(files, *given))


UNMET = {
    "a certificate without its key": (("tls_cert",), "--tls-key"),
    "a key without its certificate": (("tls_key",), "--tls-cert"),
    "roots without TLS": (("client_ca", "policy"), "--tls-cert"),
    "roots without a policy": (("tls_cert", "tls_key", "client_ca"), "--policy"),
    "a policy without credentials": (("policy",), "--client-ca"),
    "keys without a policy": (TOKENS, "--policy"),
    "keys for any issuer": (
        ("policy", "token_keys", "token_audience"),
        "--token-issuer",
    ),
    "keys for any audience": (
        ("policy", "token_keys", "token_issuer"),
        "--token-audience",
    ),
    "an issuer of nothing": ((*MUTUAL, "token_issuer"), "--token-keys"),
    "a deny list of nobody": (("deny",), "--policy"),
    "a second address without tokens": ((*MUTUAL, "token_address"), "--token-keys"),
    "a second address without certificates": (
        ("tls_cert", "tls_key", "policy", *TOKENS, "token_address"),
        "--client-ca",
    ),
}


@pytest.mark.parametrize(("given", "named"), UNMET.values(), ids=UNMET)
def test_what_does_not(given: tuple[str, ...], named: str, files: DoorFiles) -> None:
    """An option that is nothing without another is refused, and the other is named."""
    with pytest.raises(ValueError, match=f"须与.*{named}"):
        check_doors(settings(files, *given))


@pytest.mark.parametrize("sandbox", [False, True])
@pytest.mark.parametrize(
    "given", [(), ("tls_cert", "tls_key"), ("policy", *TOKENS)], ids=str
)
def test_others_reach_only_what_is_protected(
    given: tuple[str, ...], files: DoorFiles, *, sandbox: bool
) -> None:
    """Without TLS and a policy both nobody else may reach a server, sandbox or not; the
    sentence names the way."""
    with pytest.raises(ValueError, match=r"不是本机回环地址.*--tls-cert.*--policy"):
        check_doors(settings(files, *given, address=PUBLIC, sandbox=sandbox))
    check_doors(settings(files, *MUTUAL, address=PUBLIC, sandbox=sandbox))


def test_the_second_address_is_held_to_the_same(files: DoorFiles) -> None:
    """It must be one, with its port."""
    given = settings(files, *MUTUAL, *TOKENS, "token_address")
    for address in ("foo", "127.0.0.1:0", "127.0.0.1:99999"):
        with pytest.raises(ValueError, match=r"监听地址|须写明端口"):
            check_doors(replace(given, token_address=address))


BROKEN = {
    "policy.toml": ("version = 1", "policy.toml"),
    "deny.toml": ("caller = 1", "deny.toml"),
    "keys.json": ("{}", "keys.json"),
    "server.pem": ("-", "不是 PEM 格式的证书"),
    "server.key": ("-", "不是 PEM 格式的私钥"),
    "ca.pem": ("-", "不是 PEM 格式的证书"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_used_is_named(name: str, files: DoorFiles) -> None:
    """A file that says nothing sound, that is missing, or in the key's case open to all,
    is refused by a sentence before anything is made."""
    content, named = BROKEN[name]
    whole = settings(files, *MUTUAL, *TOKENS, "deny")
    files.write(name, content)
    with pytest.raises(ValueError, match=named):
        check_doors(whole)
    (files.folder / name).unlink()
    with pytest.raises(ValueError, match="不能读取"):
        check_doors(whole)
    assert not whole.data.exists()


def test_a_key_for_everybody_is_refused(files: DoorFiles) -> None:
    """A private key that any user can read is no longer private."""
    (files.folder / "server.key").chmod(0o644)
    with pytest.raises(ValueError, match="任何用户都能读写私钥"):
        check_doors(settings(files, *MUTUAL))


def test_anothers_key_and_an_old_certificate(files: DoorFiles) -> None:
    """A key that is not the certificate's, or a certificate that has run out, is refused."""
    files.write("server.key", files.authority.server().key_pem())
    with pytest.raises(ValueError, match="不是证书"):
        check_doors(settings(files, *MUTUAL))
    files.issue_server(at=files.authority.root.certificate.not_valid_before_utc - SPAN)
    with pytest.raises(ValueError, match="已过有效期"):
        check_doors(settings(files, *MUTUAL))


def test_who_is_admitted_is_said(files: DoorFiles) -> None:
    """The announcement says whom the server admits, by what and where."""
    assert "gongji.token" in admitted(settings(files))
    assert "任何人" in admitted(settings(files, sandbox=True))
    by = {given: admitted(settings(files, *given)) for given in SOUND.values()}
    assert by[MUTUAL].endswith("凭证书")
    assert by["policy", *TOKENS].endswith("凭令牌")
    assert "只凭令牌在 127.0.0.1:50099" in by[SOUND["both, apart"]]
