"""The log: one JSON line a call on standard error, never with personal data.

What libraries log through `logging`, such as asyncio and gRPC, becomes such a line too.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO, cast

import msgspec
import structlog

from gongji.rpc.outcome import places_of

_json = msgspec.json.Encoder(enc_hook=str)


def configure() -> None:
    """Set structlog up for this process; may be called again."""
    stream = sys.__stderr__  # None if the process was started without one
    lines = LogLines(cast("BinaryIO", stream.buffer)) if stream else None
    structlog.configure(
        processors=[_line],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(cast("BinaryIO | None", lines)),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    if not any(isinstance(handler, _LibraryHandler) for handler in root.handlers):
        root.addHandler(_LibraryHandler(logging.WARNING))


class _LibraryHandler(logging.Handler):
    """Logs a record of `logging` as an event `library`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the first line of its text, and an exception's type and places."""
        # The other lines, and an exception's text, may quote what was being answered.
        line, _, _ = record.getMessage().partition("\n")
        event: dict[str, object] = {"logger": record.name, "text": line}
        fault = record.exc_info[1] if record.exc_info else None
        if fault:
            event |= {"error": type(fault).__name__, "places": places_of(fault)}
        structlog.get_logger().log(record.levelno, "library", **event)


class LogLines:
    """A file for log lines that may fail: then lines are lost, and no call."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, line: bytes) -> None:
        """Write a line if that is possible."""
        # OSError: the disk is full or the reader has gone. ValueError: it is closed.
        with suppress(OSError, ValueError):
            self._file.write(line)

    def flush(self) -> None:
        """Flush what was written if that is possible."""
        with suppress(OSError, ValueError):
            self._file.flush()


def _line(_: object, level: str, event: structlog.typing.EventDict) -> bytes:
    """Return an event as one line of JSON."""
    # hot path: measured, a chain of processors costs three times as much.
    event["level"] = level
    event["timestamp"] = datetime.now(UTC).isoformat()
    if event.get("exc_info"):
        event = structlog.processors.format_exc_info(None, level, event)
    return _json.encode(event)
