"""Whoever writes to standard error, it is lines of JSON, and nothing personal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from gongji.rpc.call_line import stamp
from gongji.serve.logs import LogLines
from gongji.serve.stray import stray_events, told

from tests.canary.planted import PLANTED, forms
from tests.patience import PATIENCE_S

BEGIN = """
import asyncio, faulthandler, gc, logging, os, subprocess, sys, threading, warnings
from gongji.serve import logs

async def fail_in_the_loop():
    asyncio.get_running_loop().call_soon(lambda: 1 / 0)
    await asyncio.sleep(0)
"""


def told_apart(text: str) -> bool:
    """Whether a text is a person's by its form alone: no word of letters and a few digits."""
    return not text.isascii() or text.removesuffix("X").isdigit()


PERSON = "赵某某 341199198001019997"

NOISES = {
    "C library": ("os.write(2, b'WARNING: 341199198001019997 of absl\\n')", "stray"),
    "half a line": ("os.write(2, b'no end')", "stray"),
    "no text": ("os.write(2, bytes(range(128, 256)) + b'\\n')", "stray"),
    "print": ("print('to nobody', file=sys.stderr)", "stray"),
    "warning": ("warnings.warn('old', DeprecationWarning, stacklevel=1)", "library"),
    "thread": (
        "t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()",
        "fault",
    ),
    "destructor": (
        "class C:\n        def __del__(self): raise ValueError(PERSON)\n    C(); gc.collect()",
        "fault",
    ),
    "task": (
        "asyncio.run(fail_in_the_loop())",
        "library",
    ),
    "library": (
        "logging.getLogger('psycopg').warning('ignored in rollback')",
        "library",
    ),
    "dump": ("faulthandler.dump_traceback(2)", "stray"),
    "child": (
        "subprocess.run([sys.executable, '-c', 'raise ValueError(chr(36213))'])",
        "stray",
    ),
    "crash of a child": (
        "subprocess.run([sys.executable, '-X', 'faulthandler', '-c', 'import os; os.abort()'])",
        "stray",
    ),
    "defect": ("raise RuntimeError(PERSON)", "fault"),
    "flood": ("os.write(2, b'x' * 200 + b'\\n' * 5000)", "stray"),
}


def noise(code: str) -> list[dict[str, Any]]:
    """Make a noise where only lines may be; return the lines."""
    script = f"{BEGIN}\nPERSON = {PERSON!r}\nwith logs.only_lines():\n    {code}\n"
    ended = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-X", "utf8", "-W", "always", "-c", script],
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=PATIENCE_S,
    )
    lines = ended.stderr.splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(("code", "event"), NOISES.values(), ids=NOISES)
def test_every_noise_is_a_line(code: str, event: str) -> None:
    """Each way of writing to standard error ends as an event, without what is personal."""
    lines = noise(code)
    assert event in {line["event"] for line in lines}
    text = json.dumps(lines, ensure_ascii=False)
    assert "赵" not in text
    assert "341199198001019997" not in text


def test_a_traceback_is_one_event() -> None:
    """Of a traceback its places and the error's type are told, in one line."""
    (line,) = [one for one in noise(NOISES["child"][0]) if one["event"] == "stray"]
    assert ("ValueError", ["<string>:1"]) == (line["error"], line["places"])
    assert "Traceback (most recent call last):" == line["text"]


@pytest.mark.parametrize("what", [w for w, t in PLANTED.items() if told_apart(t)])
def test_no_form_of_what_is_personal_is_told(what: str) -> None:
    """Names, certificates and phones are left out of what a library says however they
    are written: escaped, as hexadecimal digits, in base64, within a URL."""
    for form in forms(PLANTED[what]):
        said = f"cannot read {form.decode('latin-1')} of row 3 (errno 104)"
        line = told(said)
        assert form.decode("latin-1") not in line, form
        assert ("cannot read ", True) == (
            line[:12],
            line.endswith("of row 3 (errno 104)"),
        )


def test_what_a_command_tells_is_left_to_it() -> None:
    """A failure known to the command comes out as it was, behind the lines."""
    script = f"{BEGIN}\nwith logs.only_lines(ValueError):\n    raise ValueError('so')\n"
    ended = subprocess.run(  # noqa: S603 - our own
        [sys.executable, "-c", script],
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert ended.stderr.endswith("ValueError: so\n")


def test_errors_one_after_another_are_events_of_their_own() -> None:
    """Lines that begin at the margin begin an event; what is indented belongs to it."""
    lines = [
        "Traceback (most recent call last):",
        '  File "/x/gongji/store/base.py", line 12, in f',
        "    f(赵)",
        "psycopg.errors.UniqueViolation: Key (no)=(341199198001019997) exists.",
        "",
        "E0000 00:00:1764 server.cc:12] Timeout",
    ]
    assert [
        {
            "text": "Traceback (most recent call last):",
            "places": ["store/base.py:12"],
            "error": "psycopg.errors.UniqueViolation",
        },
        {"text": "E0000 00:00:1764 server.cc:12] Timeout"},
    ] == list(stray_events(lines))


def test_nobody_waits_for_a_reader_that_takes_nothing() -> None:
    """A full pipe loses lines, which are counted, and keeps nobody waiting."""
    reading, writing = os.pipe()
    lines = LogLines(writing)
    for _ in range(1000):
        lines.write(b"x" * 1000)
    assert 900 < lines._lost < 1000
    os.close(reading)
    os.close(writing)


def test_instants_are_written_alike() -> None:
    """An instant is ISO 8601 in UTC, to the microsecond."""
    assert len("2026-11-30T05:54:00.000001+00:00") == len(stamp())
