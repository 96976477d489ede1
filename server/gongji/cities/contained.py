"""What a plugin's own code does stays with the plugin, whatever it raises."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOBase
from pathlib import Path
from types import FrameType
from typing import Final, TextIO

from gongji.cities.guards import PluginProblem, quoted

_SHOWN: Final = 500
"""Characters of a fault's own text that are told."""


@contextmanager
def contained(doing: str, *passing: type[Exception]) -> Iterator[None]:
    """Run a plugin's code; whatever it raises is a PluginProblem that begins with `doing`.

    PluginProblem and `passing` pass, and KeyboardInterrupt if the user sent it: one that
    the plugin raises by itself is a fault like any other. What it prints goes to
    standard error, and neither stream can be closed.
    """
    passes: tuple[type[Exception], ...] = (PluginProblem, *passing)
    with _interrupts() as sent:
        try:
            with _lent_output():
                yield
        except passes:
            raise
        # CancelledError, SystemExit, GeneratorExit and a package's own outcomes too:
        # none of them may end the server, or keep other cities from serving.
        except BaseException as error:
            if sent:
                raise KeyboardInterrupt from None
            raise PluginProblem(f"{doing}：{_told(error)}") from error


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Note the interrupts (Ctrl-C) that really come, and pass them on.

    One that the plugin's code swallowed is raised at the end: KeyboardInterrupt.
    """
    sent: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    # Another thread gets none; an ignored signal, or a foreign handler, is left alone.
    if threading.current_thread() is not threading.main_thread() or not callable(
        before
    ):
        yield sent
        return

    def note(number: int, frame: FrameType | None) -> None:
        sent.append(number)
        before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield sent
    finally:
        signal.signal(signal.SIGINT, before)
    if sent and before is signal.default_int_handler:
        raise KeyboardInterrupt


@contextmanager
def _lent_output() -> Iterator[None]:
    """Put a stream that cannot be closed in place of the program's own, by all names."""
    names = ("stdout", "stderr", "__stdout__", "__stderr__")
    before = {name: getattr(sys, name) for name in names}
    lent = _Lent(sys.stderr)
    try:
        for name in names:
            setattr(sys, name, lent)
        yield
    finally:
        for name, stream in before.items():
            setattr(sys, name, stream)


def _told(error: BaseException) -> str:
    """Return an exception with the file and line it came from, whatever it does itself.

    What it says is quoted, as the words of others.
    """
    kind = type(error).__name__
    try:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f" ({Path(frame.filename).name}:{frame.lineno})"
        said = str(error)[:_SHOWN].strip()
        words = f"：{quoted(said)}" if said else ""
    except BaseException:  # noqa: BLE001 - an exception's own __str__ may raise anything
        return f"{kind}（其说明无法读出）"
    return f"{kind}{words}{place}"


class _Lent(TextIOBase):
    """A stream that a plugin may write to and cannot close."""

    def __init__(self, under: TextIO | None) -> None:
        self._under = under

    def writable(self) -> bool:
        """Return that it may be written to."""
        return True

    def write(self, text: str, /) -> int:
        """Write to the stream below, if there is one."""
        if self._under is not None and not self._under.closed:
            self._under.write(text)
        return len(text)

    def fileno(self) -> int:
        """Return the descriptor of the stream below. OSError if it has none."""
        if self._under is None:
            raise OSError
        return self._under.fileno()

    def close(self) -> None:
        """Do nothing: the stream is not the plugin's."""
