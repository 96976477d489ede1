"""`gongji serve` as processes of its own, on a port it keeps over its lives."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from select import select
from typing import IO, Any, Final, Protocol

import grpc
from gongji.serve.local_token import make_local_token

from tests.cli.started import children
from tests.patience import PATIENCE_S
from tests.scaffold.credentials import Metadata, bearer_of
from tests.scaffold.kept import give_kept

_HOST: Final = "127.0.0.1"
_PORTS = count(20_000)
_HELD: list[IO[bytes]] = []
"""Lock files of the ports this process has taken, open and so locked as long as it lives."""


class Reached(Protocol):
    """What callers connect to: a server, or a front before some."""

    token: Metadata

    @property
    def life(self) -> int:
        """Return how often it has started or ended."""

    def channel(self, caller: str, options: Sequence[Any]) -> grpc.aio.Channel:
        """Return a connection of a caller."""

    async def answers(self) -> None:
        """Wait until it takes connections."""


class Served:
    """One server and its gateway; `life` counts its starts and kills.

    A life is over the moment either is killed. If the gateway alone is killed the next
    has begun: the successor's.
    """

    def __init__(
        self,
        data: Path,
        database: str = "",
        *,
        inside: Sequence[str] = (),
        options: Sequence[str] = (),
        log: Path | None = None,
        origin: Path | None = None,
    ) -> None:
        """Serve a data folder, or a copy of `origin` that is made there when it starts.

        Callers read the token in the origin.
        """
        self.data = data
        self._origin = origin or data
        # Before its first life: callers are waiting by then.
        make_local_token(self._origin)
        self.token = bearer_of(self._origin)
        self.database = database
        self.address = f"{_HOST}:{free_port()}"
        self.log = log or data.parent / f"{data.name}-{self.port}.log"
        self.life = 0
        self.inside = tuple(inside)
        self.options = tuple(options)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return its process. AssertionError if it is not running."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Return whether its process lives."""
        return self._process is not None and _lives(self._process)

    @property
    def port(self) -> int:
        """Return the number of its port."""
        return int(self.address.rpartition(":")[2])

    def start(self) -> None:
        """Begin a life; do not wait until it answers."""
        assert not self.running
        self.life += 1
        give_kept(self._origin)
        command = [*self.inside, sys.executable, "-m", "gongji", "serve", "--gateway"]
        command += ["--address", self.address, "--data", str(self.data)]
        command += ["--database", self.database, *self.options]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command, stdout=subprocess.DEVNULL, stderr=log
            )

    def kill(self) -> None:
        """End its life at once, as the system does."""
        if self._process is not None:
            self._end(signal.SIGKILL)

    def kill_gateway(self) -> None:
        """Kill the process that has its port; the server itself lives on.

        ValueError if there is none.
        """
        self.life += 1
        (gateway,) = children(self.pid)
        with _watched(gateway) as watch:
            os.kill(gateway, signal.SIGKILL)
            assert _over(watch)

    def stop(self) -> int:
        """Ask it to end. Return its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        """End it by a signal. Return its exit code.

        AssertionError if its gateway or port outlives it.
        """
        self.life += 1
        process, self._process = self._process, None
        assert process is not None
        with ExitStack() as stack:
            pids = children(process.pid) if _lives(process) else []
            gateways = [stack.enter_context(_watched(pid)) for pid in pids]
            process.send_signal(number)
            status = process.wait(PATIENCE_S)
            latest = time.monotonic() + PATIENCE_S
            for gateway in gateways:
                assert _over(gateway), "the gateway has outlived its server"
        while not _free(self.port):
            assert time.monotonic() < latest, "the port is still open"
            time.sleep(0.01)
        return status

    def channel(self, _caller: str, options: Sequence[Any]) -> grpc.aio.Channel:
        """Return a connection of whoever shows the token."""
        return grpc.aio.insecure_channel(self.address, options=options)

    async def answers(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until its port is open. AssertionError with its log if it ends instead."""

        def check() -> None:
            assert self.running, self.printed()

        await open_port(self.address, patience_s, check)

    def printed(self) -> str:
        """Return the end of what it printed."""
        if not self.log.is_file():
            return "(ended; its log is kept nowhere)"
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]


def _lives(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None


@contextmanager
def _watched(pid: int) -> Iterator[int]:
    """Give a descriptor that tells of the end of a process, whoever's child it is."""
    watch = os.pidfd_open(pid)
    try:
        yield watch
    finally:
        os.close(watch)


def _over(watch: int) -> bool:
    """Return whether a watched process ends in time."""
    ended, _, _ = select([watch], [], [], PATIENCE_S)
    return bool(ended)


async def open_port(
    address: str,
    patience_s: float = PATIENCE_S,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Wait until somebody listens there; `check` raises if nobody will."""
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(patience_s):
        while True:
            check()
            with suppress(OSError):
                _, writer = await asyncio.open_connection(host, int(port))
                writer.close()
                return
            await asyncio.sleep(0.01)


def free_port() -> int:
    """Return a port below those the system hands out.

    While its server is dead nobody else takes it, no other test either.
    """
    return next(port for port in _PORTS if _locked(port) and _free(port))


def _locked(port: int) -> bool:
    """Return whether the port is ours among all test processes of this machine."""
    path = Path(tempfile.gettempdir()) / f"gongji-port-{port}.lock"
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _HELD.append(file)
    return True


def _free(port: int) -> bool:
    """Return whether nobody listens there."""
    try:
        with socket.create_server((_HOST, port)):
            return True
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return False
