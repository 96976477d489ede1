"""Fair shares (份额): how much each caller may have under way, kept where calls come in.

    enter ──▶ Lease ──▶ released when gRPC has sent the last of its call
       │        └─ read, written: bytes held, and since when the caller is waited for
       └─ CallerOverLimit, Overloaded: told when to come again

A caller that comes again too early, again and again, is answered no sooner than it was
told: its refusals are held back, so that asking without pause costs us nothing.
"""

# One port of one process keeps the shares of what comes to it: with several workers a
# caller has its share of each.

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import structlog

from gongji.access.callers import CallerLimits
from gongji.model.refusals import CallerOverLimit, Exhausted, Overloaded
from gongji.rpc.outcome import RetrySchedule
from gongji.serve.descriptors import DescriptorCount
from gongji.serve.metrics.calls import CallerMetrics

MAX_CALLS: Final = 4096
"""Plain calls in flight at once, of all callers."""

MAX_STREAMS: Final = 1024
"""Streams open at once, of all callers; each takes a descriptor here and in the service."""

MAX_BYTES: Final = 256 * 1024 * 1024
"""Bytes of requests and replies held at once, of all callers."""

CALLER_BYTES: Final = 16 * 1024 * 1024
"""Bytes of requests and replies held at once, of one caller.

What is passed on to the service goes over one connection, one after the other.
"""

BYTES_PER_S: Final = 16 * 1024 * 1024
"""Bytes of plain calls' requests that one caller may send in a second, on average."""

READ_S: Final = 20.0
"""Seconds in which the request of a plain call must have come."""

PAUSE_S: Final = 60.0
"""Seconds a stream may pause before its next request, or a reply wait to be taken."""

NO_DESCRIPTORS: Final = "服务的描述符不足，暂不接新的流；请稍后用同一请求编号重试。"

WATCH_S: Final = 1.0
"""Seconds between two looks for calls that wait too long."""

# What honest callers may take while they wait: far more than ever refused at once, and
# then one each time the schedule lets one return.
_PROMPT_REFUSALS: Final = 2048
_PROMPT_REFUSALS_PER_S: Final = 200

_MOST_HELD: Final = 4096
"""Refusals of one caller held back at once; one more is answered at once."""

_TOLD_EVERY_S: Final = 1.0

_KEPT_SHARES: Final = 10_000
"""Callers remembered; names are free in a sandbox."""


class _Bucket:
    """Tokens that come at a steady rate, up to so many; there may be a debt."""

    __slots__ = ("_at", "_level", "most", "per_s")

    def __init__(self, per_s: float, most: float, now: float) -> None:
        self.per_s = per_s
        self.most = self._level = most
        self._at = now

    def level(self, now: float) -> float:
        """Return how many tokens there are."""
        self._level = min(self.most, self._level + (now - self._at) * self.per_s)
        self._at = now
        return self._level

    def take(self, count: float) -> None:
        """Take tokens, whether they are there or not."""
        self._level -= count


class Share:
    """What one caller has under way."""

    def __init__(self, caller: str, limits: CallerLimits, now: float) -> None:
        self.caller = caller
        self.limits = limits
        self.calls = self.streams = self.bytes = self.held = 0
        # A second's worth may come at once.
        self.rate = _Bucket(limits.per_second, limits.per_second, now)
        self.volume = _Bucket(BYTES_PER_S, 2 * BYTES_PER_S, now)
        self.prompt = _Bucket(_PROMPT_REFUSALS_PER_S, _PROMPT_REFUSALS, now)
        self.retries = RetrySchedule()
        self.counted = CallerMetrics(caller)
        self._refused = 0
        self._told_at = 0.0

    def check(self, now: float, *, stream: bool) -> None:
        """Refuse what is more than the share. CallerOverLimit."""
        limits = self.limits
        if stream and self.streams >= limits.streams:
            raise _over("打开的流", limits.streams)
        if not stream and self.calls >= limits.calls:
            raise _over("同时在办的调用", limits.calls)
        self.check_bytes()
        if self.rate.level(now) < 1:
            raise _over("每秒的调用", limits.per_second)
        if self.volume.level(now) < 0:
            raise _over("每秒的报文字节数", BYTES_PER_S)
        self.rate.take(1)

    def check_bytes(self) -> None:
        """Refuse what comes while more bytes are held than may be. CallerOverLimit."""
        if self.bytes > CALLER_BYTES:
            raise _over("在途报文的字节数", CALLER_BYTES)

    def refused(self, now: float) -> None:
        """Count a refusal, and log how many there were at most once a second."""
        self.counted.over_limit.value += 1
        self._refused += 1
        if now - self._told_at >= _TOLD_EVERY_S:
            structlog.get_logger().warning(
                "over_limit", caller=self.caller, refused=self._refused
            )
            self._refused, self._told_at = 0, now

    def hold_back(self, now: float) -> bool:
        """Return whether a refusal is to wait until the moment it names."""
        if self.prompt.level(now) >= 1:
            self.prompt.take(1)
            return False
        return self.held < _MOST_HELD

    @property
    def idle(self) -> bool:
        """Return whether nothing of the caller is under way."""
        return not (self.calls or self.streams or self.held)


