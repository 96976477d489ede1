"""What comes from elsewhere is text on every terminal: no markup, no link, no control."""

from __future__ import annotations

import ast
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gongji import cli
from gongji.cli.terminal import Terminal

from tests.cli.command import gongji
from tests.patience import PATIENCE_S

EVIL = "[/x] [link=http://x]y[/link] [red]z :smile: \x1b]8;;http://x\x07 \x9b31m \u202eab\x00"
TEXT = (
    "[/x] [link=http://x]y[/link] [red]z :smile: "
    r"\x1b]8;;http://x\x07 \x9b31m \u202eab\x00"
)
"""The same as it is shown."""

Output = Callable[[Terminal], None]


def _progress(terminal: Terminal) -> None:
    with terminal.progress(EVIL, 1) as step:
        step()


OUTPUTS: dict[str, Output] = {
    "a cell": lambda t: t.table("rows", [{"name": EVIL}], ["name"]),
    "a title": lambda t: t.table(EVIL, [], ["name"]),
    "a column": lambda t: t.table("rows", [{EVIL: 1}], [EVIL]),
    "a line": lambda t: t.say(EVIL),
    "a warning": lambda t: t.warn(EVIL),
    "a page": lambda t: t.page(EVIL),
    "a guide": lambda t: t.markdown(EVIL),
    "a label of progress": _progress,
}


@pytest.fixture(params=["a terminal", "a pipe"])
def terminal(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Terminal:
    """Our terminal, as on a screen and as in a pipe."""
    monkeypatch.setenv("COLUMNS", "400")
    if request.param == "a terminal":
        monkeypatch.setenv("FORCE_COLOR", "1")
    return Terminal()


@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_text_stays_text(
    terminal: Terminal, output: Output, capsys: pytest.CaptureFixture[str]
) -> None:
    """Wherever it is printed, it is readable, and no control of it is left."""
    output(terminal)
    printed = "".join(capsys.readouterr())
    assert not {"\x9b", "\u202e", "\x00", "\x07"} & set(printed)
    assert "\x1b]" not in printed
    if output is not _progress:
        assert TEXT in printed.replace("\x1b[1m", "").replace("\x1b[0m", "")


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON keeps the value, and holds no control."""
    Terminal(as_json=True).table("rows", [{"name": EVIL}], ["name"])
    printed = capsys.readouterr().out
    assert printed.removesuffix("\n").isprintable()
    assert {"rows": [{"name": EVIL}]} == json.loads(printed)


@pytest.mark.parametrize(
    ("on_terminal", "expected"), [(False, EVIL), (True, TEXT)], ids=["pipe", "terminal"]
)
def test_a_message_is_exact_in_a_pipe(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    expected: str,
    *,
    on_terminal: bool,
) -> None:
    """A message for another program is written as it is, but on a terminal as text."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: on_terminal)
    Terminal().message(f"a\t{EVIL}")
    assert f"a\t{expected}\n" == capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["guide", EVIL[:-1]], [f"x{EVIL[:-1]}"]])
def test_a_mistake_repeats_text(arguments: list[str]) -> None:
    """What was typed is repeated as text."""
    printed = gongji(*arguments).output
    assert not {"\x1b", "\x9b", "\u202e"} & set(printed)


def written_past() -> Iterator[str]:
    """Yield the places of the command where something else than the terminal prints."""
    for path in sorted(Path(cli.__file__).parent.rglob("*.py")):
        if path.name == "terminal.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in PRINTING:
                yield f"{path.name}:{node.lineno}"


PRINTING = {
    "print",
    "Console",
    "Progress",
    "click.echo",
    "click.secho",
    "click.style",
    "sys.stdout.write",
    "sys.stderr.write",
}


def test_all_goes_through_the_terminal() -> None:
    """No command prints by itself: what is escaped in one place is escaped everywhere."""
    assert [] == list(written_past())


GONE = {
    "much": ("check", "anqing"),
    "little": ("--json", "cities"),
    "a refusal after some lines": ("--json", "hooks", "nowhere", "--trace"),
    "a mistake": ("guide", "nowhere"),
    "help": ("--help",),
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("arguments", GONE.values(), ids=GONE)
@pytest.mark.parametrize("screen", [False, True], ids=["plain", "coloured"])
def test_a_reader_that_goes_away(arguments: tuple[str, ...], *, screen: bool) -> None:
    """Piped into `head` that has read enough, a command ends without a word."""
    reading, writing = os.pipe()
    os.close(reading)
    colour = {"FORCE_COLOR": "1"} if screen else {}
    with os.fdopen(writing, "wb") as gone:
        ended = subprocess.run(  # noqa: S603 - our own
            [sys.executable, "-m", "gongji", *arguments],
            stdout=gone,
            stderr=subprocess.PIPE,
            env={**os.environ, **colour},
            timeout=PATIENCE_S,
            check=False,
        )
    assert ended.returncode in {0, 1}
    assert b"Traceback" not in ended.stderr
    assert b"BrokenPipe" not in ended.stderr
    assert b"Errno" not in ended.stderr


def test_a_screen_that_closes() -> None:
    """A terminal that is closed while a command prints is a reader that went away."""
    ours, theirs = pty.openpty()
    started = subprocess.Popen(
        [sys.executable, "-m", "gongji", "check", "anqing"],
        stdout=theirs,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    os.close(ours)
    _, complaints = started.communicate(timeout=PATIENCE_S)
    assert b"Traceback" not in complaints
