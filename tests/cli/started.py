"""`gongji serve` as people start it: a process of its own, its announcement and log
read as they come."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Self

import grpc
from gongji.rules.codes import SHANGHAI
from gongji.v1 import (
    account_pb2,
    account_pb2_grpc,
    registry_pb2_grpc,
    settlement_pb2,
    settlement_pb2_grpc,
    types_pb2,
)

PATIENCE_S = 60
TODAY = datetime.now(SHANGHAI).date().isoformat()
"""A bill of today is settled whatever day it is."""


class Started:
    """A server that has announced itself; its log is read as it comes, so that it never
    waits for us."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.address = ""
        self.announced: list[str] = []
        self._log: SimpleQueue[str | None] = SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stderr or ():
            self._log.put(line)
        self._log.put(None)

    def announcement(self) -> None:
        """Waits for it. AssertionError with the log where it ended instead."""
        for line in self.process.stdout or ():
            self.announced.append(line)
            if found := re.search(r"正在 (\S+:\d+) 服务", line):
                self.address = found[1]
                return
        raise AssertionError(self.silence())

    def event(self, name: str) -> dict[str, Any]:
        """The next log line of that event; what is logged before it is passed over."""
        while (line := self._log.get(timeout=PATIENCE_S)) is not None:
            if line.startswith("{") and (told := json.loads(line))["event"] == name:
                return dict(told)
        msg = f"the log ended without {name}"
        raise AssertionError(msg)

    def silence(self) -> str:
        """Waits until nobody is left who could write to the log: what it still said."""
        return "".join(iter(lambda: self._log.get(timeout=PATIENCE_S) or "", ""))

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ends it by a signal: its exit code, once all its processes are gone."""
        self.process.send_signal(number)
        self.silence()
        return self.process.wait(PATIENCE_S)


@contextmanager
def started(*arguments: str) -> Iterator[Started]:
    """Starts the command on a free port and waits for its announcement."""
    command = [
        sys.executable,
        "-m",
        "gongji",
        "serve",
        "--address",
        "127.0.0.1:0",
        *arguments,
    ]
    with subprocess.Popen(  # noqa: S603 - our own
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            (server := Started(process)).announcement()
            yield server
        finally:
            process.kill()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    command = [sys.executable, "-m", "gongji", *arguments]
    return subprocess.run(  # noqa: S603 - our own
        command, capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )


class Caller:
    """A connection of its own, and the calls of a clinic about the sample's first person."""

    def __init__(self, address: str) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)]
        self.channel = grpc.insecure_channel(address, options)
        self.settlements: Any = settlement_pb2_grpc.SettlementServiceStub(self.channel)
        self.accounts: Any = account_pb2_grpc.AccountServiceStub(self.channel)
        self.registry: Any = registry_pb2_grpc.RegistryServiceStub(self.channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def settle(
        self, request_id: str = "", fen: int = 10_000
    ) -> settlement_pb2.SettleResponse:
        """Settles a bill below the deductible, out of the person's own purse."""
        request = settlement_pb2.SettleRequest(
            request_id=request_id or str(uuid.uuid4()), bill=self.bill(fen)
        )
        reply: settlement_pb2.SettleResponse = self.settlements.Settle(
            request, timeout=20
        )
        return reply

    @staticmethod
    def bill(fen: int) -> settlement_pb2.Bill:
        """A bill of today, wholly in scope."""
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
        """The purse, in fen."""
        reply = self.accounts.GetAccount(
            account_pb2.GetAccountRequest(person=PERSON), timeout=20
        )
        return int(reply.balance_fen)


PERSON = types_pb2.PersonRef(person_no="CZ001")


def children(pid: int) -> list[int]:
    """The processes a process has started."""
    return [
        int(child)
        for child in Path(f"/proc/{pid}/task/{pid}/children")
        .read_text(encoding="utf-8")
        .split()
    ]


def connections(pid: int, port: int) -> int:
    """How many connections a process and its children have accepted on a port."""
    inodes = set()
    for descriptor in (
        d for one in (pid, *children(pid)) for d in Path(f"/proc/{one}/fd").iterdir()
    ):
        try:
            inodes.add(str(descriptor.readlink()))
        except FileNotFoundError:
            continue
    tables = [
        Path(f"/proc/net/{name}").read_text(encoding="utf-8").splitlines()[1:]
        for name in ("tcp", "tcp6")
    ]
    rows = (line.split() for table in tables for line in table)
    return sum(
        f"socket:[{row[9]}]" in inodes
        and int(row[1].rpartition(":")[2], 16) == port
        and row[3] == ESTABLISHED
        for row in rows
    )


ESTABLISHED = "01"
