"""`gongji config`: all that is wrong in a file, and what is in force and where from."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.command import gongji, tables

AT_FAULT = """\
[output]
lang = "fr"

[serve]
workrs = 2
workers = 0
policy = "nowhere.toml"
adopt = ["341100:V2@2025-01-01", "341100"]

[client]
token-file = "x"

[statement]
side = "nobody"
from = "2025-13-01"

[polices.explain]
x = 1

[plugins]
anqing = "sha256:00"
"""

PROBLEMS = {
    ("2", "output.lang"): "须为 zh、en 之一",
    ("4", "serve"): "--policy 须与 --client-ca",
    ("5", "serve.workrs"): "是否应为 workers？",
    ("6", "serve.workers"): "",
    ("7", "serve.policy"): "没有文件",
    ("8", "serve.adopt"): "得到「341100」",
    ("11", "client.token-file"): "是否应为 token_file？",
    ("14", "statement.side"): "须为 holder、member、account、wallet 之一",
    ("15", "statement.from"): "得到 '2025-13-01'",
    ("17", "polices"): "没有 [polices] 这一节",
    ("21", "plugins.anqing"): "sha256",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gongji.toml"


def check(file: Path, text: str) -> Result:
    file.write_text(text, encoding="utf-8")
    return gongji("--json", "config", "check", file)


def test_all_that_is_wrong_is_listed_at_once(file: Path) -> None:
    """Each fault has its line, its key, and what was probably meant."""
    result = check(file, AT_FAULT)
    assert 1 == result.exit_code
    rows = tables(result)["problems"]
    found = {(row["row"], row["field"]): row["problem"] for row in rows}
    assert list(PROBLEMS) == list(found)
    for place, sentence in PROBLEMS.items():
        assert sentence in found[place]


@pytest.mark.parametrize(
    "text", ["# nothing\n", '[serve]\naddress = "127.0.0.1:0"\nnew = true\n']
)
def test_nothing_wrong(file: Path, text: str) -> None:
    """A file without a fault ends with 0."""
    assert 0 == check(file, text).exit_code
    assert "没有发现问题" in gongji("config", "check", file).output


def test_no_toml(file: Path) -> None:
    """A file that cannot be read at all is one problem, and a missing one a sentence."""
    (row,) = tables(check(file, "[serve"))["problems"]
    assert "不是 TOML" in row["problem"]
    assert 1 == gongji("config", "check", file.with_name("none")).exit_code


ADDRESSED = '[serve]\ndatabase = "postgresql://keeper:s3cret@db/gongji"\n'


def test_a_password_must_not_be_readable(file: Path) -> None:
    """A file with a password that others can read is a problem, and it is not repeated."""
    result = check(file, ADDRESSED)
    (row,) = tables(result)["problems"]
    assert ("2", "serve.database") == (row["row"], row["field"])
    assert "chmod 0600" in row["problem"]
    assert "s3cret" not in result.output
    file.chmod(0o600)
    assert 0 == gongji("config", "check", file).exit_code


def shown_in(result: Result) -> dict[tuple[str, str], tuple[str, str]]:
    """Return value and origin of each option, by table and key."""
    return {
        (row["section"], row["option"]): (row["setting"], row["origin"])
        for row in tables(result)["settings"]
    }


def test_what_is_in_force_and_where_from(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment comes before the file, the file before the default; of a command's
    own options those that are set; passwords are hidden wherever they come from."""
    file.write_text(
        f'{ADDRESSED}workers = 3\npin = ["a=b"]\n[statement]\nside = "account"\n'
        f'[plugins]\nanqing = "sha256:{"0" * 64}"\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("GONGJI_WORKERS", "4")
    monkeypatch.setenv("GONGJI_TARGET", "db:1")

    result = gongji("--json", "config", "show", file)

    shown = shown_in(result)
    assert {
        ("client", "target"): ("db:1", "环境变量 GONGJI_TARGET"),
        ("client", "ca"): ("", "默认"),
        ("serve", "workers"): ("4", "环境变量 GONGJI_WORKERS"),
        ("serve", "database"): ("postgresql://keeper:***@db/gongji", f"{file}:2"),
        ("serve", "pin"): ("a=b", f"{file}:4"),
        ("serve", "address"): ("127.0.0.1:50051", "默认"),
        ("output", "lang"): ("zh", "默认"),
        ("statement", "side"): ("account", f"{file}:6"),
        ("plugins", "anqing"): (f"sha256:{'0' * 64}", f"{file}:8"),
    }.items() <= shown.items()
    assert ("statement", "month") not in shown
    assert "s3cret" not in result.output


def test_the_file_of_the_program_is_shown(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an argument it is the file that commands would read; a password of the
    environment is hidden as well."""
    file.write_text("[serve]\nworkers = 3\n", encoding="utf-8")
    monkeypatch.setenv("GONGJI_CONFIG", str(file))
    monkeypatch.setenv("GONGJI_DATABASE", "postgresql://db/x?password=s3cret")
    result = gongji("config", "show")
    assert f"3\t{file}:2" in result.output
    assert "postgresql://db/x?password=***" in result.output
    assert "s3cret" not in result.output


def test_a_file_at_fault_is_not_shown(file: Path) -> None:
    """What is not understood is not in force."""
    file.write_text(AT_FAULT, encoding="utf-8")
    result = gongji("config", "show", file)
    assert 1 == result.exit_code
    assert "gongji config check" in result.output
