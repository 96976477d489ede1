"""One JSON line a call on standard error, by the fastest renderer; never personal data."""

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
    """Sets structlog up for the process; again and again does no harm."""
    stream = sys.__stderr__
    structlog.configure(
        processors=[_line],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(
            file=cast("BinaryIO", LogLines(cast("BinaryIO", stream.buffer)))
            if stream
            else None
        ),
        cache_logger_on_first_use=True,
    )


class LogLines:
    """Where lines go; a log that cannot be written, its disk full or its reader gone,
    loses lines and no call."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, line: bytes) -> None:
        """Writes a line if it can."""
        with suppress(OSError, ValueError):  # ValueError: it is closed
            self._file.write(line)

    def flush(self) -> None:
        """Sends on what was written, if it can."""
        with suppress(OSError, ValueError):
            self._file.flush()


def _line(_: object, level: str, event: structlog.typing.EventDict) -> bytes:
    """The event as a line, in one step: a chain of processors costs three times as much."""
    event["level"] = level
    event["timestamp"] = datetime.now(UTC).isoformat()
    if event.get("exc_info"):
        event = structlog.processors.format_exc_info(None, level, event)
    return _json.encode(event)
