"""The current time by which decisions are made: the machine's, or a sandbox's own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final

import structlog

from gongji.rules.codes import SHANGHAI

Clock = Callable[[], datetime]

STEP_S: Final = 2.0
"""A step of the clock of more seconds is told."""

FARTHEST_S: Final = 24 * 3600.0
"""A step forward of more seconds is not followed."""

EARLIEST: Final = date(2022, 7, 1)
"""The first day on which the service may start: that of the rules' first revision."""

LATEST: Final = date(2099, 12, 31)
"""The last day on which the service may start."""

LONGEST_REST: Final = timedelta(days=400)
"""The service may start so long after the last instant on record."""

LONGEST_QUIET: Final = timedelta(days=31)
"""A command may write so long after it: a service may be running beside."""

APART: Final = timedelta(days=1)
"""The clocks of this machine and of the database's may differ by so much."""

_LOOK_S: Final = 1.0

_NS: Final = 1_000_000_000


def system_clock() -> datetime:
    """Return the machine's time, in Shanghai."""
    return datetime.now(SHANGHAI)


class SandboxClock:
    """A clock that can be set; it starts at the machine's time.

    It stands still unless it `runs`, by what has `passed` in seconds.
    """

    rewinds = True
    """A store need not commit at or after the latest instant on record."""

    def __init__(
        self,
        start: datetime | None = None,
        *,
        runs: bool = False,
        passed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._passed = passed
        self.set(start or system_clock(), runs=runs)

    def __call__(self) -> datetime:
        """Return the instant the clock shows."""
        if self._since is None:
            return self._now
        return self._now + timedelta(seconds=self._passed() - self._since)

    def set(self, now: datetime, *, runs: bool = False) -> None:
        """Move the clock, forward or back; it goes on from there if it `runs`."""
        self._now = now.astimezone(SHANGHAI)
        self._since = self._passed() if runs else None


class HeldClock:
    """The machine's time, never before what it has shown, nor far beyond what passed.

    Set back, it stands still until the machine's clock has caught up. Set forward by
    more than a day, it goes on as if it had not been, and `fault` says so.
    """

    def __init__(
        self,
        wall: Callable[[], int] = time.time_ns,
        passed: Callable[[], int] | None = None,
        *,
        tells: bool = True,
    ) -> None:
        """Read the machine's clock by `wall`, and by `passed` what passes whatever is set.

        Both in nanoseconds. One that does not `tell` logs nothing of steps.
        """
        self._tells = tells
        self._wall = wall
        self._passed = passed or _passed
        self._since = wall() - self._passed()
        self._refused = 0
        self._shown = 0
        self._behind = 0
        self.fault = ""
        """Why nothing may be committed; "" if the clock can be believed."""

    def __call__(self) -> datetime:
        """Return the instant it stands at, in Shanghai."""
        # hot path: several times a call.
        now, passed = self._wall(), self._passed()
        step = now - passed - self._since
        if self._refused or not -_STEP_NS <= step <= _STEP_NS:
            now = self._stepped(step, passed)
        else:
            # Corrected little by little, a clock is believed.
            self._since += step
        self._shown = max(self._shown, now)
        return datetime.fromtimestamp(self._shown / _NS, SHANGHAI)

    def not_before(self, instant: datetime) -> None:
        """Stand still until an instant that is on record."""
        self._shown = max(self._shown, round(instant.timestamp() * _NS))

    def _stepped(self, step: int, passed: int) -> int:
        """Tell a step, and return the time by which it goes on, in nanoseconds."""
        seconds = round((step - self._refused) / _NS, 3)
        if self._tells and abs(seconds) > STEP_S:
            structlog.get_logger().warning("clock_stepped", seconds=seconds)
        if passed + self._since >= self._shown:
            # It has caught up: what comes now undoes no step back.
            self._behind = 0
        if step < -_STEP_NS:
            # Where it would stand: it may not have been asked for long.
            self._shown = max(self._shown, passed + self._since)
        if step - self._behind > _FARTHEST_NS:
            self._refuse(step, seconds)
        else:
            self._refused, self.fault = 0, ""
            self._behind = max(0, self._behind - step)
            self._since += step
        return passed + self._since

    def _refuse(self, step: int, seconds: float) -> None:
        """Do not follow a step, and say why."""
        if self._tells and not self._refused:
            structlog.get_logger().error("clock_refused", seconds=seconds)
        self._refused = step
        days = step / _NS / 86_400
        self.fault = (
            f"服务所在机器的时钟忽然快了 {days:.1f} 天，暂不办理，以免记入错误的日期；"
            "请稍后用同一请求编号重试。"
        )

    async def watch(self) -> None:
        """Look at the machine's clock, for ever, so that a step is told when it happens."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self()


_STEP_NS: Final = int(STEP_S * _NS)

_FARTHEST_NS: Final = int(FARTHEST_S * _NS)


def _passed() -> int:
    """Return the nanoseconds since the machine started, asleep or awake."""
    # Elsewhere than on Linux what passes asleep counts as a step.
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if clock is None else time.clock_gettime_ns(clock)


def check_start(
    now: datetime,
    latest: datetime | None,
    accepted: date | None,
    *,
    rest: timedelta = LONGEST_REST,
    elsewhere: datetime | None = None,
) -> None:
    """Refuse to start by a clock that cannot be right. ValueError.

    `latest` is the last instant on record, None if there is none, and `rest` how long
    nothing may have been written; `elsewhere` is what another machine's clock says;
    `accepted` is the day that the operator says it is.
    """
    today = now.astimezone(SHANGHAI).date()
    wrong = (
        _wrong_day(today)
        or _wrong_after(now, latest, rest)
        or _wrong_beside(now, elsewhere)
    )
    if accepted and accepted != today:
        raise ValueError(f"--accept-clock 写的是 {accepted}，而本机时钟是 {today}")
    if wrong and not accepted:
        raise ValueError(
            f"本机时钟是 {today}，{wrong}：请校准时钟；"
            f"确认无误的，加 --accept-clock {today}"
        )


def check_command(latest: datetime | None, accepted: date | None) -> None:
    """Refuse that a command writes by a clock that cannot be right. As `check_start`."""
    check_start(system_clock(), latest, accepted, rest=LONGEST_QUIET)


def _wrong_day(today: date) -> str:
    """Return what is wrong with a day whatever is on record, "" if nothing is."""
    if EARLIEST <= today <= LATEST:
        return ""
    return f"不在 {EARLIEST} 至 {LATEST} 之内"


def _wrong_after(now: datetime, latest: datetime | None, rest: timedelta) -> str:
    """Return what is wrong with an instant after the last on record, "" if nothing is."""
    if latest is None:
        return ""
    last = f"库中最后的记录（{latest.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}）"
    if latest - now > timedelta(days=1):
        return f"早于{last}一天以上"
    if now - latest > rest:
        return f"晚于{last} {rest.days} 天以上"
    return ""


def _wrong_beside(now: datetime, elsewhere: datetime | None) -> str:
    """Return how far it is from another clock, "" if it is near, or there is none."""
    if elsewhere is None or abs(now - elsewhere) <= APART:
        return ""
    shown = elsewhere.astimezone(SHANGHAI)
    return f"与数据库所在机器的时钟（{shown:%Y-%m-%d %H:%M:%S}）相差一天以上"
