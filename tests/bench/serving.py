"""Start each contender as a process of its own, on a real disk, its log written."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final, NamedTuple

import grpc
import msgspec
import psycopg
from gongji.client.connection import connect
from gongji.client.credentials import NO_CREDENTIALS, Credentials
from gongji.serve.settings import DATABASE
from gongji.v1 import settlement_pb2 as pb
from gongji.v1.settlement_pb2_grpc import SettlementServiceStub

from tests.bench import compiled, ground
from tests.bench.load import Target
from tests.postgres import OwnPostgres
from tests.scaffold.credentials import credentials_of

ROOT: Final = Path(__file__).parents[2]
START_S: Final = 60
STOP_S: Final = 20
SLOW_US: Final = 2_000
"""What an ordinary disk takes to flush, in microseconds."""

NAIVE: Final = Path(__file__).parent / "rivals" / "naive.py"


@dataclass(frozen=True, slots=True)
class Serving:
    """A running contender; `settled` counts the settlements in its database, if it has one."""

    target: Target
    settled: Callable[[], int] | None = None


class Ground:
    """A folder on a real disk with the population to copy, and a PostgreSQL for the run."""

    def __init__(self, folder: Path, postgres: Callable[[], OwnPostgres]) -> None:
        self.folder = folder
        self._postgres = postgres

    @cached_property
    def postgres(self) -> OwnPostgres:
        """Return PostgreSQL as it is installed: every commit waits for the disk."""
        return self._postgres()

    @property
    def postgres_pids(self) -> tuple[int, ...]:
        """Return the process whose children are PostgreSQL."""
        process = self.postgres._process
        return (process.pid,) if process else ()

    def postgres_version(self) -> str:
        """Return the server's version; empty if none was needed."""
        if "postgres" not in self.__dict__:
            return ""
        with psycopg.connect(self.postgres.url) as connection:
            major, minor = divmod(connection.info.server_version, 10000)
            return f"{major}.{minor}"

    @cached_property
    def populated(self) -> Path:
        """Return a data folder of SQLite with the population in it, to be copied."""
        ground.fill("", self.folder / "populated")
        return self.folder / "populated"

    @cached_property
    def replies(self) -> Path:
        """Return real replies to several patients' bills, in a file.

        As many with givers, and as long, as on the whole.
        """
        replies = []
        with (
            sqlite(self, "replies") as serving,
            serving.target.connect() as channel,
        ):
            settle = SettlementServiceStub(channel).Settle
            for place in range(1, 9):
                reply = settle(_request(place), timeout=10)
                replies.append(reply.SerializeToString())
        path = self.folder / "replies.bin"
        path.write_bytes(msgspec.msgpack.encode(replies))
        return path


def _request(place: int) -> pb.SettleRequest:
    request_id = str(uuid.uuid4())
    bill = ground.bill(place, msgid=request_id[:30])
    return pb.SettleRequest(request_id=request_id, bill=bill)


