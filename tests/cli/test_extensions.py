"""Commands that other packages add to `gongji`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from gongji.cli import ENTRY_POINTS

from tests.cli.command import gongji

BROUGHT = {
    "greet": (
        "import click\n\n\n@click.command()\ndef command():\n    click.echo('您好')\n",
        0,
        "您好",
    ),
    "raises": ("raise RuntimeError('没有装好')\n", 1, "RuntimeError：「没有装好」"),
    "no-command": ("command = 1\n", 1, "不是命令"),
}
"""A package's code by the name of its command, the exit code and what is printed."""


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, installed as one distribution."""
    lines = [f"[{ENTRY_POINTS}]"]
    for name, (source, _, _) in BROUGHT.items():
        module = f"brought_{name.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
        lines.append(f"{name} = {module}:command")
    info = tmp_path / "brought-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: brought\nVersion: 1\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("brought")
@pytest.mark.parametrize("name", BROUGHT)
def test_brought_command(name: str) -> None:
    """An added command runs; one that cannot be loaded says why, in one line."""
    _, code, message = BROUGHT[name]
    result = gongji(name, "--whatever") if code else gongji(name)
    assert code == result.exit_code
    assert message in result.output


@pytest.mark.usefixtures("brought")
def test_others_are_not_disturbed() -> None:
    """The help lists all of them beside our own, and our own run."""
    listing = gongji("--help")
    names = re.findall(r"^  ([\w-]+)", listing.output, re.MULTILINE)
    assert 0 == listing.exit_code
    assert {*BROUGHT, "serve", "conformance"} <= set(names)


def test_core_does_not_import_them() -> None:
    """Nothing is loaded before it is called."""
    code = "import sys, gongji.__main__; print('gongji_conformance' in sys.modules)"
    run = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    assert "False" == run.stdout.strip()
