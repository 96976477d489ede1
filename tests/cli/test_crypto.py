"""`--crypto`: the algorithms of a database are chosen when it is made, and stay."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from gongji.audit.checkpoint import SM2, verifier_of
from gongji.client.credentials import LOCAL_TOKEN
from gongji.serve.settings import SIGNING_KEY, Settings
from gongji.store.databases import database_at
from gongji.store.keys.suite import GM, STANDARD, CryptoMismatchError, Suite

from tests.cli.command import gongji
from tests.cli.started import started
from tests.store.conftest import Clock


@pytest.mark.parametrize("suite", [STANDARD, GM], ids=lambda suite: suite.name)
async def test_a_database_keeps_the_suite_it_was_made_with(
    suite: Suite, tmp_path: Path
) -> None:
    """Whoever opens it later need not say it; another than is recorded is refused."""
    path, clock, key = tmp_path / "x.sqlite3", Clock(), tmp_path / "x.key"
    database = database_at(path)
    assert database.suite() is None
    await database.open(clock, key, suite=suite).close()
    assert suite is database.suite()
    for again in (None, suite):
        store = database.open(clock, key, suite=again)
        assert suite.hasher is store.hasher
        assert suite.signature is store.signature
        await store.close()
    (other,) = {STANDARD, GM} - {suite}
    with pytest.raises(CryptoMismatchError, match=f"{suite.name}.*--crypto 写的是"):
        database.open(clock, key, suite=other)
    assert suite is database.suite()


async def test_settings_learn_what_is_recorded(tmp_path: Path) -> None:
    """So do the worker processes, which are given the settings of their parent."""
    settings = Settings(address="127.0.0.1:0", data=tmp_path)
    assert "" == settings.with_recorded_suite().crypto
    key = tmp_path / "gongji.key"
    address = settings.database_address
    await database_at(address).open(Clock(), key, suite=GM).close()
    assert "gm" == settings.with_recorded_suite().crypto


def succeeding(*arguments: str) -> str:
    result = gongji(*arguments)
    assert 0 == result.exit_code, result.output
    return result.stdout


def test_a_server_with_national_algorithms(tmp_path: Path) -> None:
    """It signs with SM2, says so to whoever asks for its key, and starts again as it was;
    told another suite it does not start."""
    data = tmp_path / "var"
    options = ["--no-gateway", "--data", str(data)]
    with started(*options, "--crypto", "gm") as server:
        token = ("--token-file", str(data / LOCAL_TOKEN))
        target = ("--target", server.address, *token)
        succeeding("log", "checkpoint", "--now", *target)
        key = succeeding("log", "key", *target)
        assert verifier_of(key).key_kind is SM2
        witness = str(tmp_path / "witness")
        succeeding("log", "witness", witness, "--log-key", key, *target)
        server.end()
    refused = gongji("serve", *options, "--crypto", "standard")
    assert 1 == refused.exit_code
    assert "该数据库用的是 gm（SM4-GCM、SM3、SM2）" in refused.stderr
    succeeding("verify", "--data", str(data), "--jobs", "1")
    assert "ASN1 OID: SM2" in told_by_openssl(data / SIGNING_KEY)


def told_by_openssl(key: Path) -> str:
    command = ["openssl", "pkey", "-noout", "-text", "-in", str(key)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
