"""Commands in hints are printed as this program was called, so that they can be typed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from gongji.cli import main
from gongji.cli.installed import as_installed, own_command, tool_command

HINT = "请运行 gongji verify 查明"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment in a folder, not on the path, into which gongji was installed."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("gongji", "python", "buf"):
        program = programs / name
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.setattr(sys, "argv", [str(programs / "gongji")])
    return programs


@pytest.mark.usefixtures("installed")
def test_in_the_folder_of_the_environment() -> None:
    """Called by its path, it is shown by that path, from where one is."""
    assert ".venv/bin/gongji" == own_command()
    assert "请运行 .venv/bin/gongji verify 查明" == as_installed(HINT)
    assert ".venv/bin/buf" == tool_command("buf")


def test_elsewhere(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From another folder the whole path can be typed."""
    monkeypatch.chdir("/")
    assert str(installed / "gongji") == own_command()


def test_on_the_path(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the path its name is enough."""
    monkeypatch.setenv("PATH", str(installed))
    assert ("gongji", "buf") == (own_command(), tool_command("buf"))
    assert HINT == as_installed(HINT)


@pytest.mark.usefixtures("installed")
def test_another_of_that_name_is_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the name would call another installation, the path is shown."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "gongji").write_text("#!/bin/sh\n")
    (other / "gongji").chmod(0o755)
    monkeypatch.setenv("PATH", str(other))
    assert ".venv/bin/gongji" == own_command()


@pytest.mark.usefixtures("installed")
def test_as_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run as a module, it is shown as one, and once only."""
    monkeypatch.setattr(sys, "argv", ["/x/gongji/__main__.py", "verify"])
    shown = as_installed(HINT)
    assert "请运行 .venv/bin/python -m gongji verify 查明" == shown
    assert shown == as_installed(shown)


@pytest.mark.usefixtures("installed")
def test_a_path_with_a_blank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a shell would take for two words is quoted."""
    blank = tmp_path / "a b" / "gongji"
    blank.parent.mkdir()
    blank.write_text("")
    monkeypatch.setattr(sys, "argv", [str(blank)])
    assert "'a b/gongji'" == own_command()


UNCHANGED = [
    "gongji 0.1.0 正在 127.0.0.1:50051 服务",
    "pip install gongji",
    "/opt/gongji serve",
    "gongji-anqing 0.1.0",
    "gongji.token",
]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("text", UNCHANGED)
def test_what_is_no_command(text: str) -> None:
    """Names, files and paths that are no command of ours stay as they are."""
    assert text == as_installed(text)


@pytest.mark.usefixtures("installed")
def test_without_a_tool_beside_it() -> None:
    """A tool that was not installed with it is shown by its name."""
    assert "grpcurl" == tool_command("grpcurl")


@pytest.mark.usefixtures("installed")
def test_usage_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    """What a mistake in the arguments says to type, can be typed."""
    with pytest.raises(SystemExit):
        main(["statement"])
    said = capsys.readouterr().err
    assert said.startswith("Usage: .venv/bin/gongji statement ")
    assert "'.venv/bin/gongji statement --help'" in said
