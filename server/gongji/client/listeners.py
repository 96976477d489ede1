"""Who listens on a port of this machine (Linux): a local token is for its owner's server."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))

_LISTENING: Final = "0A"

_WORD: Final = 8
"""Hexadecimal digits of 32 bits, of which the kernel prints the lowest byte first."""

_Address: TypeAlias = IPv4Address | IPv6Address


class PortListener(NamedTuple):
    """A socket that listens: where, and the user whose process made it."""

    address: _Address
    port: int
    uid: int


def listening_users(host: str, port: int) -> frozenset[int]:
    """Return whose sockets a connection to a loopback host may reach; empty if untold.

    Of another network namespace, or without /proc, nothing is told.
    """
    names = ("127.0.0.1", "::1") if host == "localhost" else (host,)
    reached = [ip_address(name) for name in names]
    return frozenset(
        listener.uid
        for listener in _listeners()
        if listener.port == port and _takes(listener.address, reached)
    )


def _takes(own: _Address, reached: list[_Address]) -> bool:
    """Return whether a socket takes connections to one of some addresses."""
    # `::` takes those of IPv4 too, unless it was told not to.
    if own.is_unspecified:
        return own.version == 6 or any(one.version == 4 for one in reached)
    mapped = own.ipv4_mapped if isinstance(own, IPv6Address) else None
    return (mapped or own) in reached


def _listeners() -> Iterator[PortListener]:
    for table in _TABLES:
        try:
            lines = table.read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        for line in lines[1:]:
            columns = line.split()
            if columns[3] == _LISTENING:
                address, _, port = columns[1].partition(":")
                uid = int(columns[7])
                yield PortListener(_address(address), int(port, 16), uid)


def _address(text: str) -> _Address:
    """Return an address as the kernel prints it, word by word."""
    words = (text[at : at + _WORD] for at in range(0, len(text), _WORD))
    return ip_address(b"".join(bytes.fromhex(word)[::-1] for word in words))
