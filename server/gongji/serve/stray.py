"""What others write to standard error, made lines of the log: C libraries, the interpreter.

    anybody ── descriptor 2 ── pipe ──▶ a thread of the first process ──▶ event `stray`
    our log ── a descriptor of its own ────────────────────────────────▶ standard error

Child processes inherit both: of one that crashes at once all is still read.
"""

from __future__ import annotations

import io
import os
import re
import select
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

LOG_DESCRIPTOR: Final = "GONGJI_LOG_DESCRIPTOR"
"""Variable of the environment: where the log goes while descriptor 2 is a pipe."""

STDERR: Final = 2
"""The descriptor of standard error, whatever `sys.stderr` is."""

_READ_BYTES: Final = 65_536

_TOGETHER_S: Final = 0.05
"""Seconds within which what is written belongs together, such as a traceback."""

_MOST_TEXT: Final = 200

_MOST_PLACES: Final = 40

# Nothing personal: neither names nor numbers of people, phones or certificates, nor what
# may stand for them: escapes of Python, JSON and URLs, hexadecimal digits, base64.
_UNTOLD: Final = re.compile(
    r"[^\x20-\x7e]+"
    r"|\d{7,}"
    r"|(?:\\[uUxN][0-9A-Fa-f{]|\\[0-7]{3}|%[0-9A-Fa-f]{2})\S*"
    r"|[0-9A-Fa-f]{12,}"
    r"|(?=[A-Za-z+]*\d)(?=[a-z0-9+]*[A-Z])[A-Za-z0-9+]{10,}[A-Za-z0-9+/=]*"
)

_PLACE: Final = re.compile(r'^\s*File "([^"]+)", line (\d+)')

_TRACEBACK: Final = "Traceback (most recent call last)"

_ERROR: Final = re.compile(r"^[A-Za-z_][\w.]*")


def told(text: str) -> str:
    """Return the first line of a text of others, without what may be personal."""
    line, _, _ = text.strip().partition("\n")
    return _UNTOLD.sub("…", line)[:_MOST_TEXT]


def place(path: str, line: int | str | None) -> str:
    """Return a place in a source: of ours from the package on."""
    return f"{path.rpartition('gongji/')[2]}:{line}"


def stray_events(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the fields of an event for each thing that was said in some lines.

    Of a traceback its places and the error's type, never the error's text.
    """
    event: dict[str, Any] = {}
    for line in filter(str.strip, lines):
        if found := _PLACE.match(line):
            places = event.setdefault("places", [])
            if len(places) < _MOST_PLACES:
                places.append(place(*found.groups()))
        elif line[0].isspace() and event:
            continue
        elif event.get("text", "").startswith(_TRACEBACK) and "error" not in event:
            error = _ERROR.match(line)
            event["error"] = error[0] if error else ""
        else:
            if event:
                yield event
            event = {"text": told(line)}
    if event:
        yield event


def passed_descriptors() -> tuple[int, ...]:
    """Return what a child process needs besides the first three: the log's descriptor."""
    kept = os.environ.get(LOG_DESCRIPTOR)
    return (int(kept),) if kept else ()


def log_descriptor() -> int:
    """Return where the log of this process is written."""
    return next(iter(passed_descriptors()), STDERR)


@contextmanager
def caught(tell: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """Catch for the block what anybody writes to standard error; `tell` each event.

    To be called by the first process of a service, before any other is started.
    """
    if not hasattr(select, "poll"):  # such as Windows
        yield
        return
    kept = os.dup(STDERR)
    reading, writing = os.pipe()
    # Never waited for: what nobody has read in time is lost.
    os.set_blocking(writing, False)
    os.dup2(writing, STDERR)
    os.close(writing)
    os.environ[LOG_DESCRIPTOR] = str(kept)
    ending = threading.Event()
    reader = threading.Thread(target=_read, args=(reading, tell, ending), daemon=True)
    reader.start()
    try:
        with unblocked():
            yield
    finally:
        os.dup2(kept, STDERR)
        del os.environ[LOG_DESCRIPTOR]
        ending.set()
        reader.join()
        os.close(reading)
        # `kept` stays open: loggers that know its number may live on.


@contextmanager
def unblocked() -> Iterator[None]:
    """Let for the block nobody who prints to `sys.stderr` fail, or wait for its reader."""
    former = sys.stderr
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(_Unblocked(STDERR, "wb", closefd=False)),
        encoding="utf-8",
        errors="backslashreplace",
        line_buffering=True,
    )
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
        sys.stderr = former


class _Unblocked(io.FileIO):
    """A descriptor that takes what it can."""

    def write(self, data: Any) -> int:
        """Write what there is room for; say that it was all."""
        with suppress(OSError):
            super().write(data)
        return len(data)


def _read(
    reading: int, tell: Callable[[dict[str, Any]], None], ending: threading.Event
) -> None:
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    while True:
        if not poll.poll(100):
            # Processes that outlive us may still hold the pipe: its end may never come.
            if ending.is_set():
                return
            continue
        data = os.read(reading, _READ_BYTES)
        if not data:
            return
        while len(data) < _READ_BYTES and poll.poll(_TOGETHER_S * 1000):
            more = os.read(reading, _READ_BYTES)
            if not more:
                break
            data += more
        for event in stray_events(data.decode(errors="replace").splitlines()):
            tell(event)
