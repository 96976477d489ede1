"""Settings of commands: options, then the environment, then the file."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import pytest
from gongji.cli import main
from gongji.cli.config import (
    ConfiguredCommand,
    commands_of,
    options_of,
    places_of,
)
from gongji.cli.configfile import key_of
from gongji.cli.options import CallingCommand, ServerTarget
from gongji.client.credentials import LOCAL_TOKEN, NO_CREDENTIALS, Credentials

from tests.cli.command import gongji

CALLING = sorted(
    name for name, one in main.commands.items() if isinstance(one, CallingCommand)
)

ASKING = ["check", "cities", "guide"]
"""Commands that ask a service only if they are told to."""

FLAG = ["--target", "127.0.0.1:1"]
VARIABLE = {"GONGJI_TARGET": "127.0.0.1:2"}
FILE = '[client]\ntarget = "127.0.0.1:3"\n'


def parameters(
    arguments: list[str], environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Return what a command of the program is called with."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with ExitStack() as stack:
        ctx = stack.enter_context(main.make_context("gongji", arguments))
        while isinstance(ctx.command, click.Group):
            typed = [*ctx._protected_args, *ctx.args]
            _, command, rest = ctx.command.resolve_command(ctx, typed)
            assert command
            ctx = stack.enter_context(
                command.make_context(command.name, rest, parent=ctx)
            )
        return ctx.params


@pytest.mark.parametrize("command", ["statement", "conformance"])
@pytest.mark.parametrize(
    ("flags", "environment", "expected"),
    [
        (FLAG, VARIABLE, "127.0.0.1:1"),
        ([], VARIABLE, "127.0.0.1:2"),
        ([], {}, "127.0.0.1:3"),
    ],
)
@pytest.mark.parametrize("way", ["of the program", "variable"])
def test_flags_before_environment_before_file(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    flags: list[str],
    environment: dict[str, str],
    expected: str,
    way: str,
    command: str,
) -> None:
    """The nearest says it, wherever the file is named; the suite reads it too."""
    file = tmp_path / "gongji.toml"
    file.write_text(FILE, encoding="utf-8")
    before = ["--config", str(file)] if way == "of the program" else []
    named = {"GONGJI_CONFIG": str(file)} if way == "variable" else {}
    arguments = [*before, command, "chuzhou", *flags]

    found = parameters(arguments, environment | named, monkeypatch)

    assert expected == found["target"]


def test_a_command_may_name_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file named behind a command counts before the one of the program."""
    for name, port in (("near", 3), ("far", 4)):
        file = tmp_path / name
        file.write_text(FILE.replace(":3", f":{port}"), encoding="utf-8")
    before = ["--config", str(tmp_path / "far")]
    after = ["--config", str(tmp_path / "near")]

    found = parameters([*before, "statement", "CZ001", *after], {}, monkeypatch)

    assert "127.0.0.1:3" == found["target"]


def test_a_path_in_the_file_is_one_from_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a command is typed, its configuration names the same files."""
    file = tmp_path / "gongji.toml"
    file.write_text(
        '[client]\nca = "tls/ca.pem"\nkey = "/etc/x.key"\n', encoding="utf-8"
    )
    arguments = ["--config", str(file), "statement", "CZ001"]

    found = parameters(arguments, {}, monkeypatch)

    assert tmp_path / "tls" / "ca.pem" == found["ca"]
    assert Path("/etc/x.key") == found["key"]


def test_every_kind_of_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags, whole numbers, lists and paths are written as TOML writes them."""
    file = tmp_path / "gongji.toml"
    file.write_text(
        '[serve]\nsandbox = true\nworkers = 3\nadopt = ["341100:V2@2025-01-01"]\n'
        'data = "d"\ngateway = false\n[plugins]\nanqing = "sha256:' + 64 * "0" + '"\n',
        encoding="utf-8",
    )

    found = parameters(["serve", "--config", str(file)], {}, monkeypatch)

    expected = {
        "sandbox": True,
        "workers": 3,
        "adopt": ("341100:V2@2025-01-01",),
        "data": tmp_path / "d",
        "gateway": False,
    }
    assert expected == {name: found[name] for name in expected}


FAULTS = {
    "no TOML": ("[", "不是 TOML"),
    "an unknown table": ("[klient]\n", "没有 [klient] 这一节；可写的有 client、serve"),
    "an unknown key": ('[client]\ntoken = "x"\n', "[client] 没有 token 这一项"),
    "a key of another table": ("[client]\nworkers = 2\n", "[client] 没有 workers"),
    "no table": ("client = 1\n", "client 须是一节，写作 [client]"),
    "a text for a number": ('[serve]\nworkers = "2"\n', "[serve] workers 须为整数"),
    "a number for a flag": ("[serve]\nsandbox = 1\n", "须为 true 或 false"),
    "a text for a list": ('[serve]\nadopt = "x"\n', "[serve] adopt 须为文本的列表"),
    "a list for a text": ("[serve]\ndatabase = []\n", "须为加引号的文本"),
    "a pin that is none": ("[plugins]\nanqing = 1\n", "[plugins] 须逐行写作"),
    "a number beyond": ("[serve]\nworkers = 0\n", "--workers"),
}


@pytest.mark.parametrize(("text", "sentence"), FAULTS.values(), ids=FAULTS)
def test_a_file_at_fault(tmp_path: Path, text: str, sentence: str) -> None:
    """What is wrong is named with file, table and key before anything is begun."""
    file = tmp_path / "gongji.toml"
    file.write_text(text, encoding="utf-8")

    result = gongji("serve", "--config", file, "--data", tmp_path / "var")

    assert result.exit_code in {1, 2}
    assert sentence in result.output
    assert not (tmp_path / "var").exists()