@contextmanager
def echo(
    on: Ground,
    name: str,
    *,
    options: Sequence[object] = (),
    shown: Credentials = NO_CREDENTIALS,
) -> Iterator[Serving]:
    """Run the bare echo, or with options the one dressed as the real server."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "tests.bench.echo", address, on.replies, *options]
    with _running(command, on.folder / f"{name}.log", port, shown=shown) as pid:
        yield Serving(Target(port, (pid,), shown=shown))


@contextmanager
def sqlite(
    on: Ground,
    name: str,
    *,
    program: str = "gongji",
    options: Sequence[str] = ("--gateway",),
    slow: bool = False,
    shown: Credentials | None = None,
) -> Iterator[Serving]:
    """Run the real server over SQLite, or a program that changes a part of it.

    `slow` has a disk that takes 2 ms to flush; callers show the token of the data folder
    unless told otherwise.
    """
    data, port = on.folder / name, free_port()
    shutil.copytree(on.populated, data)
    # As the service makes it; one that others can read is refused.
    data.chmod(0o700)
    command = [*_serve(program, port, data), *options]
    env = {}
    if slow:
        env = {"LD_PRELOAD": str(compiled.slow_flush()), "SLOW_US": str(SLOW_US)}
    log, tls = on.folder / f"{name}.log", shown or NO_CREDENTIALS
    with _running(command, log, port, env, shown=tls) as pid:
        database = data / DATABASE
        yield Serving(
            Target(port, (pid,), shown=shown or credentials_of(data)),
            lambda: _count_sqlite(database, "settlement"),
        )


@contextmanager
def postgres(
    on: Ground, name: str, *, workers: int = 1, gateway: bool = True
) -> Iterator[Serving]:
    """Run the real server over PostgreSQL, with so many workers on one port."""
    url, data = on.postgres.fresh(), on.folder / name
    ground.fill(url, data)
    on.postgres.execute("VACUUM ANALYZE")
    port = free_port()
    command = _serve("gongji", port, data)
    command += ["--database", url, "--gateway" if gateway else "--no-gateway"]
    command += ["--workers", workers] if workers > 1 else []
    log, ready = on.folder / f"{name}.log", f"127.0.0.1:{port}"
    # The port is open with the first process; the server says where it serves when all
    # are ready.
    with _running(command, log, port, ready=ready) as pid:
        target = Target(port, (pid,), on.postgres_pids, credentials_of(data))
        yield Serving(target, lambda: _count_postgres(url, "settlement"))


@contextmanager
def bare(
    on: Ground,
    name: str,
    python: Path,
    options: Sequence[str] = (),
    shown: Credentials | None = None,
) -> Iterator[Serving]:
    """Run the server that an interpreter has installed, over a SQLite file of that name.

    The file is made if there is none; who calls as in `sqlite`.
    """
    port = free_port()
    data = on.folder / name
    command = [*_serve("gongji", port, data, python), *options]
    # Nothing may lead it to today's modules.
    env = {"PYTHONPATH": ""}
    log, tls = on.folder / f"{name}.log", shown or NO_CREDENTIALS
    with _running(command, log, port, env, shown=tls) as pid:
        yield Serving(Target(port, (pid,), shown=shown or credentials_of(data)))


def _serve(
    program: str, port: int, data: Path, python: Path | str = sys.executable
) -> list[Any]:
    """Return the command that serves on a port over a data folder."""
    address = f"127.0.0.1:{port}"
    return [
        python,
        "-m",
        program,
        "serve",
        "--address",
        address,
        "--data",
        data,
    ]


class ServiceAt(NamedTuple):
    """A real server: its process, its address, and the folder with its token."""

    pid: int
    address: str
    data: Path

    def connect(self) -> grpc.Channel:
        """Return a channel of its operator."""
        return connect(self.address, credentials=credentials_of(self.data))


@contextmanager
def service_over(data: Path, url: str = "") -> Iterator[ServiceAt]:
    """Run the real server in a data folder, its log thrown away.

    Over SQLite, or over PostgreSQL at a URL.
    """
    port = free_port()
    command = _serve("gongji", port, data.resolve())
    command += ["--database", url] if url else []
    with _running(command, Path(os.devnull), port) as pid:
        yield ServiceAt(pid, f"127.0.0.1:{port}", data.resolve())


@contextmanager
def naive(on: Ground, name: str, database: str) -> Iterator[Serving]:
    """Run what one would write first: an ORM, a transaction a call.

    Over "sqlite" or "postgres".
    """
    path = on.folder / f"{name}.sqlite3"
    is_sqlite = database == "sqlite"
    url = f"sqlite:///{path}" if is_sqlite else on.postgres.fresh()
    pids = () if is_sqlite else on.postgres_pids

    def settled() -> int:
        table = "naive_settlement"
        return _count_sqlite(path, table) if is_sqlite else _count_postgres(url, table)

    port = free_port()
    address = f"127.0.0.1:{port}"
    command = [sys.executable, NAIVE, "--address", address, "--database", url]
    with _running(command, on.folder / f"{name}.log", port) as pid:
        yield Serving(Target(port, (pid,), pids), settled)


@contextmanager
def _running(
    command: list[Any],
    log: Path,
    port: int,
    env: dict[str, str] | None = None,
    *,
    ready: str = "",
    shown: Credentials = NO_CREDENTIALS,
) -> Iterator[int]:
    """Run a process that answers on the port and has written `ready` to its log.

    Only whoever shows `shown` can connect. RuntimeError with the end of its log if it
    does not.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own servers
            [str(part) for part in command],
            stdout=output,
            stderr=output,
            cwd=ROOT,
            env=os.environ | (env or {}),
        )
    try:
        with connect(f"127.0.0.1:{port}", credentials=shown) as channel:
            _await(process, channel, log, ready)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(
    process: subprocess.Popen[bytes], channel: grpc.Channel, log: Path, ready: str
) -> None:
    until = monotonic() + START_S
    answering = grpc.channel_ready_future(channel)
    while process.poll() is None and monotonic() < until:
        with suppress(grpc.FutureTimeoutError):
            answering.result(timeout=0.2)
            if ready in log.read_text(encoding="utf-8", errors="replace"):
                return
            sleep(0.05)
    tail = log.read_text(encoding="utf-8", errors="replace")[-1000:]
    raise RuntimeError(f"服务没有起来，日志末尾：{tail.strip()}")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _count_sqlite(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - a name of ours
        return int(count)


def _count_postgres(url: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - as above
        return int(row[0]) if row else 0
