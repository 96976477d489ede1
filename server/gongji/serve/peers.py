"""Who is at the other end of a socket of this machine."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import Final

_UCRED: Final = struct.Struct("3i")
"""Process, user and group, as Linux has them (`struct ucred`, unix(7))."""


def is_own_user(transport: asyncio.BaseTransport) -> bool:
    """Return whether the peer of a Unix socket is of our own user."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        # Such as macOS: there the folder's mode alone keeps others out.
        return True
    descriptor: int = transport.get_extra_info("socket").fileno()
    # A copy, since uvloop's own socket does not answer.
    with socket.socket(fileno=os.dup(descriptor)) as peer:
        credentials = peer.getsockopt(socket.SOL_SOCKET, option, _UCRED.size)
    _, user, _ = _UCRED.unpack(credentials)
    return bool(user == os.geteuid())
