"""The log line of a call, and where such lines go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from time import time_ns
from typing import Any, Final, TypeAlias

import structlog
from msgspec import Struct
from msgspec.structs import asdict

_NS: Final = 1_000_000_000


class CallLine(Struct, tag_field="event", tag="call"):
    """One call as its line shows it, nothing personal; see `outcome.Call`."""

    timestamp: str
    method: str
    code: str
    reason: str
    caller: str
    peer: str
    subject: str
    city: str
    settlement: str
    request_id: str
    bytes_in: int
    bytes_out: int
    ms: float
    trace: str
    error_id: str
    level: str = "info"


WriteLine: TypeAlias = Callable[[CallLine], None]


def through_structlog(line: CallLine) -> None:
    """Log a line as any other event."""
    fields: dict[str, Any] = asdict(line)
    del fields["timestamp"], fields["level"]
    structlog.get_logger().info("call", **fields)


class CallLog:
    """Where the lines of this process's calls go."""

    def __init__(self) -> None:
        # Measured: structlog's own way costs 4 µs of a line's 7.
        self.write: WriteLine = through_structlog


call_log: Final = CallLog()

_cached = (-1, "")
"""The last second a line was written in, and how it is written."""


def stamp() -> str:
    """Return the instant as a line has it, in UTC with microseconds."""
    # hot path: the date and the second are written once a second.
    global _cached  # noqa: PLW0603 - a cache
    now, rest = divmod(time_ns(), _NS)
    # At once: other threads write lines too.
    second, prefix = _cached
    if now != second:
        prefix = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        _cached = now, prefix
    return f"{prefix}.{rest // 1000:06d}+00:00"
