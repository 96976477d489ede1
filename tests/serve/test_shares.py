"""Fair shares: each caller has its own, whatever another does with his."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from gongji.access.callers import CallerLimits
from gongji.model.refusals import CallerOverLimit, Overloaded
from gongji.serve import descriptors
from gongji.serve import shares as under_test
from gongji.serve.descriptors import DescriptorCount
from gongji.serve.shares import CALLER_BYTES, Lease, Share, Shares
from structlog.testing import capture_logs

LIMITS = CallerLimits(calls=2, per_second=10, streams=1)


class StandingClock:
    """A clock that stands until it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class PortShares:
    """Shares as a port has them, and calls that last until they are ended."""

    def __init__(self, **most: Any) -> None:
        self.clock = StandingClock()
        self.shares = Shares(lambda _: LIMITS, now=self.clock, **most)

    async def begin(self, caller: str, *, stream: bool = False) -> LastingCall:
        """Begin a call. CallerOverLimit; Overloaded."""
        call = LastingCall(self.shares, caller, stream=stream)
        await call.begun()
        return call

    async def refused(self, caller: str, *, stream: bool = False) -> str:
        """Return the sentence with which a call is refused."""
        with pytest.raises((CallerOverLimit, Overloaded)) as refused:
            await self.begin(caller, stream=stream)
        return refused.value.message


class LastingCall:
    """A call with its lease."""

    def __init__(self, shares: Shares, caller: str, *, stream: bool) -> None:
        self._entered: asyncio.Future[Lease] = asyncio.Future()
        self._end = asyncio.Event()
        self._task = asyncio.create_task(self._last(shares, caller, stream=stream))

    async def begun(self) -> None:
        self.lease = await self._entered

    async def _last(self, shares: Shares, caller: str, *, stream: bool) -> None:
        try:
            lease = shares.enter(shares.of(caller), stream=stream)
        except (CallerOverLimit, Overloaded) as refusal:
            self._entered.set_exception(refusal)
            return
        self._entered.set_result(lease)
        await self._end.wait()

    async def end(self) -> None:
        self._end.set()
        await asyncio.wait([self._task])
        await asyncio.sleep(0)

    @property
    def cancelled(self) -> bool:
        return bool(self._task.cancelling()) or self._task.cancelled()


async def test_a_share_is_a_callers_own() -> None:
    """Beyond its calls a caller is refused, another is not; a place comes back at the end."""
    port = PortShares()
    first, _ = await port.begin("a"), await port.begin("a")
    assert "同时在办的调用已达其份额（2）" in await port.refused("a")
    await port.begin("b")
    await first.end()
    await port.begin("a")
    assert "同时在办的调用" in await port.refused("a")


async def test_streams_are_counted_by_themselves() -> None:
    """Streams take no place of plain calls, nor these of streams."""
    port = PortShares()
    stream = await port.begin("a", stream=True)
    assert "打开的流已达其份额（1）" in await port.refused("a", stream=True)
    await port.begin("a")
    await port.begin("a")
    await stream.end()
    await port.begin("a", stream=True)


async def test_a_rate_is_kept() -> None:
    """In a second a caller may begin so many calls, and so many more in the next."""
    port = PortShares()
    for _ in range(LIMITS.per_second):
        await (await port.begin("a")).end()
    assert "每秒的调用已达其份额（10）" in await port.refused("a")
    await port.begin("b")
    port.clock.now += 0.35
    for _ in range(3):
        await (await port.begin("a")).end()
    await port.refused("a")


async def test_bytes_have_a_rate() -> None:
    """Who has sent more than its bytes a second waits until they are made up for."""
    port = PortShares()
    call = await port.begin("a")
    call.lease.share.volume.take(3.5 * under_test.BYTES_PER_S)
    await call.end()
    port.clock.now += 1
    assert "每秒的报文字节数" in await port.refused("a")
    port.clock.now += 0.6
    await port.begin("a")


async def test_bytes_are_given_back_with_the_call() -> None:
    """Bytes are held by a call until it has ended, and bound its caller alone."""
    port = PortShares()
    call = await port.begin("a", stream=True)
    call.lease.hold(CALLER_BYTES + 1)
    port.clock.now += 1e6
    assert "在途报文的字节数" in await port.refused("a")
    await port.begin("b")
    await call.end()
    await port.begin("a")
    assert 0 == port.shares.bytes


