"""docs/proof.md: every command a newcomer is told to type does what the page says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import gongji
from tests.cli.conftest import serving
from tests.cli.test_recompute import Settled, settled

__all__ = ["serving", "settled"]

ROOT = Path(__file__).parents[2]

PAGE = (ROOT / "docs" / "proof.md").read_text("utf-8")


def commands() -> list[str]:
    """Return every line of the page that is typed."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def typed(line: str, words: dict[str, str]) -> str:
    """Return what a command prints, which must succeed; keep what it is told to."""
    named = re.fullmatch(r"(\w+)=\$\((.*)\)", line)
    if named:
        words[named[1]] = typed(named[2], words).strip()
        return ""
    filled = re.sub(r"\$(\w+)", lambda name: words[name[1]], line)
    program, *arguments = shlex.split(filled)
    if program == "gongji":
        result = gongji(*arguments)
        assert 0 == result.exit_code, f"{line}: {result.output}"
        return result.stdout
    if program == "python":
        program, arguments[0] = sys.executable, str(ROOT / arguments[0])
    ran = subprocess.run(  # noqa: S603 - of our own page
        [program, *arguments], capture_output=True, encoding="utf-8", check=True
    )
    return ran.stdout


def test_every_command_of_the_page_holds(
    settled: Settled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In their order, beside a service, from an empty folder."""
    address, done = settled
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "GONGJI_TARGET", address)
    words = {"SETTLEMENT": done.settlement_id}
    told = "\n".join([typed(line, words) for line in commands()])
    for said in ("条记录与其叶相符", "续成", "前后一致", "叶与检查点相符"):
        assert said in told
    for file in ("settlement.json", "grown.json", "log.jsonl", "packet.pdf"):
        assert (tmp_path / file).stat().st_size
    assert "公钥取自所验的东西本身" not in told


def test_the_page_tells_of_every_part() -> None:
    """Keeping, proving, comparing, exporting, recomputing."""
    parts = ("log key", "log witness", "log prove", "log consistency", "log export")
    for part in (*parts, "log verify", "gongji verify", "recompute", "verify_packet"):
        assert any(part in line for line in commands()), part
