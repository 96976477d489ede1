"""Addresses to listen at: how they are written, whose they are, whether they are free."""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import Any, Final, TypeAlias

_ADDRESS: Final = re.compile(
    r"(?P<host>\[[^\[\]]+\]|[^\[\]:]+):(?P<port>[0-9]{1,5})", re.ASCII
)

_LAST_PORT: Final = 65_535

SocketAddress: TypeAlias = tuple[Any, ...]


def host_and_port(address: str) -> tuple[str, int]:
    """Return host and port of `host:port` or `[IPv6]:port`. ValueError."""
    written = _ADDRESS.fullmatch(address)
    if not written:
        raise ValueError(
            f"监听地址应写作 主机:端口（IPv6 写作 [::1]:50051），得到 {address!r}"
        )
    if int(written["port"]) > _LAST_PORT:
        raise ValueError(f"监听地址 {address} 的端口须在 0 至 {_LAST_PORT} 之间")
    return written["host"].strip("[]"), int(written["port"])


def is_loopback(address: str) -> bool:
    """Return whether only this machine reaches an address. ValueError; OSError."""
    return all(ip_address(name).is_loopback for _, (name, *_) in _places(address))


def check_free(address: str) -> None:
    """OSError if the port is taken or the address is not of this machine; ValueError."""
    with _bound(address):
        pass


@contextmanager
def hold_port(address: str) -> Iterator[str]:
    """Hold the port of `host:port`, so that only our workers may listen there.

    Yields the address, port 0 replaced by a free one. ValueError; OSError if the port
    is taken or the address is not of this machine.
    """
    host, _, _ = address.rpartition(":")
    with _bound(address) as holders:
        for holder in holders:
            # Only now, for the workers: set before, it would admit us to another's port.
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield f"{host}:{holders[0].getsockname()[1]}"


@contextmanager
def _bound(address: str) -> Iterator[list[socket.socket]]:
    """Bind a socket to each of an address's places, all to one port. ValueError; OSError."""
    places = _places(address)
    holders: list[socket.socket] = []
    refused: OSError | None = None
    port = 0
    with ExitStack() as stack:
        for family, (name, number, *scope) in places:
            at = (name, port or number, *scope)
            try:
                holder = _bind_first(family, at, both=len(places) > 1)
            except OSError as fault:
                refused = fault
                if fault.errno == errno.EADDRINUSE:
                    raise _unusable(address, fault) from fault
                # Such as a machine without IPv6; the name may have other addresses.
                continue
            holders.append(stack.enter_context(holder))
            port = holder.getsockname()[1]
        if not holders:
            raise _unusable(address, refused) from refused
        yield holders


def _unusable(address: str, fault: OSError | None) -> OSError:
    if fault and fault.errno in {errno.EACCES, errno.EPERM}:
        return OSError(f"无法监听 {address}：没有权限监听这个端口")
    return OSError(f"无法监听 {address}：端口被占用，或地址不在本机")


def _places(address: str) -> list[tuple[int, SocketAddress]]:
    """Return the families and socket addresses a listening address stands for, each once."""
    host, port = host_and_port(address)
    try:
        entries = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    # UnicodeError: a name no DNS has.
    except (OSError, UnicodeError) as fault:
        raise OSError(f"无法监听 {address}：主机名无法解析") from fault
    return list(dict.fromkeys((family, at) for family, _, _, _, at in entries))


def _bind_first(family: int, at: SocketAddress, *, both: bool) -> socket.socket:
    """Bind a socket if no other is bound there. OSError. It never listens itself."""
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
        return holder
    raise unusable
