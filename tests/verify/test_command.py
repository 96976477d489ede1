"""What `gongji verify` says as it goes, and how it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from gongji.cli import verify as command
from gongji.cli.terminal import Terminal
from gongji.cli.verify import VerifyProgress
from gongji.verify.finding import PHASE_OF
from gongji.verify.run import TaskProgress
from rich.console import Console

from tests.cli.command import gongji


def done(stage: str, number: int) -> TaskProgress:
    """Return that so many of twenty tasks of a stage are done."""
    return TaskProgress(PHASE_OF[stage], stage, number, 20)


def test_lines_of_json_in_a_service(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody watches there is a line of JSON every five seconds, of the last task."""
    ticks = count()
    tell = VerifyProgress(Terminal(), lambda: float(next(ticks)))
    for number in range(1, 12):
        tell(done("join", number))
    tell.end()
    captured = capsys.readouterr()
    assert "" == captured.out
    lines = [json.loads(line) for line in captured.err.splitlines()]
    assert [5, 10] == [line["done"] for line in lines]
    for line in lines:
        assert line.pop("timestamp").endswith("+00:00")
        expected = {"event": "verifying", "phase": "rows", "stage": "join", "total": 20}
        assert expected == {name: line[name] for name in expected}


def test_one_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A person sees one line, drawn over, which is gone when the phase is told."""
    monkeypatch.setenv("TERM", "xterm")
    drawn = io.StringIO()
    terminal = Terminal()
    monkeypatch.setattr(
        terminal, "errors", Console(file=drawn, force_terminal=True, width=80)
    )
    tell = VerifyProgress(terminal)
    for number in range(15, 21):
        tell(done("join", number))
    tell.end()
    shown = drawn.getvalue()
    assert "各行与日志" in shown
    assert "100%" in shown
    assert "\n" not in shown.rstrip().splitlines()[-1]
    assert "{" not in shown


def test_what_a_program_reads(
    lived_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The result is one document on standard output, the way to it lines on the other."""
    monkeypatch.setattr(command, "_EVERY_S", 0.0)
    result = gongji(
        "--json",
        "verify",
        "--data",
        lived_file,
        "--jobs",
        "1",
        "--work",
        tmp_path / "w",
    )
    assert 0 == result.exit_code
    document = json.loads(result.stdout)
    phases = {phase["phase"]: phase for phase in document["phases"]}
    assert list(phases) == ["file", "log", "rows", "sums", "decisions"]
    assert all(phase["count"] and not phase["findings"] for phase in phases.values())
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    assert set(PHASE_OF) == {line["stage"] for line in lines}


def test_what_a_person_reads(data: Path, tmp_path: Path) -> None:
    """Each phase a line; what does not hold is named, and the exit code says so."""
    arguments = ("verify", "--data", data, "--jobs", "1", "--work", tmp_path / "work")
    result = gongji(*arguments)
    assert 0 == result.exit_code
    assert 5 == result.stdout.count("，相符\n")
    assert "只证明到" in result.stdout


SLOW = """
import signal
import sys
from gongji.cli import main
from gongji.verify import run
def slow(self, stage, tell, do=run._Run._do):
    do(self, stage, tell)
    if stage == "leaves":
        print("half-way", file=sys.stderr, flush=True)
        import time
        time.sleep(60)
run._Run._do = slow
if __name__ == "__main__":
    # Whoever is started in the background is deaf to it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
"""


def test_interrupted(lived_file: Path, tmp_path: Path) -> None:
    """Ctrl-C says that nothing is decided, with another exit code, and can be resumed."""
    script, work = tmp_path / "slow.py", tmp_path / "work"
    script.write_text(SLOW, encoding="utf-8")
    options = ("--data", lived_file, "--jobs", "2", "--work", work)
    interrupted = subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, script, "verify", *options],
        stderr=subprocess.PIPE,
        text=True,
        # Ctrl-C is of a whole group.
        start_new_session=True,
    )
    assert interrupted.stderr is not None
    assert "half-way\n" in iter(interrupted.stderr.readline, "")
    os.killpg(interrupted.pid, signal.SIGINT)
    _, told = interrupted.communicate(timeout=60)
    assert (130, "核对中断，还没有结论；以 --resume 接着做\n") == (
        interrupted.returncode,
        told,
    )
    again = gongji("verify", *options, "--resume")
    assert 0 == again.exit_code
    assert "开始而中断的核对做完，没有再看" in again.stdout
