"""Several processes on one port: the parent holds the port, its crew of workers listens there."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from gongji.cities.loading import load_cities
from gongji.serve import logs, service, supervisor
from gongji.serve.service import Stopping, Up
from gongji.serve.settings import Settings
from gongji.store.databases import database_at


async def serve_many(settings: Settings) -> AsyncGenerator[Up | Stopping]:
    """Serve with `settings.workers` processes until interrupted; tell when up and when stopping.

    ValueError or OSError where the settings cannot be met, or a worker later finds that
    they cannot be met any more.
    """
    _refuse_unfit(settings)
    logs.configure()
    with held(settings.address) as address:
        # The first makes tables and key, records adoptions and loads the sample.
        first = replace(settings, address=address)
        workers = supervisor.Supervisor(
            __name__,
            "worker",
            settings.workers,
            lambda number: replace(first, sample=first.sample and number == 1),
        )
        ending = asyncio.ensure_future(supervisor.interrupted())
        try:
            if not await _before(ending, workers.start()):
                return
            yield Up(address)
            await _before(ending, workers.keep())
            yield Stopping()
        finally:
            ending.cancel()
            await workers.stop()


async def _before(ending: asyncio.Future[None], work: Any) -> bool:
    """Whether work was done before the end came; otherwise it is left. Raises what it raises."""
    doing = asyncio.ensure_future(work)
    await asyncio.wait((ending, doing), return_when=asyncio.FIRST_COMPLETED)
    if doing.done():
        doing.result()
        return True
    doing.cancel()
    await asyncio.wait((doing,))
    return False


def _refuse_unfit(settings: Settings) -> None:
    """ValueError where one process only can serve so."""
    asked = f"--workers {settings.workers}"
    if not database_at(settings.database).shared:
        raise ValueError(
            f"{asked} 须与 --database postgresql://主机/库名 同用: SQLite 只供一个进程使用"
        )
    if settings.sandbox:
        raise ValueError(f"--sandbox 不能与 {asked} 同用: 沙盒的时钟只在一个进程之内")
    if not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError(
            f"本系统不能由几个进程共用一个端口(没有 SO_REUSEPORT), 请去掉 {asked}"
        )


@contextmanager
def held(address: str) -> Iterator[str]:
    """`host:port` with the port ours while this lasts, 0 replaced by a free one; only
    our workers may listen there.

    Each socket is bound alone, which proves that nobody is there, and only then admits
    others of its kind; it never listens itself. OSError where the port is taken or the
    address is not of this machine.
    """
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        raise ValueError(f"监听地址应写作 主机:端口, 得到 {address!r}")
    bound, fault = 0, OSError(f"无法监听 {address}: 端口被占用, 或地址不在本机")
    with ExitStack() as stack:
        found = socket.getaddrinfo(
            host.strip("[]") or None,
            None,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
        for family, _, _, _, where in dict.fromkeys(found):
            try:
                holder = _bound_alone(
                    family,
                    (where[0], bound or int(port), *where[2:]),
                    both=len(found) > 1,
                )
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise fault from error
                continue  # such as a machine without IPv6: the name may lead elsewhere, too
            stack.enter_context(holder)
            bound = holder.getsockname()[1]
        if not bound:
            raise fault
        yield f"{host}:{bound}"


def _bound_alone(family: int, where: tuple[Any, ...], *, both: bool) -> socket.socket:
    """A socket bound where no other is, that from now on lets others share; see `held`. OSError."""
    for remains in (
        0,
        1,
    ):  # the second time beside connections that have ended and linger; an idle holder stays seen
        holder = socket.socket(family, socket.SOCK_STREAM)
        try:
            if family == socket.AF_INET6 and both:
                holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, remains)
            holder.bind(where)
        except OSError as fault:
            holder.close()
            taken = fault
            continue
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return holder
    raise taken


async def _work(
    settings: Settings, up: Callable[[str], None], ending: asyncio.Future[None]
) -> None:
    """The worker: serves as the settings say until the end."""
    cities = load_cities(settings.adopt, settings.retired_credits)
    async with service.running(settings, cities, settings.workdays()) as port:
        up(port.address)
        await asyncio.wait((ending,))


if __name__ == "__main__":
    # Settings and data that do not fit will not fit later; what cannot be reached may be.
    supervisor.serve_as_member(_work, unfit=(ValueError,))
