"""The port in a process of its own: it carries the calls, we answer them, and each has a core.

What gRPC costs a call is as much as all the rest; in one process both would take turns.
The gateway knows no rules and no data. Where it dies, calls in flight end as
UNAVAILABLE and another takes its place; where we die, so does it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gongji.rpc.method import Services
from gongji.serve import ipc, logs, supervisor
from gongji.serve.port import OpenPort
from gongji.v1 import (  # noqa: F401 - reflection describes what is loaded
    account_pb2,
    binding_pb2,
    city_pb2,
    registry_pb2,
    sandbox_pb2,
    settlement_pb2,
)


def pays() -> bool:
    """Whether this machine has a core for it, and the sockets it takes."""
    cores = (
        len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1
    )
    return cores > 1 and hasattr(socket, "AF_UNIX") and sys.platform != "win32"


@dataclass(frozen=True, slots=True)
class _Order:
    """What a gateway is told: where to listen, where to pass calls on, and what is offered."""

    address: str
    shared: bool
    folder: Path
    methods: tuple[tuple[str, bool, bool], ...]
    services: tuple[str, ...]
    healthy: tuple[str, ...]


class Gateway:
    """A port in a process of its own; see `rpc.port.Port`."""

    def __init__(self, offer: Services, address: str, *, shared: bool = False) -> None:
        self.address = address
        self._offer = offer
        self._shared = shared
        self._crew = supervisor.Supervisor(__name__, "gateway", 1, self._order)
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Begins to answer, and says so. OSError where the port is not ours to have."""
        self._folder = await self._stack.enter_async_context(
            ipc.answering(self._offer.methods)
        )
        self._stack.push_async_callback(self._crew.stop)
        try:
            self.address = await self._crew.start()
        except BaseException:
            await self._stack.aclose()
            raise
        keeping = asyncio.ensure_future(self._crew.keep())
        self._stack.push_async_callback(_cancelled, keeping)

    async def stop(self) -> None:
        """Says NOT_SERVING, takes no new calls, lets those in flight finish."""
        await self._stack.aclose()

    def _order(self, number: int) -> _Order:
        del number
        methods = tuple(
            (m.path, m.streams_in, m.streams_out) for m in self._offer.methods.values()
        )
        return _Order(
            self.address,
            self._shared,
            self._folder,
            methods,
            self._offer.services,
            self._offer.healthy,
        )


async def _cancelled(task: asyncio.Future[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))


async def _carry(
    order: _Order, up: Callable[[str], None], ending: asyncio.Future[None]
) -> None:
    """The gateway: carries calls until the end, or until nobody answers them any more."""
    logs.configure()
    carried = await ipc.carrying(order.folder, order.methods, partial(_vanish, order))
    offer = Services(carried.methods, order.services, order.healthy)
    port = OpenPort(offer, order.address, shared=order.shared, alive=carried.alive)
    await port.start()
    supervisor.freeze_gc()
    up(port.address)
    await asyncio.wait((ending,))
    await port.stop()


def _vanish(order: _Order) -> None:
    """Ends at once, since nobody answers any more, and with us the connections: calls
    in flight are UNAVAILABLE.

    A port that is closed in order would end those it has not begun as CANCELLED.
    """
    shutil.rmtree(order.folder, ignore_errors=True)  # nobody else is left to do it
    os._exit(1)


if __name__ == "__main__":
    supervisor.serve_as_member(_carry, bereft=_vanish)
