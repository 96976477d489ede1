"""`gongji dev-certs`: what a trial with certificates and tokens is begun with."""

from __future__ import annotations

import json
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from click.testing import Result
from cryptography import x509
from gongji.access.callers import Kind
from gongji.access.policy import FilePolicy
from gongji.cli.devcerts.authority import SERVER_NAMES
from gongji.cli.devcerts.callers import TRIAL_CALLERS
from gongji.cli.devcerts.files import AUDIENCE, EXPIRED, ISSUER
from gongji.client.credentials import certificates_in
from gongji_conformance.laws.law import register

from tests.cli.command import gongji
from tests.cli.started import Started, run, started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the command fills it."""
    folder = tmp_path_factory.mktemp("trial") / "certs"
    result = gongji("dev-certs", folder)
    assert 0 == result.exit_code
    assert "只供试用" in result.output
    assert f"gongji serve --sample --config {folder}/gongji.toml" in result.output
    return folder


def test_only_its_owner_reads_it(folder: Path) -> None:
    """The folder and every file are their owner's alone: keys among them."""
    assert 0o700 == folder.stat().st_mode & 0o777
    assert {0o600} == {path.stat().st_mode & 0o777 for path in folder.iterdir()}


def test_every_kind_of_caller_is_known_by_its_certificate(folder: Path) -> None:
    """The policy knows each caller of the trial by certificate and by token."""
    policy = FilePolicy.at(folder / "policy.toml")
    for caller in TRIAL_CALLERS:
        (certificate,) = certificates_in(folder / f"{caller.name}.pem")
        names = certificate.extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        ).value.get_values_for_type(x509.UniformResourceIdentifier)
        assert [caller.uri] == names
        assert caller.name == policy.named_by_certificate(caller.uri)
        assert caller.name == policy.named_by_token(caller.name)
        assert caller.kind is policy.caller(caller.name).kind
    assert set(Kind) == {caller.kind for caller in TRIAL_CALLERS}


def test_openssl_accepts_what_is_in_force(folder: Path) -> None:
    """Another implementation verifies the chain, each use, and that one is expired."""

    def verified(name: str, purpose: str) -> str:
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose]
        command += ["-CAfile", "ca.pem", f"{name}.pem"]
        ended = subprocess.run(  # noqa: S603 - judges what we wrote
            command, cwd=folder, capture_output=True, encoding="utf-8", check=False
        )
        return ended.stdout + ended.stderr

    assert "server.pem: OK" in verified("server", "sslserver")
    for caller in TRIAL_CALLERS:
        assert f"{caller.name}.pem: OK" in verified(caller.name, "sslclient")
    assert "certificate has expired" in verified(EXPIRED, "sslclient")
    assert "OK" not in verified("hospital", "sslserver")


def test_the_server_is_this_machine(folder: Path) -> None:
    """Its certificate names localhost and both loopbacks."""
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(folder / "server.pem", folder / "server.key")
    for name in SERVER_NAMES:
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(back, there, server_hostname=name)
        server = served.wrap_bio(there, back, server_side=True)
        done = [_handshake(side) for _ in range(4) for side in (client, server)]
        assert [True, True] == done[-2:]


def _handshake(side: ssl.SSLObject) -> bool:
    """Return whether one side has finished."""
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def test_the_sample_tokens_are_signed_by_the_key_set(folder: Path) -> None:
    """Each token verifies with the public keys alone, which hold no private part."""
    keys = json.loads((folder / "token-keys.json").read_text(encoding="utf-8"))
    assert not {"d", "k", "p"} & {name for key in keys["keys"] for name in key}
    for name in ("app", "operator"):
        token = (folder / f"{name}.token").read_text(encoding="utf-8").strip()
        (key,) = jwt.PyJWKSet.from_dict(keys).keys
        claims = jwt.decode(
            token, key, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER
        )
        assert name == claims["sub"]
        assert key.key_id == jwt.get_unverified_header(token)["kid"]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    """Nothing is overwritten, and nothing is added to what is there."""
    (tmp_path / "ca.pem").write_text("of somebody else", encoding="utf-8")
    result = gongji("dev-certs", tmp_path)
    assert 1 == result.exit_code
    assert "不是空目录" in result.output
    assert [tmp_path / "ca.pem"] == list(tmp_path.iterdir())


def test_an_empty_folder_is_closed_to_others(tmp_path: Path) -> None:
    """A folder that others may read is its owner's alone afterwards."""
    folder = tmp_path / "certs"
    folder.mkdir(mode=0o755)
    assert 0 == gongji("dev-certs", folder).exit_code
    assert 0o700 == folder.stat().st_mode & 0o777


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Started]:
    """A sandbox as the trial's configuration has it, with the sample."""
    config = ["--config", str(folder / "gongji.toml")]
    with started(*config, "--sandbox", "--sample", "--data", str(folder / "var")) as up:
        yield up


def statement(server: Started, folder: Path, name: str) -> Result:
    """Ask for a statement as one of the trial's callers."""
    shown = ["--ca", str(folder / "ca.pem"), "--target", server.address]
    if name:
        shown += ["--cert", str(folder / f"{name}.pem")]
        shown += ["--key", str(folder / f"{name}.key")]
    return gongji("statement", "CZ001", *shown)


def test_the_trial_is_served(server: Started, folder: Path) -> None:
    """The operator reads by its certificate, as the printed command has it."""
    config = folder / "gongji.toml"
    printed = gongji(
        "statement", "CZ001", "--config", config, "--target", server.address
    )
    assert 0 == printed.exit_code, printed.output
    assert 0 == statement(server, folder, "operator").exit_code


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "服务要求客户端证书：请以 --cert 与 --key 出示"),
        (EXPIRED, "expired.pem 不在有效期内"),
        ("hospital", "hospital 类调用方不得调用 ListSettlements"),
        ("app", "x-gongji-subject-bin"),
        ("front", "front"),
    ],
)
def test_who_does_not_belong_reads_why(
    server: Started, folder: Path, name: str, sentence: str
) -> None:
    """Whoever shows nothing, too late, or another kind's certificate reads a sentence."""
    refused = statement(server, folder, name)
    assert 1 == refused.exit_code
    assert sentence in refused.output


def test_the_suite_judges_the_trial(server: Started, folder: Path) -> None:
    """The suite's laws of access hold on a server it reaches by certificates only."""
    tester = folder / "tester"
    options = {
        "--target": server.address,
        "--ca": folder / "ca.pem",
        "--cert": tester.with_suffix(".pem"),
        "--key": tester.with_suffix(".key"),
        "--callers": folder / "callers.toml",
        "--profile": "access@2026.1",
    }
    arguments = [str(word) for option in options.items() for word in option]
    judged = run("conformance", "chuzhou", "--quick", *arguments)
    assert 0 == judged.returncode, judged.stdout
    laws = [one for one in register().values() if one.profile_name == "access"]
    assert f"chuzhou: 通过 {len(laws)}；" in judged.stdout
