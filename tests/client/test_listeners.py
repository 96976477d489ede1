"""Whose process listens on a port of this machine, and whether it gets the token."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from gongji.client import credentials, listeners
from gongji.client.connection import connect
from gongji.client.credentials import CredentialFaultError, Credentials
from gongji.client.listeners import listening_users

from tests.client.listing import secret

TOKEN = "a-token-of-a-trial"  # noqa: S105 - of nobody
NOBODY = 65534


@pytest.mark.parametrize(
    ("bound", "called", "reached"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "localhost", True),
        ("0.0.0.0", "127.0.0.1", True),  # noqa: S104 - for a moment
        ("127.0.0.2", "127.0.0.1", False),
        ("127.0.0.1", "::1", False),
    ],
)
def test_who_listens(bound: str, called: str, *, reached: bool) -> None:
    """A listener is told by its user if a connection would reach it."""
    with socket.create_server((bound, 0)) as listener:
        port = listener.getsockname()[1]
        users = listening_users(called, port)
    assert ({os.geteuid()} if reached else set()) == users
    assert set() == listening_users(called, port)


LINE = "  0: {address}:C383 00000000{rest}:0000 {state} 0:0 00:00000000 00000000  1001 0 7\n"
"""A line of /proc/net/tcp and tcp6; port 50051, user 1001."""


@pytest.mark.parametrize(
    ("address", "state", "called", "reached"),
    [
        ("0" * 24 + "01000000", "0A", "::1", True),
        ("0" * 24 + "01000000", "0A", "localhost", True),
        ("0" * 24 + "01000000", "0A", "127.0.0.1", False),
        ("0" * 32, "0A", "127.0.0.1", True),
        ("0" * 32, "0A", "::1", True),
        ("0" * 16 + "FFFF0000" + "0100007F", "0A", "127.0.0.1", True),
        ("0100007F", "0A", "127.0.0.1", True),
        ("0100007F", "01", "127.0.0.1", False),
        ("0101A8C0", "0A", "127.0.0.1", False),
    ],
)
def test_the_kernels_table(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    address: str,
    state: str,
    called: str,
    reached: bool,
) -> None:
    """Addresses are read word by word, and only who listens counts."""
    line = LINE.format(address=address, state=state, rest=address[8:])
    table = tmp_path / "tcp"
    table.write_text(f"  sl  local_address\n{line}", encoding="ascii")
    monkeypatch.setattr(listeners, "_TABLES", (table, tmp_path / "none"))
    assert ({1001} if reached else set()) == listening_users(called, 50051)
    assert set() == listening_users(called, 50052)


@contextmanager
def owned_by(uid: int) -> Iterator[None]:
    """Make sockets as another user; only root can."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_stranger_does_not_get_the_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a process of another user listens, no call is made, and it is named."""
    file = secret(tmp_path / "token", TOKEN)
    if os.geteuid() == 0:
        with owned_by(NOBODY):
            stranger = socket.create_server(("127.0.0.1", 0))
    else:
        # Whoever is no root cannot be two users: told of another, it must refuse.
        stranger = socket.create_server(("127.0.0.1", 0))
        monkeypatch.setattr(credentials, "listening_users", lambda *_: {NOBODY})
    with stranger:
        for host in ("127.0.0.1", "localhost"):
            address = f"{host}:{stranger.getsockname()[1]}"
            with pytest.raises(CredentialFaultError, match=f"uid {NOBODY}"):
                connect(address, credentials=Credentials(token_file=file))


def test_its_owner_gets_it(tmp_path: Path) -> None:
    """A process of the token's owner is its server."""
    file = secret(tmp_path / "token", TOKEN)
    with socket.create_server(("127.0.0.1", 0)) as own:
        address = f"127.0.0.1:{own.getsockname()[1]}"
        channel = connect(address, credentials=Credentials(token_file=file))
        assert isinstance(channel, grpc.Channel)
        channel.close()
