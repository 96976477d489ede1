"""The log: one line of JSON a call or event, never with personal data, whoever says it.

What libraries log through `logging`, what Python warns of and what nobody catches become
such lines too; what is written to descriptor 2 past Python does by `stray`.
"""

from __future__ import annotations

import atexit
import faulthandler
import logging
import os
import select
import stat
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import msgspec
import structlog

from gongji.rpc.call_line import CallLine, call_log, stamp, through_structlog
from gongji.rpc.outcome import places_of
from gongji.serve import stray
from gongji.serve.repetition import Fields, Repetition

_json = msgspec.json.Encoder(enc_hook=str)


def configure() -> Repetition:
    """Set the log up for this process; may be called again.

    Return what holds repeated events back.
    """
    lines = LogLines(stray.log_descriptor())
    repetition = Repetition(lambda fields: lines.write(_encoded(fields)))
    atexit.register(repetition.release, all_=True)

    def line(_: object, level: str, event: structlog.typing.EventDict) -> bytes:
        fields: Fields = {**event, "level": level, "timestamp": stamp()}
        if not repetition.passes(fields):
            raise structlog.DropEvent
        return _encoded(fields)

    structlog.configure(
        processors=[line],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=True,
    )
    _take_calls(lines, line)
    _hear_libraries()
    return repetition


def _take_calls(lines: LogLines, processor: object) -> None:
    """Have the lines of calls written past structlog."""
    processors = structlog.get_config()["processors"]

    def write(call: CallLine) -> None:
        # hot path: once a call. Whoever takes structlog's events takes these too.
        if processors[0] is processor:
            lines.write(_json.encode(call))
        else:
            through_structlog(call)

    call_log.write = write


def _hear_libraries() -> None:
    root = logging.getLogger()
    if not any(isinstance(handler, _LibraryHandler) for handler in root.handlers):
        root.addHandler(_LibraryHandler(logging.WARNING))


@contextmanager
def only_lines(*known: type[Exception]) -> Iterator[None]:
    """Let standard error hold lines of the log alone for the block, whoever writes there.

    SystemExit, logged, instead of an exception that is not `known`: a defect of ours.
    """
    with stray.caught(_tell_stray):
        repetition = configure()
        try:
            with hooked():
                yield
        except known:
            raise
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is told in a line
            _tell_fault(fault)
            sys.exit(1)
        finally:
            repetition.release(all_=True)
    configure()


@contextmanager
def alike() -> Iterator[None]:
    """Let a child process log for the block as the process that started it."""
    if not stray.passed_descriptors():
        yield
        return
    # Read by another process, so also if this one crashes.
    faulthandler.enable(stray.STDERR)
    with stray.unblocked(), hooked():
        yield


@contextmanager
def hooked() -> Iterator[None]:
    """Log for the block what Python itself would print: warnings and uncaught exceptions."""
    logging.captureWarnings(capture=True)
    former = sys.excepthook, threading.excepthook, sys.unraisablehook
    sys.excepthook = _uncaught
    threading.excepthook = lambda caught: _tell_fault(caught.exc_value)
    sys.unraisablehook = lambda caught: _tell_fault(caught.exc_value)
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook, sys.unraisablehook = former
        logging.captureWarnings(capture=False)


def _uncaught(
    _: type[BaseException], fault: BaseException, __: TracebackType | None
) -> None:
    _tell_fault(fault)


def _tell_fault(fault: BaseException | None) -> None:
    # Type and places only: an exception's own text may quote personal data.
    if fault is not None and not isinstance(fault, SystemExit):
        structlog.get_logger().error(
            "fault", error=type(fault).__name__, places=places_of(fault)
        )


def _tell_stray(fields: dict[str, Any]) -> None:
    structlog.get_logger().warning("stray", **fields)


class _LibraryHandler(logging.Handler):
    """Logs a record of `logging` as an event `library`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the first line of its text, and an exception's type and places."""
        # The other lines, and an exception's text, may quote what was being answered.
        text = stray.told(record.getMessage())
        event: dict[str, object] = {"logger": record.name, "text": text}
        fault = record.exc_info[1] if record.exc_info else None
        if fault:
            event |= {"error": type(fault).__name__, "places": places_of(fault)}
        structlog.get_logger().log(record.levelno, "library", **event)


class LogLines:
    """A descriptor for log lines that may fail: then lines are lost, and no call.

    Nobody waits for a reader that takes nothing.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lost = 0
        self._poll = _poll_of(descriptor)
        self.info = self.warning = self.error = self.critical = self.msg = self.write

    def write(self, line: bytes) -> None:
        """Write a line if that is possible now."""
        # hot path: once a call. A pipe that is ready takes 4,096 bytes whole.
        if self._poll is None or self._poll(0):
            try:
                os.write(self._descriptor, line + b"\n")
            except OSError:  # the disk is full or the reader has gone
                self._lost += 1
                return
            if self._lost:
                self._tell_lost()
        else:
            self._lost += 1

    def _tell_lost(self) -> None:
        count, self._lost = self._lost, 0
        structlog.get_logger().warning("lines_lost", count=count)


def _poll_of(descriptor: int) -> Callable[[int], Sequence[object]] | None:
    """Return what tells whether a descriptor takes a line now; None if it always does."""
    try:
        kind = os.fstat(descriptor).st_mode
    except OSError:  # the process was started without one
        return None
    if stat.S_ISREG(kind) or not hasattr(select, "poll"):
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return poll.poll


def _encoded(fields: Fields) -> bytes:
    """Return an event as JSON; an exception that came with it by type and places."""
    fault = fields.pop("exc_info", None)
    if isinstance(fault, BaseException):
        fields |= {"error": type(fault).__name__, "places": places_of(fault)}
    return _json.encode(fields)
