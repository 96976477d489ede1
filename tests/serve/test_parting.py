"""Connections of a port ended: nobody comes any more, and what was written arrives."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from gongji.serve.parting import part
from gongji.store.sqlite.lock import hold_alone

from tests.patience import PATIENCE_S

pytestmark = pytest.mark.skipif(
    not hasattr(socket, "SO_ACCEPTCONN"), reason="as Linux lists descriptors"
)


def listening(stack: ExitStack) -> tuple[socket.socket, int]:
    """Return a socket that listens, and its port."""
    listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    return listener, listener.getsockname()[1]


def test_what_was_written_arrives() -> None:
    """The peer reads all that was written, then the end, although it wrote more itself
    that nobody read."""
    with ExitStack() as stack:
        listener, port = listening(stack)
        peer = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        accepted, _ = listener.accept()
        stack.enter_context(accepted)
        peer.settimeout(PATIENCE_S)
        peer.sendall(b"unread")
        accepted.sendall(b"answer")
        part({port})
        assert b"answer" == peer.recv(100)
        assert b"" == peer.recv(100)


def test_nobody_comes_any_more() -> None:
    """A port that is parted from refuses connections; another port goes on."""
    with ExitStack() as stack:
        _, port = listening(stack)
        other, others_port = listening(stack)
        part({port})
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        peer = socket.create_connection(("127.0.0.1", others_port), PATIENCE_S)
        stack.enter_context(peer)
        other.accept()[0].close()


def test_a_peers_own_connections_are_left() -> None:
    """A connection of this process to the same port elsewhere, as of a client, is ended
    by its server's end only."""
    with ExitStack() as stack:
        listener, port = listening(stack)
        peer = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        accepted, _ = listener.accept()
        stack.enter_context(accepted)
        part({peer.getsockname()[1] + 1, 1})
        accepted.sendall(b"still")
        assert b"still" == peer.recv(100)


def test_locks_of_files_are_kept(tmp_path: Path) -> None:
    """A database that this process holds alone is still its own afterwards."""
    with ExitStack() as stack:
        _, port = listening(stack)
        database = tmp_path / "x.db"
        stack.enter_context(hold_alone(database))
        part({port})
        with pytest.raises(subprocess.CalledProcessError) as refused:
            subprocess.run(  # noqa: S603 - our own
                [sys.executable, "-c", HOLDING, str(database)],
                check=True,
                capture_output=True,
                text=True,
            )
    assert "已有服务在使用" in refused.value.stderr


HOLDING = """
import sys
from pathlib import Path
from gongji.store.sqlite.lock import hold_alone
with hold_alone(Path(sys.argv[1])):
    pass
"""
