"""Commands other packages bring to `gongji`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from gongji.cli import ENTRY_POINTS, main

BROUGHT = {
    "greet": (
        "import click\n\n\n@click.command()\ndef command():\n    click.echo('您好')\n",
        0,
        "您好",
    ),
    "raises": ("raise RuntimeError('没有装好')\n", 1, "RuntimeError: 没有装好"),
    "no-command": ("command = 1\n", 1, "不是命令"),
}
"""What a package brings under a name, the exit code and what is said."""


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
    """A command another package brings runs; one that cannot be loaded says why, in one line."""
    _, code, told = BROUGHT[name]
    result = CliRunner().invoke(main, [name, "--whatever"] if code else [name])
    assert code == result.exit_code
    assert told in result.output


@pytest.mark.usefixtures("brought")
def test_others_are_not_disturbed() -> None:
    """The help lists all of them beside our own, and our own run."""
    listed = CliRunner().invoke(main, ["--help"])
    named = {
        line.split()[0]
        for line in listed.output.splitlines()
        if line.startswith("  ") and line.strip()
    }
    assert 0 == listed.exit_code
    assert set() == {*BROUGHT, "serve", "conformance"} - named


def test_core_does_not_import_them() -> None:
    """Nothing is loaded before it is asked for."""
    told = "import sys, gongji.__main__; print('gongji_conformance' in sys.modules)"
    run = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", told], capture_output=True, text=True, check=True
    )
    assert "False" == run.stdout.strip()