@pytest.mark.parametrize("stream", [False, True])
async def test_all_callers_together_are_bounded(*, stream: bool) -> None:
    """However many callers there are, no more calls are under way than places."""
    port = PortShares(most_calls=3, most_streams=3)
    calls = [await port.begin(f"c{n}", stream=stream) for n in range(3)]
    assert "在办的调用已达上限" in await port.refused("c4", stream=stream)
    await calls[0].end()
    await port.begin("c4", stream=stream)


async def test_all_bytes_together_are_bounded() -> None:
    """However many callers there are, no more bytes are held than there is room for."""
    port = PortShares()
    for number in range(under_test.MAX_BYTES // CALLER_BYTES):
        call = await port.begin(f"c{number}")
        call.lease.hold(CALLER_BYTES)
    assert "在途的报文已达上限" in await port.refused("new")


async def test_new_limits_hold_at_once() -> None:
    """A policy read anew changes a share that is in use."""
    limits = {"a": LIMITS}
    shares = Shares(limits.__getitem__)
    assert 2 == shares.of("a").limits.calls
    limits["a"] = CallerLimits(calls=1)
    assert 1 == shares.of("a").limits.calls


WAITS: list[tuple[str, Callable[[Lease, float], None]]] = [
    ("a request", lambda lease, at: setattr(lease, "read_by", at)),
    ("a reply", lambda lease, at: setattr(lease, "taken_by", at)),
]


@pytest.mark.parametrize("wait", [wait for _, wait in WAITS], ids=[n for n, _ in WAITS])
async def test_who_keeps_us_waiting_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, wait: Callable[[Lease, float], None]
) -> None:
    """A call whose caller is waited for beyond its time is cancelled, no other."""
    monkeypatch.setattr(under_test, "WATCH_S", 0)
    port = PortShares()
    late, patient = await port.begin("a"), await port.begin("a")
    wait(late.lease, port.clock.now + 1)
    watch = asyncio.create_task(port.shares.watch())
    await asyncio.sleep(0.01)
    assert not late.cancelled
    port.clock.now += 1
    await asyncio.sleep(0.01)
    assert late.cancelled
    assert late.lease.overdue
    assert not patient.cancelled
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch


def test_refusals_are_held_back_from_who_does_not_wait() -> None:
    """As many as may come honestly are refused at once; of more, each waits."""
    share = Share("a", LIMITS, 0)
    prompt = [share.hold_back(0) for _ in range(under_test._PROMPT_REFUSALS + 10)]
    assert [False] * under_test._PROMPT_REFUSALS + [True] * 10 == prompt
    # And so many a second as the schedule lets return.
    later = [share.hold_back(1) for _ in range(under_test._PROMPT_REFUSALS_PER_S + 1)]
    assert [False] * under_test._PROMPT_REFUSALS_PER_S + [True] == later
    share.held = under_test._MOST_HELD
    assert not share.hold_back(1)


def test_the_log_names_a_greedy_caller_once_a_second() -> None:
    """However often it is refused, a caller has one line a second, with the count."""
    share = Share("a", LIMITS, 0)
    with capture_logs() as lines:
        for tenth in range(10, 31):
            share.refused(tenth / 10)
    counts: list[Any] = [(line["event"], line["refused"]) for line in lines]
    assert [("over_limit", 1), ("over_limit", 10), ("over_limit", 10)] == counts


async def test_streams_end_before_descriptors_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With few descriptors left streams are refused, told why, and plain calls go on."""
    monkeypatch.setattr(descriptors, "limit", lambda: descriptors.SPARE + 3)
    few = DescriptorCount()
    port = PortShares(descriptors=few)
    for caller in "abc":
        await port.begin(caller, stream=True)
    assert not few.short
    await port.begin("d", stream=True)
    assert "描述符不足" in await port.refused("e", stream=True)
    await port.begin("e")


def test_few_descriptors_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look counts those that are open, and is an event if hardly any is left."""
    used = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names alone
    monkeypatch.setattr(descriptors, "limit", lambda: used + descriptors.SPARE // 2)
    few = DescriptorCount()
    with capture_logs() as lines:
        few.look()
    assert few.short
    assert ["descriptors_short"] == [line["event"] for line in lines]


@pytest.mark.parametrize("limit", [32, 64, 128, 256, 1024, 65_536])
def test_callers_leave_the_service_what_it_needs(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However few there are, connections and streams leave some; of many, a reserve."""
    monkeypatch.setattr(descriptors, "limit", lambda: limit)
    taken = descriptors.most_connections() + descriptors.most_streams(1024)
    assert 0 < taken <= limit - min(descriptors.RESERVE, limit * 3 // 4)
