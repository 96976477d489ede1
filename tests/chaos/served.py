"""`gongji serve` as a process of its own, on a port it keeps over its lives: started, killed, stopped."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

_STOP_S: Final = 20
_PORTS = count(20_000 + os.getpid() % 1000 * 10)


class Served:
    """One server; its `life` counts its starts, and is over the moment it is killed."""

    def __init__(self, data: Path, database: str = "", *, inside: Sequence[str] = (), log: Path | None = None) -> None:
        self.data = data
        self.database = database
        self.address = f"127.0.0.1:{_free_port()}"
        self.log = log or data.parent / f"{data.name}-{self.address.rpartition(':')[2]}.log"
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
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Begins a life; does not wait until it answers."""
        assert not self.running
        self.life += 1
        command = [*self._inside, sys.executable, "-m", "gongji", "serve"]
        options = ["--address", self.address, "--data", str(self.data), "--database", self.database]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([*command, *options], stdout=subprocess.DEVNULL, stderr=log)  # noqa: S603 - our own command

    def kill(self) -> None:
        """Ends its life at once, as the system does."""
        self.life += 1
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(_STOP_S)

    def stop(self) -> int:
        """Asks it to end; how it did."""
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(signal.SIGTERM)
        return process.wait(_STOP_S)

    async def answers(self, patience_s: float = 30) -> None:
        """Waits until its port is open. AssertionError with what it printed where it ends instead."""
        host, _, port = self.address.rpartition(":")
        async with asyncio.timeout(patience_s):
            while True:
                assert self.running, self.told()
                with suppress(OSError):
                    _, writer = await asyncio.open_connection(host, int(port))
                    writer.close()
                    return
                await asyncio.sleep(0.01)

    def told(self) -> str:
        """The end of what it printed."""
        if not self.log.is_file():
            return "(ended; its log is kept nowhere)"
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]


def _free_port() -> int:
    """A port below those the system hands out: while its server is dead nobody else takes it."""
    for port in _PORTS:
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise AssertionError
