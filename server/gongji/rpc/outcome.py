"""How calls end: one log line each, and when a rejected caller should retry."""

from __future__ import annotations

import secrets
import traceback
from dataclasses import dataclass
from itertools import count
from time import perf_counter
from typing import Final

import structlog

from gongji.access.identity import ANONYMOUS
from gongji.model.access import Accesses
from gongji.model.refusals import Exhausted, Refusal
from gongji.rpc import status
from gongji.rpc.accessed import FIELDS
from gongji.rpc.call_line import CallLine, call_log, stamp
from gongji.rpc.method import Calling
from gongji.rpc.origin import NOWHERE, CallOrigin
from gongji.rpc.permission import NO_PERMIT, Permit
from gongji.rpc.spans import span_seam
from gongji.rpc.status import Status
from gongji.rpc.watching import call_watch
from gongji.store.timing import JobTiming

SOONEST_MS: Final = 500

LATEST_MS: Final = 10_000

# Refusing a call costs about a third of serving it: 200 of them a second leave nearly
# everything to those served.
APART_MS: Final = 5


_PROCESS: Final = secrets.token_hex(4)

_numbers = count()


def _serial() -> str:
    """Return what tells a row of this process from all others of one instant."""
    return f"-{_PROCESS}-{next(_numbers):x}"


@dataclass(slots=True)
class Call:
    """One call as its log line shows it; `request_id` is set once known to be a UUID.

    `subject` is a keyed hash, and `city` and `settlement` what it was about: each "" if
    that is not known. Sizes are those of the messages, in bytes. `timings` are those of
    its jobs if it is sampled.
    """

    method: str
    started: float
    caller: str = ANONYMOUS
    origin: CallOrigin = NOWHERE
    request_id: str = ""
    subject: str = ""
    city: str = ""
    settlement: str = ""
    bytes_in: int = 0
    bytes_out: int = 0
    error_id: str = ""
    timings: list[JobTiming] | None = None
    permit: Permit = NO_PERMIT
    touched: Accesses | None = None

    @property
    def accesses(self) -> Accesses:
        """The people whose data it touches; made when the first is noted."""
        if self.touched is None:
            permit, name = self.permit, self.name
            subject = permit.subject
            look = (
                self.caller,
                permit.caller.kind.value,
                permit.identity.credential,
                subject.person_no,
                int(subject.identification or 0),
                int(subject.purpose or 0),
                name,
                FIELDS.get(name, ""),
                self.request_id.lower(),
            )
            self.touched = Accesses(look, _serial)
        return self.touched

    @property
    def about(self) -> str:
        """The city that decided, or else in which something was shown; "" if none."""
        return self.city or self.permit.place

    @property
    def name(self) -> str:
        """The method's own name, e.g. "Settle"; no two services share one."""
        return self.method.rpartition("/")[2]


class Outcomes:
    """Logs how each call ends and makes the status of those that fail."""

    def __init__(self) -> None:
        self._log = structlog.get_logger("gongji.rpc")
        self._retries = RetrySchedule()

    def reject(self, path: str, calling: Calling, refusal: Refusal) -> Status:
        """Return the status of a call that is refused before its request is read."""
        caller = calling.identity.caller
        call = Call(path.removeprefix("/"), perf_counter(), caller, calling.origin)
        return self.refused(call, refusal)

    def refused(self, call: Call, refusal: Refusal) -> Status:
        """Return the status of a refused call: a denial while it may not be told more."""
        refusal = call.permit.told(refusal)
        note_unmet(call, refusal)
        retry_ms = 0
        if isinstance(refusal, status.RETRYABLE):
            known = refusal.retry_ms if isinstance(refusal, Exhausted) else 0
            retry_ms = known or self._retries.wait_ms(perf_counter() * 1000)
        return self._logged(call, status.of_refusal(refusal, retry_ms))

    def timed_out(self, call: Call) -> Status:
        """Return the status of a call whose time ran out."""
        return self._logged(call, status.of_deadline())

    def faulted(self, call: Call, fault: Exception) -> Status:
        """Return the status of a call by a defect of ours, logged under an error id."""
        call.error_id = error_id = secrets.token_hex(6)
        # Type and place only: the exception's own text may quote personal data.
        self._log.error(
            "fault",
            error_id=error_id,
            method=call.method,
            error=type(fault).__name__,
            places=places_of(fault),
        )
        return self._logged(call, status.of_fault(error_id))

    def log(self, call: Call, code: str, reason: str = "") -> None:
        """Write the log line of a call."""
        # hot path: once a call.
        call_log.write(
            CallLine(
                stamp(),
                call.method,
                code,
                reason,
                call.caller,
                call.origin.peer,
                call.subject,
                call.about,
                call.settlement,
                call.request_id,
                call.bytes_in,
                call.bytes_out,
                round((perf_counter() - call.started) * 1000, 2),
                call.origin.trace,
                call.error_id,
            )
        )
        if call.timings is not None:
            span_seam.spans.tell(call, code, reason)

    def _logged(self, call: Call, ended: Status) -> Status:
        self.log(call, ended.code.name, ended.reason)
        call_watch.watcher.refused(ended.reason, call.about)
        return ended


def note_unmet(call: Call, refusal: Refusal) -> None:
    """Note whose rules a call did not meet, and which."""
    call.city = call.city or refusal.area_code
    if refusal.conditions:
        hooks = [condition.hook for condition in refusal.conditions]
        call_watch.watcher.unmet(call.about, hooks)


def places_of(fault: BaseException) -> list[str]:
    """Return the files and lines a fault passed, from our package on."""
    frames = traceback.extract_tb(fault.__traceback__)
    return [f"{f.filename.rpartition('gongji/')[2]}:{f.lineno}" for f in frames]


class RetrySchedule:
    """Hands out moments to retry, `APART_MS` apart; not thread-safe."""

    def __init__(self) -> None:
        self._last_ms = 0.0

    def wait_ms(self, now_ms: float) -> int:
        """Return how long the next caller should wait; `now_ms` of any steady clock."""
        # One after the other, so that they do not all return in the same instant;
        # beyond the latest moment they share one, rather than wait ever longer.
        next_ms = min(self._last_ms + APART_MS, now_ms + LATEST_MS)
        self._last_ms = max(now_ms + SOONEST_MS, next_ms)
        return round(self._last_ms - now_ms)
