"""Several server processes on one port: the parent holds the port, its workers listen."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from gongji.serve import logs, service, supervisor
from gongji.serve.admission import Admission, admission_of, check_doors
from gongji.serve.listening import hold_port
from gongji.serve.metrics.page import metrics_served
from gongji.serve.service import Stopping, Up
from gongji.serve.settings import Settings
from gongji.serve.watched import watch
from gongji.store.databases import database_at


async def serve_many(settings: Settings) -> AsyncGenerator[Up | Stopping]:
    """Serve with `settings.workers` processes until interrupted; yield Up, then Stopping.

    ValueError or OSError if the settings cannot be met, or if a worker finds later that
    they cannot be met any more.
    """
    _check_shareable(settings)
    check_doors(settings)
    logs.configure()
    with _held(settings) as shared:
        admission = admission_of(settings)

        async def hand(number: int) -> supervisor.Handed:
            # The first makes tables and key, records adoptions and loads the sample.
            own = replace(shared, sample=shared.sample and number == 1)
            return supervisor.Handed(_Spec(own, admission))

        workers = supervisor.Supervisor(__name__, "worker", settings.workers, hand)
        ending = asyncio.ensure_future(supervisor.interrupted())
        # Here too, so that a successor begins with what was sound last.
        watching = asyncio.ensure_future(watch(admission.watched))
        async with metrics_served(settings.metrics_address) as metrics:
            try:
                if not await _finished_before(ending, workers.start()):
                    return
                yield Up(shared.address, metrics)
                await _finished_before(ending, workers.supervise())
                yield Stopping()
            finally:
                ending.cancel()
                watching.cancel()
                await workers.stop()


@contextmanager
def _held(settings: Settings) -> Iterator[Settings]:
    """Hold the ports of the settings; yield them with the addresses that were had.

    OSError.
    """
    with ExitStack() as held:
        address = held.enter_context(hold_port(settings.address))
        if settings.token_address:
            held.enter_context(hold_port(settings.token_address))
        yield replace(settings, address=address)


async def _finished_before(
    ending: asyncio.Future[None], work: Coroutine[Any, Any, object]
) -> bool:
    """Run `work` until it is done or the end comes; return whether it was done."""
    task = asyncio.ensure_future(work)
    await asyncio.wait((ending, task), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
        return True
    task.cancel()
    await asyncio.wait((task,))
    return False


def _check_shareable(settings: Settings) -> None:
    """ValueError if only one process can serve with these settings."""
    option = f"--workers {settings.workers}"
    if not database_at(settings.database).shared:
        raise ValueError(
            f"{option} 须与 --database postgresql://主机/库名 同用：SQLite 只供一个进程使用"
        )
    if settings.sandbox:
        raise ValueError(f"--sandbox 不能与 {option} 同用：沙盒的时钟只在一个进程之内")
    if not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError(
            f"本系统不能由几个进程共用一个端口（没有 SO_REUSEPORT），请去掉 {option}"
        )


@dataclass(frozen=True, slots=True)
class _Spec:
    """What a worker is started with."""

    settings: Settings
    admission: Admission


async def _work(
    spec: _Spec, up: Callable[[str], None], ending: asyncio.Future[None]
) -> None:
    """Serve as one worker until the end."""
    settings = spec.settings
    cities, workdays = settings.cities(), settings.workdays()
    async with service.running(settings, cities, workdays, spec.admission) as port:
        up(port.address)
        await asyncio.wait((ending,))


if __name__ == "__main__":
    # Settings and data that do not fit will not fit later; what cannot be reached may be.
    supervisor.run_child(_work, fatal=(ValueError,))
