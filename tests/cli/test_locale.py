"""What the command says is UTF-8 and whole, whatever locale and encoding its surroundings have."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.national.messages import SETTLE, request
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
    "tables": (("--json", "cities"), 0),
    "a refusal": (("guide", "nowhere"), 1),
    "a refusal that repeats Chinese": (("guide", "无此城市"), 1),
    "a file with a Chinese name": (("import", "没有/这个文件.csv"), 1),
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


@pytest.mark.sampled(4)
@pytest.mark.parametrize("surroundings", SURROUNDINGS.values(), ids=SURROUNDINGS)
@pytest.mark.parametrize(("arguments", "status"), COMMANDS.values(), ids=COMMANDS)
def test_the_same_is_said_everywhere(
    arguments: tuple[str, ...], status: int, surroundings: Mapping[str, str]
) -> None:
    """Output and exit code are those of a UTF-8 terminal."""
    expected = _said(arguments, (("PYTHONUTF8", "1"),))

    assert status == expected[0]
    assert expected == _said(arguments, tuple(surroundings.items()))


@pytest.mark.parametrize("surroundings", SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_a_message_is_read_again(
    surroundings: Mapping[str, str], tmp_path: Path
) -> None:
    """What the command writes of a message is UTF-8 and it reads it again, whatever the
    surroundings; that a system hands over in GB18030 it reads as well."""
    message = request("2207", SETTLE, opter_name="王五", fixmedins_name="滁州示例医院")
    text = json.dumps(message, ensure_ascii=False)
    national, ours = tmp_path / "2207.json", tmp_path / "ours.json"
    national.write_text(text, encoding="gb18030")
    code, converted, _ = _converted(national, surroundings)
    ours.write_text(converted, encoding="utf-8")
    again, back, _ = _converted(ours, surroundings)

    assert (0, 0) == (code, again)
    assert message == json.loads(back)


def _converted(path: Path, surroundings: Mapping[str, str]) -> tuple[int, str, str]:
    return _said(("national", "convert", str(path)), tuple(surroundings.items()))
