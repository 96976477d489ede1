"""The PostgreSQL the tests break, while callers of gRPC are at work in this very process."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.postgres import OwnPostgres, _binaries


class Database(OwnPostgres):
    """A PostgreSQL whose user a program becomes: a fork of this process may crash in gRPC."""

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [*self._as_user, str(self._binaries / program), *arguments]
        with self._log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)  # noqa: S603 - our own arguments

    @property
    def _as_user(self) -> list[str]:
        return ["setpriv", f"--reuid={self._user}"] if self._user else []

    @classmethod
    @contextmanager
    def running(cls, *settings: str) -> Iterator[Self]:
        """Give a started one, removed at the end. RuntimeError if this machine has none."""
        server = cls(_binaries(), *settings)
        try:
            server.start()
            yield server
        finally:
            server.remove()


class Tight(Database):
    """One whose log comes in files of 1 MB, so that its tables are what outgrows a limit."""

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        small = ["--wal-segsize=1"] if program == "initdb" else []
        return super()._spawn(program, *arguments, *small)

    def limit(self, size: int | None) -> None:
        """Let none of its files become larger than so many bytes, or lift that."""
        assert self._process is not None
        main = self._process.pid
        path = Path(f"/proc/{main}/task/{main}/children")
        pids = path.read_text(encoding="ascii").split()
        for pid in (main, *map(int, pids)):
            limit(pid, size, *self._as_user)


def limit(pid: int, size: int | None, *become: str) -> None:
    """Refuse what makes a file of that process larger, as a full disk does.

    In bytes; None lifts the limit.
    """
    soft = "unlimited" if size is None else size
    command = [*become, "prlimit", f"--pid={pid}", f"--fsize={soft}:"]
    subprocess.run(command, check=True)  # noqa: S603 - our own arguments