def test_no_file(tmp_path: Path) -> None:
    """A configuration that is not there is named, as an option of either place."""
    missing = tmp_path / "none.toml"
    for result in (
        gongji("--config", missing, "serve"),
        gongji("serve", "--config", missing),
    ):
        assert 1 == result.exit_code
        assert f"没有文件 {missing}" in result.output


def test_every_option_of_the_server_may_be_configured() -> None:
    """No option of `gongji serve` is left out of environment and file."""
    serve = main.commands["serve"]
    assert isinstance(serve, ConfiguredCommand)
    names = {str(one.name) for one in serve.params} - {"config"}
    assert names == {str(one.name) for one in serve.configured}
    assert {f"GONGJI_{name.upper()}" for name in names} == {
        str(one.envvar) for one in serve.configured
    }


def test_every_option_of_every_command_may_be_configured() -> None:
    """Each has a place in the file and a variable, which has one meaning only."""
    placed = {id(one) for table in places_of(main).values() for one in table.values()}
    keys: dict[str, set[str]] = {}
    for path, command in commands_of(main):
        for option in options_of(command):
            assert option.envvar, (path, option.name)
            keys.setdefault(str(option.envvar), set()).add(key_of(option))
    assert all(1 == len(known) for known in keys.values())
    assert len(placed) > 60


OWN = """\
[output]
json = true
[statement]
from = "2025-09-01"
[client]
target = "x:1"
[national.convert]
identities_only = true
"""


def test_what_is_a_commands_own_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command's own table counts wherever the file is named, a group's command has its
    table in the group's, and the program's own options are of the table [output]."""
    file = tmp_path / "gongji.toml"
    file.write_text(OWN, encoding="utf-8")
    config = ["--config", str(file)]
    for arguments in ([*config, "statement", "CZ001"], ["statement", "CZ001", *config]):
        found = parameters(arguments, {}, monkeypatch)
        assert datetime(2025, 9, 1) == found["first"]  # noqa: DTZ001 - as click has it
        assert "x:1" == found["target"]
    assert gongji(*config, "hooks").output.startswith("{")
    found = parameters([*config, "national", "convert", str(file)], {}, monkeypatch)
    assert found["identities_only"]
    variable = {"GONGJI_STATEMENT_SIDE": "member"}
    assert "member" == parameters(["statement", "P"], variable, monkeypatch)["side"]


def test_whatever_calls_takes_the_same_options() -> None:
    """A command with a target is known by certificate or token as all others are."""
    with_target = sorted(
        name
        for name, command in main.commands.items()
        if any(one.name == "target" for one in command.params)
    )
    assert sorted([*CALLING, *ASKING]) == with_target
    first, *others = (main.commands[name] for name in CALLING)
    assert isinstance(first, CallingCommand)
    for other in others:
        assert isinstance(other, CallingCommand)
        assert [one.opts for one in first.configured] == [
            one.opts for one in other.configured
        ]
    options = {tuple(one.opts) for one in first.configured}
    for name in ASKING:
        assert options <= {tuple(one.opts) for one in main.commands[name].params}


@pytest.mark.parametrize("name", ["check", "guide"])
def test_whom_to_ask_is_said_where_it_is_asked(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file gives the credentials of a command that may ask a service, never the service:
    it asks one only if it is told so."""
    file = tmp_path / "gongji.toml"
    file.write_text(f'{FILE}server_name = "x"\n', encoding="utf-8")
    found = parameters(["--config", str(file), name, "anqing"], {}, monkeypatch)
    assert ("", "x") == (found["target"], found["server_name"])


def test_no_secret_is_an_argument() -> None:
    """Secrets stand in files: an argument is seen by every user of the machine."""
    options = {
        str(one.name): one.type
        for command in main.commands.values()
        for one in command.params
    }
    of_secrets = {name for name in options if name in {"token_file", "key"}}
    assert {"token_file", "key"} == of_secrets
    for name in of_secrets:
        assert isinstance(options[name], click.Path)
    assert not {"token", "password", "secret"} & set(options)


@pytest.mark.parametrize(
    ("target", "shown", "finds"),
    [
        ("127.0.0.1:50051", NO_CREDENTIALS, True),
        ("localhost:50051", NO_CREDENTIALS, True),
        ("[::1]:50051", NO_CREDENTIALS, True),
        ("10.0.0.1:50051", NO_CREDENTIALS, False),
        ("gongji.invalid:50051", NO_CREDENTIALS, False),
        ("127.0.0.1:50051", Credentials(ca=Path("ca.pem")), False),
        ("127.0.0.1:50051", Credentials(token_file=Path("own")), False),
    ],
)
def test_the_local_token_is_found_for_this_machine_only(
    tmp_path: Path, target: str, shown: Credentials, *, finds: bool
) -> None:
    """The token of the data folder goes to this machine's server, and to no other."""
    (tmp_path / LOCAL_TOKEN).write_text("a-token-of-a-trial\n", encoding="utf-8")
    found = ServerTarget.of(
        target=target, data=tmp_path, ca=shown.ca, token_file=shown.token_file
    )
    expected = Credentials(token_file=tmp_path / LOCAL_TOKEN) if finds else shown
    assert expected == found.credentials
    without = ServerTarget.of(target=target, data=tmp_path / "none")
    assert NO_CREDENTIALS == without.credentials
