"""What the command says is UTF-8 and whole, whatever locale and encoding its surroundings have."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache

import pytest

from tests.patience import PATIENCE_S

SURROUNDINGS = {
    "a locale without Chinese": {
        "LC_ALL": "POSIX",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    },
    "an encoding of Chinese offices": {"PYTHONIOENCODING": "gbk"},
    "an encoding without Chinese": {"PYTHONIOENCODING": "latin-1"},
}
COMMANDS = {
    "a guide": (("guide", "chuzhou"), 0),
    "tables, and a plugin run in processes of its own": (
        ("--json", "check", "huangshan"),
        0,
    ),
    "a refusal": (("guide", "nowhere"), 1),
}


@cache
def _said(
    arguments: tuple[str, ...], more: tuple[tuple[str, str], ...]
) -> tuple[int, str, str]:
    """Return exit code, output and complaints of a command, read as UTF-8."""
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LC_", "PYTHON"))
    }
    ended = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-m", "gongji", *arguments],
        env={**plain, **dict(more)},
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return ended.returncode, ended.stdout.decode(), ended.stderr.decode()


@pytest.mark.parametrize("surroundings", SURROUNDINGS.values(), ids=SURROUNDINGS)
@pytest.mark.parametrize(("arguments", "status"), COMMANDS.values(), ids=COMMANDS)
def test_the_same_is_said_everywhere(
    arguments: tuple[str, ...], status: int, surroundings: Mapping[str, str]
) -> None:
    """Output and exit code are those of a UTF-8 terminal."""
    expected = _said(arguments, (("PYTHONUTF8", "1"),))

    assert status == expected[0]
    assert expected == _said(arguments, tuple(surroundings.items()))
