"""The master key from a command or a token: served, verified, listed and changed."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from pathlib import Path

import pytest
from gongji.cli.key_options import KEY_NAMES
from gongji.serve.settings import DATABASE, KEY_FILE
from gongji.store.keys.source import FileSource

from tests.cli.clinic import LONG, PEOPLE, Clinic, begin_and_kill, fill, options_at
from tests.cli.command import gongji, opening_a_database
from tests.cli.started import Caller, started
from tests.softhsm import SoftToken

PRINTED = shlex.join([sys.executable, "-c", f"print('{bytes(range(32)).hex()}')"])


@pytest.fixture(params=["command", "token"])
def source(request: pytest.FixtureRequest) -> list[str]:
    """The options of a master that lies in no file."""
    if request.param == "command":
        return ["--key-command", PRINTED]
    token: SoftToken = request.getfixturevalue("token")
    return ["--key-pkcs11", token.uri()]


def ended_well(*arguments: str) -> None:
    """Run a command that is to end well."""
    result = gongji(*arguments)
    assert 0 == result.exit_code, result.stderr


@pytest.mark.sampled(1)
def test_served_and_verified(source: list[str], tmp_path: Path) -> None:
    """A new database is made, served, verified, copied and its copy restored by a master
    that never lies in a file."""
    at = ["--data", str(tmp_path / "var"), *source]
    with started(*at, "--sample") as server, Caller(server) as caller:
        caller.settle()
        assert 0 == server.end()
    ended_well("verify", *at)
    copy, there = str(tmp_path / "copy"), ["--data", str(tmp_path / "restored")]
    ended_well("backup", copy, *at)
    ended_well("restore", copy, *there, *source)
    ended_well("rekey", *there, *source)
    ended_well("verify", *there, *source)
    assert not [*tmp_path.rglob(f"{KEY_FILE}*")]
    assert "找不到密钥文件" in gongji("verify", *there).stderr


@pytest.fixture(params=["sqlite", "postgres"] if LONG else ["sqlite"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """The options of a data folder and its database."""
    return options_at(request, tmp_path)


def changed_while_served(at: list[str], to: list[str]) -> None:
    """A server answers every call while a change is killed, and run again."""
    with started(*at) as server:
        clinic = Clinic(server)
        with clinic.running():
            begin_and_kill([*at, *to], 2.0)
            ended_well("rekey", *at, *to)
        assert [] == clinic.failed
        assert clinic.answered
        with Caller(server) as caller:
            for person in range(0, PEOPLE, 40):
                clinic.settle(caller, person)


def database_of(at: list[str]) -> str | Path:
    """The address of the database."""
    return at[3] if len(at) > 2 else Path(at[1]) / DATABASE


def test_from_a_file_into_a_token_and_back(
    at: list[str], token: SoftToken, tmp_path: Path
) -> None:
    """While a server knows both sources its master moves from one to the other; then the
    old one alone opens nothing."""
    data, back = tmp_path / "var", str(tmp_path / "var" / "back.key")
    asyncio.run(fill(database_of(at), data))
    in_token = ["--key-pkcs11", token.uri()]
    first, second = ["--key-file", f"{data / KEY_FILE}"], ["--key-file", back]
    FileSource(Path(back)).make()
    changed_while_served([*at, *first, *in_token], ["--to-key-pkcs11", token.uri()])
    ended_well("keys", *at, *in_token)
    assert "与该数据库不符" in gongji("keys", *at, *first).stderr
    changed_while_served([*at, *second, *in_token], ["--to-key-file", back])
    assert "与该数据库不符" in gongji("keys", *at, *in_token).stderr
    ended_well("verify", *at, *second)


def test_a_server_that_does_not_know_the_new_source(
    token: SoftToken, tmp_path: Path
) -> None:
    """While one is there that was started with the old source alone, nothing is changed."""
    data = tmp_path / "var"
    move = ["rekey", "--data", str(data), "--to-key-pkcs11", token.uri()]
    with started("--data", str(data), "--sample"):
        assert "已有服务在使用" in gongji(*move).stderr
    ended_well("keys", "--data", str(data))
    ended_well(*move)
    assert 1 == gongji("keys", "--data", str(data)).exit_code


def test_every_command_that_opens_a_database() -> None:
    """It takes every source of keys."""
    found = dict(opening_a_database())
    assert {"serve", "migrate", "keys", "rekey", "backup", "restore", "verify"} < {
        *found
    }
    for name, command in found.items():
        assert {*KEY_NAMES} <= {one.name for one in command.params}, name


MISTAKES = {
    "no such command": (["--key-command", "/nowhere/key"], "找不到：请写完整的路径"),
    "nothing printed": (["--key-command", "true"], "没有输出"),
    "a failure": (["--key-command", "false"], "退出码 1"),
    "two lines": (["--key-command", "printf 'a\\nb\\n'"], "不止一行"),
    "a quotation": (["--key-command", "cat 'x"], "引号不成对"),
    "no such key": (["--key-pkcs11", "nothing"], "应写作 pkcs11:"),
    "a PIN": (
        ["--key-pkcs11", "pkcs11:token=t;object=o?module-path=/x&pin-value=1234"],
        "PIN 不能写在参数里",
    ),
    "no module": (
        ["--key-pkcs11", "pkcs11:token=t;object=o?module-path=/x&pin-source={pin}"],
        "找不到模块 /x",
    ),
    "no file": (["--key-file", "/nowhere/x.key"], "找不到密钥文件 /nowhere/x.key"),
}


@pytest.mark.parametrize(("options", "problem"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(options: list[str], problem: str, tmp_path: Path) -> None:
    """Each is told in one sentence, without what is secret, by a command that reads."""
    data, pin = tmp_path / "var", tmp_path / "pin"
    pin.write_text("1234", encoding="ascii")
    pin.chmod(0o600)
    asyncio.run(fill(data / DATABASE, data))
    named = [option.replace("{pin}", str(pin)) for option in options]
    result = gongji("keys", "--data", data, *named)
    assert result.exit_code in {1, 2}
    assert problem in result.stderr
    assert "1234" not in result.stderr
    assert "Traceback" not in result.stderr


def test_keys_are_listed(tmp_path: Path) -> None:
    """Each with its state and what it has sealed; after a change the new ones, and of the
    old one that of the requests."""
    data = tmp_path / "var"
    asyncio.run(fill(data / DATABASE, data))
    assert 0 == gongji("rekey", "--data", data, "--valid-until", "2199-01-31").exit_code
    listed = gongji("--json", "keys", "--data", data)
    rows = {row["data_key"]: row for row in json.loads(listed.stdout)["data_keys"]}
    assert {"seal/2", "lookup/2", "digest/1", "digest/2", "match/1"} == {*rows}
    assert "2199-01-31" == rows["seal/2"]["valid_until"]
    assert PEOPLE == int(rows["seal/2"]["sealed"].replace(",", ""))
    assert "4,294,967,296" == rows["seal/2"]["most_seals"]
    assert "只用来读" == rows["digest/1"]["state"]
    assert "主密钥：指纹 " in gongji("keys", "--data", data).stdout
