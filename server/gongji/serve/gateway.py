"""The gateway: the gRPC port in a process of its own, which passes calls on to the server.

gRPC costs a call as much as all the rest; in two processes each has a core of its own.
The gateway knows no rules and no data.
"""

# callers ── HTTP/2 ──▶ gateway process ── Unix sockets ──▶ server process
#                       port.OpenPort      (ipc.py)          services, store
#                       ipc.connect_ipc                      ipc.serve_ipc
#                            ▲                                   │
#                            └── started, replaced, ended by ────┘ (supervisor.py)
#
# States of a call at the gateway:
#
#   received ──▶ pending ──▶ replied     the server's reply goes to the caller
#      │            ├──────▶ failed      so does a refusal or fault, whole
#      │            ├──────▶ cancelled   the caller has gone: the server is told
#      │            └──────▶ lost        gateway or server died: UNAVAILABLE
#      └──▶ rejected        more than ipc.MAX_PENDING_CALLS, or the port is closing
#
# If the gateway dies, the server starts another on the same port. If the server dies,
# the gateway exits at once; see `_exit_now`.

from __future__ import annotations

import asyncio
import importlib
import os
import pkgutil
import shutil
import socket
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gongji import v1
from gongji.rpc.method import Services
from gongji.serve import ipc, logs, supervisor
from gongji.serve.authentication import Authenticator
from gongji.serve.port import PLAIN, OpenPort, PortOptions
from gongji.serve.watched import watch

# Reflection describes what is loaded, and nothing else here loads a proto.
for _module in pkgutil.iter_modules(v1.__path__, f"{v1.__name__}."):
    if _module.name.endswith("_pb2"):
        importlib.import_module(_module.name)


def worthwhile() -> bool:
    """Return whether this machine has a second core and Unix sockets."""
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    return cores > 1 and hasattr(socket, "AF_UNIX") and sys.platform != "win32"


@dataclass(frozen=True, slots=True)
class _Spec:
    """What a gateway process is started with."""

    address: str
    authenticator: Authenticator
    options: PortOptions
    folder: Path
    methods: tuple[ipc.MethodShape, ...]
    services: tuple[str, ...]
    healthy: tuple[str, ...]
    refused: tuple[str, ...]


class Gateway:
    """A port in a process of its own; see `port.Port`."""

    def __init__(
        self,
        services: Services,
        address: str,
        authenticator: Authenticator,
        options: PortOptions = PLAIN,
    ) -> None:
        self.address = address
        self._authenticator = authenticator
        self._services = services
        self._options = options
        self._supervisor = supervisor.Supervisor(__name__, "gateway", 1, self._spec)
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Start the gateway and keep one running. OSError if the port cannot be had."""
        self._folder = await self._stack.enter_async_context(
            ipc.serve_ipc(self._services.methods, self._services.ready)
        )
        self._stack.push_async_callback(self._supervisor.stop)
        try:
            self.address = await self._supervisor.start()
        except BaseException:
            await self._stack.aclose()
            raise
        # Here too, so that a successor begins with what was sound last.
        watched = [*self._authenticator.watched, *self._options.watched]
        for task in (self._supervisor.supervise(), watch(watched)):
            self._stack.push_async_callback(_cancel, asyncio.ensure_future(task))

    async def stop(self) -> None:
        """Report NOT_SERVING, take no new calls, let those in flight finish."""
        await self._stack.aclose()

    def _spec(self, number: int) -> _Spec:
        del number
        return _Spec(
            self.address,
            self._authenticator,
            self._options,
            self._folder,
            ipc.shapes_of(self._services.methods),
            self._services.services,
            self._services.healthy,
            self._services.refused,
        )


async def _cancel(task: asyncio.Future[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))


# --- in the gateway's process ---------------------------------------------------------


async def _run(
    spec: _Spec, up: Callable[[str], None], ending: asyncio.Future[None]
) -> None:
    """Pass calls on until the end, or until the server is lost."""
    logs.configure()
    server = await ipc.connect_ipc(spec.folder, spec.methods, partial(_exit_now, spec))
    services = Services(
        server.methods, spec.services, spec.healthy, spec.refused, server.ready
    )
    port = OpenPort(services, spec.address, spec.authenticator, spec.options)
    await port.start()
    supervisor.freeze_gc()
    up(port.address)
    await asyncio.wait((ending,))
    await port.stop()


def _exit_now(spec: _Spec) -> None:
    """Exit at once, since the server is lost; calls in flight end as UNAVAILABLE."""
    shutil.rmtree(spec.folder, ignore_errors=True)  # the server cannot do it any more
    # A port closed in order would end the calls it has not begun as CANCELLED, which
    # nobody tries again.
    os._exit(1)


if __name__ == "__main__":
    supervisor.run_child(_run, on_orphaned=_exit_now)
