"""`gongji serve` as processes of its own, on a port it keeps over its lives: started,
killed, bereaved, stopped."""

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
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path
from select import select
from typing import IO, Final

from tests.cli.started import children
from tests.patience import PATIENCE_S

_HOST: Final = "127.0.0.1"
_PORTS = count(20_000)
_HELD: list[IO[bytes]] = []
"""Lock files of the ports this process has taken, open and so locked as long as it lives."""


class Served:
    """One server and its gateway; its `life` is over the moment either is killed, and
    another begins with each start.

    Where the gateway alone is killed the next life has begun: the successor's.
    """

    def __init__(
        self,
        data: Path,
        database: str = "",
        *,
        inside: Sequence[str] = (),
        log: Path | None = None,
    ) -> None:
        self.data = data
        self.database = database
        self.address = f"{_HOST}:{_free_port()}"
        self.log = log or data.parent / f"{data.name}-{self.port}.log"
        self.life = 0
        self._inside = tuple(inside)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process. AssertionError where it is not running."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and _lives(self._process)

    @property
    def port(self) -> int:
        """The number of its port."""
        return int(self.address.rpartition(":")[2])

    def start(self) -> None:
        """Begins a life; does not wait until it answers."""
        assert not self.running
        self.life += 1
        command = [*self._inside, sys.executable, "-m", "gongji", "serve", "--gateway"]
        options = [
            "--address",
            self.address,
            "--data",
            str(self.data),
            "--database",
            self.database,
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [*command, *options], stdout=subprocess.DEVNULL, stderr=log
            )

    def kill(self) -> None:
        """Ends its life at once, as the system does."""
        if self._process is not None:
            self._end(signal.SIGKILL)

    def kill_gateway(self) -> None:
        """Ends the process that has its port at once; the server itself lives on.
        ValueError where there is none."""
        self.life += 1
        (gateway,) = children(self.pid)
        with _watched(gateway) as watch:
            os.kill(gateway, signal.SIGKILL)
            assert _over(watch)

    def stop(self) -> int:
        """Asks it to end; how it did."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        """Ends it by a signal: how it did. AssertionError where its gateway or port outlives it."""
        self.life += 1
        process, self._process = self._process, None
        assert process is not None
        with ExitStack() as stack:
            gateways = (
                [stack.enter_context(_watched(pid)) for pid in children(process.pid)]
                if _lives(process)
                else []
            )
            process.send_signal(number)
            status = process.wait(PATIENCE_S)
            latest = time.monotonic() + PATIENCE_S
            assert all(_over(gateway) for gateway in gateways), (
                "the gateway has outlived its server"
            )
        while not _free(self.port):
            assert time.monotonic() < latest, "the port is still open"
            time.sleep(0.01)
        return status

    async def answers(self, patience_s: float = PATIENCE_S) -> None:
        """Waits until its port is open. AssertionError with what it printed where it
        ends instead."""
        async with asyncio.timeout(patience_s):
            while True:
                assert self.running, self.told()
                with suppress(OSError):
                    _, writer = await asyncio.open_connection(_HOST, self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.01)

    def told(self) -> str:
        """The end of what it printed."""
        if not self.log.is_file():
            return "(ended; its log is kept nowhere)"
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]


def _lives(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None


@contextmanager
def _watched(pid: int) -> Iterator[int]:
    """A descriptor that tells of the end of a process, whoever's child it is and becomes."""
    watch = os.pidfd_open(pid)
    try:
        yield watch
    finally:
        os.close(watch)


def _over(watch: int) -> bool:
    """Whether a watched process ends in time."""
    return bool(select([watch], [], [], PATIENCE_S)[0])


def _free_port() -> int:
    """A port below those the system hands out: while its server is dead nobody else
    takes it, no other test either."""
    return next(port for port in _PORTS if _locked(port) and _free(port))


def _locked(port: int) -> bool:
    """Return whether the port is ours among all test processes of this machine."""
    file = (Path(tempfile.gettempdir()) / f"gongji-port-{port}.lock").open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _HELD.append(file)
    return True


def _free(port: int) -> bool:
    """Whether nobody listens there."""
    try:
        with socket.create_server((_HOST, port)):
            return True
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return False
