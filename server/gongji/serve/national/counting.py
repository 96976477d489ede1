"""What is counted of messages (docs/metrics.md): which, what came of them, how long."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from gongji.serve.metrics.cells import OTHER, metrics
from gongji.serve.metrics.families import (
    NATIONAL_MESSAGES,
    NATIONAL_SECONDS,
    NATIONAL_TAKEN,
)
from gongji.serve.national.exchanges import EXCHANGES
from gongji.serve.national.handler import Handled


class MessageResult(StrEnum):
    """What came of a message."""

    DONE = "done"
    REFUSED = "refused"
    UNDECIDED = "undecided"
    MALFORMED = "malformed"
    GATE = "gate"
    BUSY = "busy"
    UNREAD = "unread"
    DEFECT = "defect"


_OF_REASONS: Final = {
    "MALFORMED": MessageResult.MALFORMED,
    "GATE": MessageResult.GATE,
    "INTERNAL": MessageResult.DEFECT,
    HTTPStatus.SERVICE_UNAVAILABLE.name: MessageResult.BUSY,
}

_WATCHED: Final = (MessageResult.UNDECIDED, MessageResult.DEFECT)
"""Results that stand on the page before they first come, so that they can be seen to rise."""


def result_of(handled: Handled) -> MessageResult:
    """Return what came of a message."""
    if handled.code == "0":
        return MessageResult.DONE
    if handled.undecided:
        return MessageResult.UNDECIDED
    if handled.reason in _OF_REASONS:
        return _OF_REASONS[handled.reason]
    # What is not read to its end has no number.
    return MessageResult.REFUSED if handled.infno else MessageResult.UNREAD


def watch_messages(taken: Callable[[], int]) -> None:
    """Let messages be counted by number and result, and those that are under way."""
    metrics.allow("infno", EXCHANGES.keys())
    metrics.allow("result", set(MessageResult))
    metrics.read(NATIONAL_TAKEN, lambda: {(): taken()})
    for infno in (*EXCHANGES, OTHER):
        for result in _WATCHED:
            metrics.counter(NATIONAL_MESSAGES, infno, result)


def count_message(handled: Handled, seconds: float) -> None:
    """Count a message that was answered."""
    metrics.counter(NATIONAL_MESSAGES, handled.infno, result_of(handled)).value += 1
    metrics.histogram(NATIONAL_SECONDS, handled.infno).observe(seconds)
