"""The gateway: the gRPC port in a process of its own, which passes calls on to the server.

gRPC costs a call as much as all the rest; in two processes each has a core of its own.
The gateway knows no rules and no data.
"""

# callers ── HTTP/2 ──▶ gateway process ────── wire ──────▶ server process
#                       port.OpenPort      (wire.py)         services, store
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
# If the gateway dies, the server starts another on the same port, with another wire. If
# the server or the wire is lost, the gateway exits at once; see `_exit_now`.

from __future__ import annotations

import asyncio
import importlib
import os
import pkgutil
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from gongji import v1
from gongji.rpc.method import Services
from gongji.serve import ipc, logs, supervisor
from gongji.serve.authentication import Authenticator
from gongji.serve.metrics.outcomes import watch_outcomes
from gongji.serve.port import PLAIN, OpenPort, PortOptions
from gongji.serve.watched import watch
from gongji.serve.wire import WireEnd

# Reflection describes what is loaded, and nothing else here loads a proto.
for _module in pkgutil.iter_modules(v1.__path__, f"{v1.__name__}."):
    if _module.name.endswith("_pb2"):
        importlib.import_module(_module.name)


@dataclass(frozen=True, slots=True)
class _Spec:
    """What a gateway process is started with."""

    address: str
    authenticator: Authenticator
    options: PortOptions
    wire: tuple[int, int]
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
        self._supervisor = supervisor.Supervisor(__name__, "gateway", 1, self._hand)
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        """Start the gateway. OSError if the port cannot be had."""
        self._ipc = await self._stack.enter_async_context(
            ipc.serve_ipc(self._services.methods, self._services.ready)
        )
        self._stack.push_async_callback(self._supervisor.stop)
        try:
            self.address = await self._supervisor.start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def keep(self) -> None:
        """Keep one running. OSError if none can be for long."""
        # Files here too, so that a successor begins with what was sound last.
        watched = [*self._authenticator.watched, *self._options.watched]
        await asyncio.gather(self._supervisor.supervise(), watch(watched))

    async def stop(self) -> None:
        """Report NOT_SERVING, take no new calls, let those in flight finish."""
        await self._stack.aclose()

    async def _hand(self, number: int) -> supervisor.Handed:
        del number
        wire = await self._ipc.new_client()
        spec = _Spec(
            self.address,
            self._authenticator,
            self._options,
            wire.descriptors,
            ipc.shapes_of(self._services.methods),
            self._services.services,
            self._services.healthy,
            self._services.refused,
        )
        return supervisor.Handed(spec, (wire.calls, wire.openings))


# --- in the gateway's process ---------------------------------------------------------


async def _run(
    spec: _Spec, up: Callable[[str], None], ending: asyncio.Future[None]
) -> None:
    """Pass calls on until the end, or until the server is lost."""
    logs.configure()
    watch_outcomes()
    wire = WireEnd.of(spec.wire)
    server = await ipc.connect_ipc(wire, spec.methods, _exit_now)
    services = Services(
        server.methods, spec.services, spec.healthy, spec.refused, server.ready
    )
    port = OpenPort(services, spec.address, spec.authenticator, spec.options)
    await port.start()
    supervisor.freeze_gc()
    up(port.address)
    await asyncio.wait((ending,))
    await port.stop()


def _exit_now(_: object = None) -> None:
    """Exit at once, since server or wire is lost; calls in flight end as UNAVAILABLE."""
    # A port closed in order would end the calls it has not begun as CANCELLED, which
    # nobody tries again.
    os._exit(1)


if __name__ == "__main__":
    supervisor.run_child(_run, on_orphaned=_exit_now)
