"""The log: one JSON line a call on standard error, never with personal data."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import BinaryIO, cast

import msgspec
import structlog

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
