"""End the connections of a port so that whoever waits for an answer tries again.

gRPC ends calls that arrive while its server stops as CANCELLED, which nobody tries
again; a connection that is closed ends them as UNAVAILABLE.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_OWN: Final = Path("/proc/self/fd")
"""The descriptors of this process, where the system lists them (Linux)."""


def part(ports: Collection[int]) -> None:
    """Accept no more connections at ports of this process and close those there are.

    What has been written to them still arrives. Nothing happens where the system does
    not list descriptors.
    """
    connected = []
    for found in _sockets():
        with found, suppress(OSError):
            if found.getsockname()[1] not in ports:
                continue
            # First of all those that listen: no connection comes in between.
            if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                found.shutdown(socket.SHUT_RDWR)
            else:
                connected.append(socket.socket(fileno=os.dup(found.fileno())))
    for one in connected:
        with one, suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _sockets() -> Iterator[socket.socket]:
    """Yield a copy of each socket of the Internet that this process has open."""
    with suppress(FileNotFoundError):
        for entry in list(_OWN.iterdir()):
            # Others are never copied: who closes the copy of a file lets go of all locks
            # that this process has on it (fcntl(2)), and so of a database.
            with suppress(OSError):
                if not str(entry.readlink()).startswith("socket:"):
                    continue
                number = os.dup(int(entry.name))
                if not stat.S_ISSOCK(os.fstat(number).st_mode):
                    continue  # a file by now: its copy stays open
                found = socket.socket(fileno=number)
                if found.family in {socket.AF_INET, socket.AF_INET6}:
                    yield found
                else:
                    found.close()
