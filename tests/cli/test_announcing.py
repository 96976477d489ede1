"""What a start says: text on a terminal, one line of the log in a service."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S

COMMAND = [sys.executable, "-m", "gongji", "serve", "--address", "127.0.0.1:0"]


def run_as_service(data: Path) -> tuple[list[dict[str, Any]], str]:
    """Start a server, end it once it serves; return its log and its standard output."""
    with subprocess.Popen(  # noqa: S603 - our own
        [*COMMAND, "--no-gateway", "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        events = []
        for line in process.stderr or ():
            events.append(json.loads(line))
            if events[-1]["event"] == "started":
                process.send_signal(signal.SIGTERM)
        assert process.stdout
        printed = process.stdout.read()
        assert 0 == process.wait(PATIENCE_S)
    return events, printed


def test_a_service_says_it_in_lines_of_the_log(tmp_path: Path) -> None:
    """Standard output stays empty, and each line of standard error is JSON: that it has
    started, with all that a terminal would show, that it stops, and that it has."""
    events, printed = run_as_service(tmp_path / "var")
    assert "" == printed
    names = [event["event"] for event in events]
    assert names.index("started") < names.index("stopping") < names.index("stopped")
    told = events[names.index("started")]
    assert {"huangshan", "anqing", "chuzhou"} <= {c["pinyin"] for c in told["cities"]}
    assert told["address"] in "".join(told["said"])
    assert "接纳：" in "".join(told["said"])


def test_a_terminal_is_shown_text(tmp_path: Path) -> None:
    """People read a table and sentences, and no event says it again."""
    controlling, terminal = pty.openpty()
    command = [*COMMAND, "--no-gateway", "--data", str(tmp_path / "var")]
    with subprocess.Popen(  # noqa: S603 - our own
        command, stdout=terminal, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        os.close(terminal)
        shown = ""
        while "ListCities" not in shown:
            shown += os.read(controlling, 4096).decode("utf-8", "replace")
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(PATIENCE_S)
        assert process.stderr
        assert '"started"' not in process.stderr.read()
    os.close(controlling)
    assert "滁州" in shown
    assert re.search(r"正在 127\.0\.0\.1:\d+ 服务", shown)
