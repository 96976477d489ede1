"""When those turned away should come again: one after the other, so that turning them
away costs little."""

from __future__ import annotations

import re
import secrets
import traceback
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import structlog

from gongji.model.refusals import MalformedField, Refusal
from gongji.rpc import status
from gongji.rpc.method import CALLER_KEY, CallFailed, Calling

ANONYMOUS: Final = "anonymous"

_CALLER: Final = re.compile(r"[A-Za-z0-9._-]{1,60}")


@dataclass(slots=True)
class Call:
    """One call as its log line tells it; `request_id` only once it is known to be a UUID."""

    method: str
    started: float
    caller: str = ANONYMOUS
    request_id: str = ""

    @property
    def name(self) -> str:
        """The method's own name, e.g. "Settle"; no two services share one."""
        return self.method.rpartition("/")[2]


class Outcomes:
    """How calls end: told in the log, a line each; who is turned away for now gets a
    turn to come again."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("gongji.rpc")
        self._turns = RetrySchedule()

    def unread(self, path: str, calling: Calling, refusal: Refusal) -> CallFailed:
        """The end of a call that is refused whatever it asks; a caller who gives no
        proper name hears of that."""
        call = Call(path.removeprefix("/"), perf_counter())
        try:
            call.caller = _named(calling.caller)
        except Refusal as malformed:
            refusal = malformed
        return self.refused(call, refusal)

    def refused(self, call: Call, refusal: Refusal) -> CallFailed:
        """The end of a refused call."""
        again = isinstance(refusal, status.RETRYABLE)
        ms = self._turns.wait_ms(perf_counter() * 1000) if again else 0
        return self.ended(call, status.of_refusal(refusal, ms))

    def late(self, call: Call) -> CallFailed:
        """The end of a call whose time ran out."""
        return self.ended(call, status.of_deadline())

    def failed(self, call: Call, fault: Exception) -> CallFailed:
        """The end of a call by a fault, logged by its type and place only: its own text
        may quote personal data."""
        error_id = secrets.token_hex(6)
        places = [
            f"{f.filename.rpartition('gongji/')[2]}:{f.lineno}"
            for f in traceback.extract_tb(fault.__traceback__)
        ]
        self._log.error(
            "fault",
            error_id=error_id,
            method=call.method,
            error=type(fault).__name__,
            places=places,
        )
        return self.ended(call, status.of_fault(error_id))

    def ended(self, call: Call, told: status.Status) -> CallFailed:
        """The end of a call that has this status."""
        self.tell(call, told.code.name, told.reason)
        return CallFailed(told)

    def tell(self, call: Call, code: str, reason: str = "") -> None:
        """The line of a call."""
        self._log.info(
            "call",
            method=call.method,
            code=code,
            reason=reason,
            caller=call.caller,
            request_id=call.request_id,
            ms=round((perf_counter() - call.started) * 1000, 2),
        )


def _named(caller: str | None) -> str:
    """The caller's name as the call states it. MalformedField where it is no name."""
    if caller is None:
        return ANONYMOUS
    if _CALLER.fullmatch(caller):
        return caller
    raise MalformedField(
        f"元数据 {CALLER_KEY} 须为 1 至 60 个字母、数字、点、下划线或连字符",
        field=CALLER_KEY,
    )


SOONEST_MS: Final = 500

LATEST_MS: Final = 10_000

APART_MS: Final = 5
"""Refusing a call costs about a third of serving it: 200 of them a second leave nearly
everything to those served."""


class RetrySchedule:
    """Hands out moments to come again, `APART_MS` apart; used by one thread."""

    def __init__(self) -> None:
        self._last_ms = 0.0

    def wait_ms(self, now_ms: float) -> int:
        """How long the next one should wait, given the time of any steady clock."""
        at = max(now_ms + SOONEST_MS, min(self._last_ms + APART_MS, now_ms + LATEST_MS))
        self._last_ms = at
        return round(at - now_ms)
