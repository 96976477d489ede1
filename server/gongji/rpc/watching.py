"""What whoever watches over a process is told of its calls (metrics)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from google.protobuf.message import Message


class CallWatcher(Protocol):
    """Hears how calls end; must neither wait nor fail.

    A city is an area code as far as it is known, "" if not; it may be anything that a
    caller wrote.
    """

    def refused(self, reason: str, city: str) -> None:
        """A call is refused, out of time, or ended by a defect of ours."""

    def unmet(self, city: str, hooks: Iterable[str]) -> None:
        """An application does not meet what these hooks of a city ask."""

    def answered(self, method: str, city: str, reply: Message) -> None:
        """A reply goes out, or one of several."""


class NobodyWatches:
    """Hears nothing."""

    def refused(self, reason: str, city: str) -> None:
        """Do nothing."""

    def unmet(self, city: str, hooks: Iterable[str]) -> None:
        """Do nothing."""

    def answered(self, method: str, city: str, reply: Message) -> None:
        """Do nothing."""


class CallWatch:
    """Who watches over the calls of this process."""

    watcher: CallWatcher = NobodyWatches()


call_watch: Final = CallWatch()
