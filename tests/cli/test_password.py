"""The password of a database: never an argument, hidden wherever an address is shown."""

from __future__ import annotations

from pathlib import Path

import click
import psycopg
import pytest
from gongji.cli import main
from gongji.cli.config import commands_of
from gongji.cli.password import has_password, masked, with_password
from psycopg.conninfo import conninfo_to_dict

from tests.cli.command import gongji

ADDRESSES = {
    "postgresql://keeper:s3cret@db:5433/gongji?options=-csearch_path%3Dours": (
        "postgresql://keeper:***@db:5433/gongji?options=-csearch_path%3Dours"
    ),
    "postgres://keeper:s3%40cret@one:1,two:2/x": "postgres://keeper:***@one:1,two:2/x",
    "postgresql://keeper@db/x?password=s3cret&sslmode=require": (
        "postgresql://keeper@db/x?password=***&sslmode=require"
    ),
    "postgresql:///x?host=/run&sslpassword=s3cret": (
        "postgresql:///x?host=/run&sslpassword=***"
    ),
    "postgresql://:s3cret@[::1]/x": "postgresql://:***@[::1]/x",
    "postgresql://u:s3cret#x?y@db/x#z": "postgresql://u:***@db/x#z",
    "postgresql:///x?pass%77ord=s3cret": "postgresql:///x?password=***",
}

PLAIN = ["", "var/x.db", "sqlite:///var/x.db", "postgresql://keeper@db/x?host=/run"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_password_is_hidden(address: str) -> None:
    """Wherever it stands in an address, it is not shown, and the rest is."""
    assert has_password(address)
    assert ADDRESSES[address] == masked(address)


@pytest.mark.parametrize("address", PLAIN)
def test_an_address_without_one_is_left(address: str) -> None:
    """Nothing is hidden where nothing is secret."""
    assert not has_password(address)
    assert address == masked(address)


@pytest.mark.parametrize("password", ["s3cret", "a b&c=d%40/?#", "口令"])
@pytest.mark.parametrize("address", ["postgresql://u@db/x", "postgresql:///x?host=/r"])
def test_a_password_reaches_the_database(address: str, password: str) -> None:
    """Whatever it consists of, PostgreSQL's own library reads it back."""
    found = conninfo_to_dict(with_password(address, password))
    assert password == found["password"]
    assert conninfo_to_dict(address).items() <= found.items()
    assert psycopg.__version__


NAMING = {
    path: command
    for path, command in commands_of(main)
    if any(one.name == "database" for one in command.params)
}

URL = "postgresql://keeper:s3cret@db.invalid/x"


def needed(command: click.Command) -> list[str]:
    """Return something for each argument of a command."""
    return ["x" for one in command.params if isinstance(one, click.Argument)]


@pytest.mark.parametrize("path", NAMING)
def test_no_command_takes_it_as_an_argument(
    path: tuple[str, ...], tmp_path: Path
) -> None:
    """Whatever names a database refuses a password there, says where it may stand, and
    does not repeat it."""
    words = [*path, *needed(NAMING[path]), "--database", URL]
    result = gongji(*words)
    assert 2 == result.exit_code
    assert "--password-file" in result.output
    assert "s3cret" not in result.output
    assert [] == list(tmp_path.iterdir())


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text("s3cret\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def database_of(*words: str) -> str:
    """Return the address with which a migration is called."""
    with (
        main.make_context("gongji", list(words)) as program,
        main.commands["migrate"].make_context(
            "migrate", list(words[1:]), parent=program
        ) as ctx,
    ):
        return str(ctx.params["database"])


def test_a_file_has_it(password: Path) -> None:
    """With a file, the address has the password of its only line."""
    words = ["--database", "postgresql://u@db/x", "--password-file", str(password)]
    assert "postgresql://u@db/x?password=s3cret" == database_of("migrate", *words)
    # In whatever order they are given.
    assert "postgresql://u@db/x?password=s3cret" == database_of(
        "migrate", *words[2:], *words[:2]
    )


def test_a_file_that_others_read_is_refused(password: Path) -> None:
    """The password's file is its owner's alone; so is a configuration that holds one."""
    password.chmod(0o644)
    words = ["migrate", "--database", "postgresql://u@db/x"]
    result = gongji(*words, "--password-file", password)
    assert (1, True) == (result.exit_code, "chmod 0600" in result.output)
    config = password.with_name("gongji.toml")
    config.write_text(f'[serve]\ndatabase = "{URL}"\n', encoding="utf-8")
    config.chmod(0o640)
    result = gongji("migrate", "--config", config)
    assert (1, True) == (result.exit_code, "chmod 0600" in result.output)
    assert "s3cret" not in result.output
    config.chmod(0o600)
    assert URL == database_of("migrate", "--config", str(config))


def test_a_file_without_an_address_is_refused(password: Path) -> None:
    """A password belongs to an address, and to one that has none."""
    result = gongji("migrate", "--password-file", password)
    assert (2, True) == (result.exit_code, "--database" in result.output)


@pytest.mark.parametrize("text", ["", "\n", "one\ntwo\n"])
def test_a_file_with_anything_else_is_refused(password: Path, text: str) -> None:
    """There is one line in it, which is not repeated."""
    password.write_text(text, encoding="utf-8")
    words = ["migrate", "--database", "postgresql://u@db/x"]
    result = gongji(*words, "--password-file", password)
    assert 1 == result.exit_code
    assert "应只有一行口令" in result.output
    assert "two" not in result.output


def test_the_environment_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is the process's own."""
    monkeypatch.setenv("GONGJI_DATABASE", URL)
    assert URL == database_of("migrate")
