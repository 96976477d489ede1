"""Several server processes on one port: the parent holds the port, its workers listen."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from gongji.cities.loading import load_cities
from gongji.serve import logs, service, supervisor
from gongji.serve.service import Stopping, Up
from gongji.serve.settings import Settings
from gongji.store.databases import database_at


async def serve_many(settings: Settings) -> AsyncGenerator[Up | Stopping]:
    """Serve with `settings.workers` processes until interrupted; yield Up, then Stopping.

    ValueError or OSError if the settings cannot be met, or if a worker finds later that
    they cannot be met any more.
    """
    _check_shareable(settings)
    logs.configure()
    with hold_port(settings.address) as address:
        shared = replace(settings, address=address)
        workers = supervisor.Supervisor(
            __name__,
            "worker",
            settings.workers,
            # The first makes tables and key, records adoptions and loads the sample.
            lambda number: replace(shared, sample=shared.sample and number == 1),
        )
        ending = asyncio.ensure_future(supervisor.interrupted())
        try:
            if not await _finished_before(ending, workers.start()):
                return
            yield Up(address)
            await _finished_before(ending, workers.supervise())
            yield Stopping()
        finally:
            ending.cancel()
            await workers.stop()


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
            f"{option} 须与 --database postgresql://主机/库名 同用: SQLite 只供一个进程使用"
        )
    if settings.sandbox:
        raise ValueError(f"--sandbox 不能与 {option} 同用: 沙盒的时钟只在一个进程之内")
    if not hasattr(socket, "SO_REUSEPORT"):
        raise ValueError(
            f"本系统不能由几个进程共用一个端口(没有 SO_REUSEPORT), 请去掉 {option}"
        )


_SocketAddress = tuple[Any, ...]


@contextmanager
def hold_port(address: str) -> Iterator[str]:
    """Hold the port of `host:port`, so that only our workers may listen there.

    Yields the address, port 0 replaced by a free one. OSError if the port is taken or
    the address is not of this machine.
    """
    host, _, port_text = address.rpartition(":")
    if not port_text.isdigit():
        raise ValueError(f"监听地址应写作 主机:端口, 得到 {address!r}")
    unusable = OSError(f"无法监听 {address}: 端口被占用, 或地址不在本机")
    port = 0
    with ExitStack() as stack:
        addresses = _addresses(host)
        for family, (name, _, *scope) in addresses:
            at = (name, port or int(port_text), *scope)
            try:
                holder = _bind_first(family, at, both=len(addresses) > 1)
            except OSError as fault:
                if fault.errno == errno.EADDRINUSE:
                    raise unusable from fault
                # Such as a machine without IPv6; the name may have other addresses.
                continue
            stack.enter_context(holder)
            port = holder.getsockname()[1]
        if not port:
            raise unusable
        yield f"{host}:{port}"


def _addresses(host: str) -> list[tuple[int, _SocketAddress]]:
    """Return the families and socket addresses a host name stands for, each once."""
    entries = socket.getaddrinfo(
        host.strip("[]") or None, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return list(dict.fromkeys((family, at) for family, _, _, _, at in entries))


def _bind_first(family: int, at: _SocketAddress, *, both: bool) -> socket.socket:
    """Bind a socket if no other is bound there, then let others share. OSError.

    It never listens itself.
    """
    # Binding without any sharing proves that nobody is there. With SO_REUSEADDR it may
    # stand beside connections that have ended and linger; a holder that does not listen
    # is still noticed.
    for beside_lingering in (0, 1):
        holder = socket.socket(family, socket.SOCK_STREAM)
        try:
            if family == socket.AF_INET6 and both:
                holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, beside_lingering)
            holder.bind(at)
        except OSError as fault:
            holder.close()
            unusable = fault
            continue
        # Only now, for the workers: set before, it would admit us to another's port.
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return holder
    raise unusable


async def _work(
    settings: Settings, up: Callable[[str], None], ending: asyncio.Future[None]
) -> None:
    """Serve as one worker until the end."""
    cities = load_cities(settings.adopt, settings.retired_credits, settings.refusals)
    async with service.running(settings, cities, settings.workdays()) as port:
        up(port.address)
        await asyncio.wait((ending,))


if __name__ == "__main__":
    # Settings and data that do not fit will not fit later; what cannot be reached may be.
    supervisor.run_child(_work, fatal=(ValueError,))
