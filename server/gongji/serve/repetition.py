"""Repeated events: one line of a kind at a time, the others counted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, Final, TypeAlias

from gongji.serve.events import EVENTS, EVERY_S, LogEvent

Fields: TypeAlias = dict[str, Any]
"""An event as structlog has it: its name under `event`."""

_MOST_KINDS: Final = 1000
"""Kinds told apart at once; beyond them only names are."""

_Kind: TypeAlias = tuple[str, ...]


class _Window:
    """The events of one kind that came since one was written."""

    __slots__ = ("count", "held", "until")

    def __init__(self, until: float) -> None:
        self.until = until
        self.count = 0
        self.held: Fields = {}


class Repetition:
    """Lets one event of a kind pass in `EVERY_S`, then the last of the others.

    That one says by `repeated` for how many it stands, and comes by itself: whatever
    the log said last of a kind is so.
    """

    def __init__(
        self, write: Callable[[Fields], None], now: Callable[[], float] = monotonic
    ) -> None:
        """Call `write`, maybe in another thread, with what was held back."""
        self._write = write
        self._now = now
        self._windows: dict[_Kind, _Window] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def passes(self, fields: Fields) -> bool:
        """Return whether an event is to be written now; it is held back if not."""
        event = EVENTS.get(fields["event"], _UNKNOWN)
        with self._lock:
            now = self._now()
            kind = self._kind(event, fields, now)
            window = self._windows.get(kind)
            if window is None or (window.until <= now and not window.count):
                self._windows[kind] = _Window(now + EVERY_S)
                return True
            for name in event.adds:
                fields[name] = fields.get(name, 0) + window.held.get(name, 0)
            window.count += 1
            window.held = fields
            if self._timer is None:
                self._wake_in(window.until - now)
            return False

    def release(self, *, all_: bool = False) -> None:
        """Write what was held back long enough, or all of it."""
        told: list[Fields] = []
        with self._lock:
            now = self._now()
            for kind, window in list(self._windows.items()):
                if window.count and (all_ or window.until <= now):
                    told.append({**window.held, "repeated": window.count})
                    # It is written now: the next one waits again.
                    self._windows[kind] = _Window(now + EVERY_S)
            self._timer = None
            waiting = [one.until for one in self._windows.values() if one.count]
            if waiting:
                self._wake_in(min(waiting) - now)
        for fields in told:
            self._write(fields)

    def _kind(self, event: LogEvent, fields: Fields, now: float) -> _Kind:
        name: str = fields["event"]
        if len(self._windows) >= _MOST_KINDS:
            self._windows = {
                kind: window
                for kind, window in self._windows.items()
                if window.count or window.until > now
            }
        if len(self._windows) >= _MOST_KINDS:
            return (name,)
        return (name, *(str(fields.get(each)) for each in event.each))

    def _wake_in(self, seconds: float) -> None:
        self._timer = threading.Timer(max(seconds, 0.0), self.release)
        # It holds up no exit.
        self._timer.daemon = True
        self._timer.start()


_UNKNOWN: Final = LogEvent("", "", (), "")
"""An event of another package."""
