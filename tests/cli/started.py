"""`gongji serve` in a process of its own, its announcement and log read as they come."""

from __future__ import annotations

import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple, Self

import grpc
from gongji.rules.codes import SHANGHAI
from gongji.serve.settings import DATABASE
from gongji.v1 import (
    account_pb2,
    account_pb2_grpc,
    registry_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
    types_pb2,
)

from tests.patience import PATIENCE_S
from tests.scaffold.credentials import bearer_of, with_metadata
from tests.scaffold.kept import give_kept

POLL_S = 0.02

TODAY = datetime.now(SHANGHAI).date().isoformat()
"""A bill of today is settled whatever day it is."""


class Started:
    """A server that has announced itself."""

    def __init__(self, process: subprocess.Popen[str], data: Path) -> None:
        self.process = process
        self.data = data
        self.address = ""
        # What it said, sentence by sentence, and all of the event in which it said so.
        self.announced: list[str] = []
        self.told: dict[str, Any] = {}
        self.logged: list[str] = []
        self._log: SimpleQueue[str | None] = SimpleQueue()
        self._started: SimpleQueue[str] = SimpleQueue()
        # Read as it comes: a server whose pipe is full would wait for us.
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        for line in self.process.stderr or ():
            self.logged.append(line)
            self._log.put(line)
            if line.startswith("{") and '"event":"started"' in line:
                self._started.put(line)
        self._log.put(None)
        self._started.put("")

    def announcement(self) -> None:
        """Wait for it. AssertionError with the log if the server ends instead."""
        line = self._started.get(timeout=PATIENCE_S)
        if not line:
            raise AssertionError(self.silence())
        self.told = json.loads(line)
        self.address = self.told["address"]
        self.announced = self.told["said"]

    def event(self, name: str) -> dict[str, Any]:
        """Return the next log line of an event; skip those before it."""
        while (line := self._log.get(timeout=PATIENCE_S)) is not None:
            if not line.startswith("{"):
                continue
            logged: dict[str, Any] = json.loads(line)
            if logged["event"] == name:
                return logged
        message = f"the log ended without {name}"
        raise AssertionError(message)

    def silence(self) -> str:
        """Wait until all its processes are gone; return what was still logged."""
        return "".join(iter(lambda: self._log.get(timeout=PATIENCE_S) or "", ""))

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """End it by a signal; return its exit code once all its processes are gone."""
        self.process.send_signal(number)
        self.silence()
        return self.process.wait(PATIENCE_S)


@contextmanager
def started(
    *arguments: str, under: Sequence[str] = (), command: str = "serve"
) -> Iterator[Started]:
    """Start the command on a free port, under another if one is given; wait until it serves."""
    called = [sys.executable, "-m", "gongji", command, "--address", "127.0.0.1:0"]
    give_kept(_data_in(arguments))
    with subprocess.Popen(  # noqa: S603 - our own
        [*under, *called, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        server = Started(process, _data_in(arguments))
        try:
            server.announcement()
            yield server
        finally:
            process.kill()
            # Its gateway writes to the same pipe a little longer, which is closed next.
            server.reader.join(PATIENCE_S)


def _data_in(arguments: Sequence[str]) -> Path:
    return Path(arguments[arguments.index("--data") + 1])


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself."""
    command = [sys.executable, "-m", "gongji", *arguments]
    return subprocess.run(  # noqa: S603 - our own
        command, capture_output=True, encoding="utf-8", check=False, timeout=PATIENCE_S
    )


class Caller:
    """A clinic's calls about the sample's first person, over a connection of its own."""

    def __init__(self, server: Started) -> None:
        # gRPC would share a connection of another caller, and hide an UNAVAILABLE.
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        channel = grpc.insecure_channel(server.address, options)
        self.channel = with_metadata(channel, bearer_of(server.data))
        self.settlements = settlement_pb2_grpc.SettlementServiceStub(self.channel)
        self.accounts = account_pb2_grpc.AccountServiceStub(self.channel)
        self.registry = registry_pb2_grpc.RegistryServiceStub(self.channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def settle(
        self, request_id: str = "", fen: int = 10_000
    ) -> settlement_pb2.SettleResponse:
        """Settle a bill below the deductible, out of the person's own purse."""
        request = settlement_pb2.SettleRequest(
            request_id=request_id or str(uuid.uuid4()), bill=self.bill(fen)
        )
        return self.settlements.Settle(request, timeout=PATIENCE_S)

    @staticmethod
    def bill(fen: int) -> settlement_pb2.Bill:
        """Return a bill of today, wholly in scope."""
        return settlement_pb2.Bill(
            patient=PERSON,
            institution_code="H34110000001",
            service_day=TODAY,
            visit_kind=settlement_pb2.VISIT_KIND_OUTPATIENT,
            total_fen=fen,
            in_scope_fen=fen,
            account_use=settlement_pb2.ACCOUNT_USE_OWN,
        )

    def balance(self) -> int:
        """Return the purse's balance in fen."""
        request = account_pb2.GetAccountRequest(person=PERSON)
        reply = self.accounts.GetAccount(request, timeout=PATIENCE_S)
        return reply.balance_fen


def wait_for_request(data: Path) -> None:
    """Wait until a request is remembered in a service's folder: an import has begun.

    Nobody who calls can see it: its rows are read once all of them are there.
    """
    uri = f"{(data / DATABASE).absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as database:
        while not database.execute("SELECT count(*) FROM request").fetchone()[0]:
            time.sleep(POLL_S)


PERSON = types_pb2.PersonRef(person_no="CZ001")


@contextmanager
def ended_with(pids: Iterable[int]) -> Iterator[None]:
    """Wait, at the end, until these processes are gone, whoever's children they are and become."""
    with ExitStack() as stack:
        watches = []
        for pid in pids:
            watches.append(os.pidfd_open(pid))
            stack.callback(os.close, watches[-1])
        yield
        for watch in watches:
            # It can be read once the process has let go of all it held.
            assert select.select([watch], [], [], PATIENCE_S)[0], (
                "a process has outlived its server"
            )


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text(encoding="utf-8").split()]


def listening(port: int) -> bool:
    """Return whether anybody listens on a port of this machine.

    Whether it can be bound would say less: some connection of another test may happen
    to go out from it.
    """
    return any(number == port and state == LISTEN for number, state, _ in _sockets())


def connections(pid: int, port: int) -> int:
    """Return how many connections a process and its children have accepted on a port."""
    accepted = set().union(*(_sockets_of(one) for one in (pid, *children(pid))))
    return sum(
        socket.port == port
        and socket.state == ESTABLISHED
        and f"socket:[{socket.inode}]" in accepted
        for socket in _sockets()
    )


def _sockets_of(pid: int) -> set[str]:
    """Return the sockets a process has open, such as socket:[4711]."""
    links = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            links.add(str(descriptor.readlink()))
        except FileNotFoundError:  # closed since
            continue
    return links


class TcpSocket(NamedTuple):
    """A TCP socket of this machine, as Linux lists it."""

    port: int
    state: str
    inode: str


def _sockets() -> Iterator[TcpSocket]:
    for name in ("tcp", "tcp6"):
        table = Path(f"/proc/net/{name}").read_text(encoding="utf-8")
        for line in table.splitlines()[1:]:
            columns = line.split()
            port = int(columns[1].rpartition(":")[2], 16)
            yield TcpSocket(port, state=columns[3], inode=columns[9])


ESTABLISHED, LISTEN = "01", "0A"