class Lease:
    """The part of a share that one call takes until it has ended."""

    __slots__ = (
        "_bytes",
        "_shares",
        "overdue",
        "read_by",
        "share",
        "stream",
        "taken_by",
        "task",
    )

    def __init__(
        self, shares: Shares, share: Share, task: asyncio.Task[Any], *, stream: bool
    ) -> None:
        self._shares = shares
        self.share = share
        self.stream = stream
        self.task = task
        self._bytes = 0
        self.read_by: float | None = None
        """Until when a request is waited for, by `Shares.now`; None if none is."""
        self.taken_by: float | None = None
        """Until when a reply may wait to be taken; None if none does."""
        self.overdue = False
        """Whether the caller was waited for in vain, and the call cancelled."""

    def late(self, now: float) -> bool:
        """Return whether the caller has been waited for too long."""
        if self.read_by is not None and self.read_by <= now:
            return True
        return self.taken_by is not None and self.taken_by <= now

    def hold(self, size: int) -> None:
        """Count bytes that are held until the call has ended."""
        self._bytes += size
        self.share.bytes += size
        self._shares.bytes += size

    def release(self, _: object = None) -> None:
        """Give everything back."""
        self.share.bytes -= self._bytes
        self._shares.bytes -= self._bytes
        self._bytes = 0
        self._shares.leave(self)


class Shares:
    """The shares of all callers of one port."""

    def __init__(
        self,
        limits_of: Callable[[str], CallerLimits],
        *,
        most_calls: int = MAX_CALLS,
        most_streams: int = MAX_STREAMS,
        descriptors: DescriptorCount | None = None,
        now: Callable[[], float] = monotonic,
    ) -> None:
        """Bound what callers have under way, and streams also by the descriptors left."""
        self._limits_of = limits_of
        self._most_calls = most_calls
        self._most_streams = most_streams
        self._descriptors = descriptors or DescriptorCount()
        self.now = now
        self.bytes = 0
        self._by_caller: dict[str, Share] = {}
        self._leases: dict[Lease, None] = {}
        self._streams = 0

    def of(self, caller: str) -> Share:
        """Return the share of a caller, by the limits it has now."""
        limits = self._limits_of(caller)
        share = self._by_caller.get(caller)
        if share is None:
            if len(self._by_caller) >= _KEPT_SHARES:
                self._forget_idle()
            share = self._by_caller[caller] = Share(caller, limits, self.now())
        elif share.limits is not limits and share.limits != limits:
            share.limits = limits
            share.rate = _Bucket(limits.per_second, limits.per_second, self.now())
        return share

    def enter(self, share: Share, *, stream: bool) -> Lease:
        """Return the lease of the current task's call. CallerOverLimit; Overloaded."""
        share.check(self.now(), stream=stream)
        if stream and self._descriptors.short:
            raise Overloaded(NO_DESCRIPTORS)
        streams, calls = self._streams, len(self._leases) - self._streams
        if streams >= self._most_streams if stream else calls >= self._most_calls:
            raise Overloaded("在办的调用已达上限，请稍后用同一请求编号重试。")
        if self.bytes >= MAX_BYTES:
            raise Overloaded("在途的报文已达上限，请稍后用同一请求编号重试。")
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call outside of any task")
        lease = Lease(self, share, task, stream=stream)
        self._leases[lease] = None
        share.counted.calls.value += 1
        if stream:
            self._streams += 1
            share.streams += 1
            self._descriptors.took()
        else:
            share.calls += 1
        # Once gRPC has sent the last of it, or the caller has gone.
        task.add_done_callback(lease.release)
        return lease

    def leave(self, lease: Lease) -> None:
        """Give back the place of a lease."""
        del self._leases[lease]
        if lease.stream:
            self._streams -= 1
            lease.share.streams -= 1
        else:
            lease.share.calls -= 1

    def in_flight(self) -> dict[str, int]:
        """Return how many calls and streams each caller has under way."""
        shares = self._by_caller.items()
        return {name: share.calls + share.streams for name, share in shares}

    async def watch(self) -> None:
        """Cancel, for ever, calls whose callers keep them waiting too long."""
        while True:
            await asyncio.sleep(WATCH_S)
            now = self.now()
            # One timer for all: one a call costs a sixth of it.
            for lease in list(self._leases):
                if not lease.overdue and lease.late(now):
                    lease.overdue = True
                    lease.task.cancel()

    def _forget_idle(self) -> None:
        self._by_caller = {
            name: share for name, share in self._by_caller.items() if not share.idle
        }


def _over(what: str, limit: int) -> Exhausted:
    return CallerOverLimit(
        f"本调用方{what}已达其份额（{limit}），请等到所示时刻，再用同一请求编号重试。"
    )
