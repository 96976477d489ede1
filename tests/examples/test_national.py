"""docs/national.md: every command a newcomer is told to type does what the page says."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.examples.shell import ROOT, Shell, free_port, shell

PAGE = (ROOT / "docs" / "national.md").read_text("utf-8")

BLOCKS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def typing(tmp_path: Path) -> Iterator[Shell]:
    """A shell in an empty folder; the service listens elsewhere, too."""
    at, first = f"127.0.0.1:{free_port()}", free_port()
    own = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GONGJI_ADDRESS": at,
        "GONGJI_TARGET": at,
        "GONGJI_NATIONAL_SERVE_ADDRESS": f"127.0.0.1:{first}",
    }
    with shell(tmp_path, {"8306": first, "8307": free_port()}, own) as opened:
        yield opened


def test_every_command_of_the_page_holds(typing: Shell) -> None:
    """In their order, from an empty folder: each message is answered, and 2207 sent twice
    settles once."""
    lines = [line for block in BLOCKS for line in typing.type(block)]
    replies: list[dict[str, Any]] = [
        json.loads(line) for line in lines if line.startswith("{")
    ]
    replies = [reply for reply in replies if "infcode" in reply]
    assert [] == [reply for reply in replies if reply["infcode"] != 0]
    assert [
        *("signinoutb", "baseinfo", "trtinfo", "setlinfo", "setlinfo", "setlinfo"),
        *("cuminfo", "setlinfo", "", "signinoutb"),
    ] == [next(iter(reply["output"]), "") for reply in replies]
    assert any("中心无此结算" in line for line in lines)
