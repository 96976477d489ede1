"""What a service tells systemd, if that started it (sd_notify(3))."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from contextlib import suppress
from typing import Final

SOCKET: Final = "NOTIFY_SOCKET"
"""Variable of the environment: where systemd listens."""

WATCHDOG: Final = "WATCHDOG_USEC"
"""Variable of the environment: how often it must hear of us, in microseconds."""


def notify(**states: str | int) -> None:
    """Tell systemd states, such as READY=1; nothing without it."""
    address = os.environ.get(SOCKET, "")
    if not address or not hasattr(socket, "AF_UNIX"):
        return
    lines = "\n".join(f"{name}={value}" for name, value in states.items())
    # Whoever supervises us may have gone: that is no fault of ours.
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        # @ stands for the byte of a name that is in no folder.
        place = f"\0{address[1:]}" if address.startswith("@") else address
        out.sendto(lines.encode(), place)


async def keep_watchdog() -> None:
    """Tell systemd twice in each span it waits that the loop runs, for ever."""
    span_s = int(os.environ.get(WATCHDOG) or 0) / 1_000_000
    while span_s:
        notify(WATCHDOG=1)
        await asyncio.sleep(span_s / 2)


def answer_reloads(within_s: float) -> None:
    """On SIGHUP tell systemd that files are read again, and that they are.

    Every process looks at them by itself within so many seconds. Without systemd the
    signal ends the service, as when its terminal is closed.
    """
    if SOCKET not in os.environ:
        return
    loop = asyncio.get_running_loop()

    def reload() -> None:
        moment = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        notify(RELOADING=1, MONOTONIC_USEC=moment)
        loop.call_later(within_s, lambda: notify(READY=1))

    loop.add_signal_handler(signal.SIGHUP, reload)
