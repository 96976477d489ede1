"""Run the compiled load client against one server and read its report."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
import msgspec
from gongji.client.connection import connect
from gongji.client.credentials import NO_CREDENTIALS, Credentials

from tests.bench import compiled

CONNECTIONS = 16
"""Most connections the callers share."""

DEADLINE_S = 30
"""Deadline each call states, as callers are asked to; no answer takes that long."""


TOLERATED = 0.02
"""Share of calls that may go wrong in a window that counts all the same; it is reported."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where calls go and whose processor time is theirs; `database` are processes of a
    database of its own, `shown` is what callers show."""

    port: int
    server: tuple[int, ...]
    database: tuple[int, ...] = ()
    shown: Credentials = NO_CREDENTIALS

    def connect(self) -> grpc.Channel:
        """Return a channel of the same caller."""
        return connect(f"127.0.0.1:{self.port}", credentials=self.shown)


@dataclass(frozen=True, slots=True)
class Calls:
    """What is sent: a method, its message in a file, and where in it the id and the
    patient stand; `id_at` is -1 if it has no id."""

    method: str
    body: Path
    id_at: int
    msgid_at: int
    patient_at: int
    digits: int


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One window of load. Times are ms, except CPU: µs per good call, or cores."""

    callers: int
    connections: int
    seconds: float
    calls_per_s: float
    good: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    server_us: float
    database_us: float
    server_cores: float
    database_cores: float
    client_cores: float
    machine_cores: float
    failed: int
    pushed_back: int
    no_status: int
    statuses: Mapping[str, int]
    reply_bytes: int
    sent: int
    acknowledged: int
    unanswered: int
    next: int

    @property
    def flaw(self) -> str:
        """Return what went wrong besides the good calls; empty if nothing did."""
        if not self.failed and not self.unanswered:
            return ""
        failed = f"{self.failed:,} 次失败（各状态 {dict(self.statuses)}）"
        return (
            f"{self.callers} 个调用方：{self.good:,} 次成功，{failed}，"
            f"{self.unanswered:,} 次没有答复"
        )

    @property
    def others_cores(self) -> float:
        """Return what else the machine did, in cores.

        Other people's work, and the kernel's that it charged to nobody.
        """
        own_cores = self.server_cores + self.database_cores + self.client_cores
        return max(0.0, self.machine_cores - own_cores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long and how hard: seconds, calls a second, and whose bills.

    Patients are drawn from (first, count), ids follow from `serial`; rate 0.0 is as
    fast as it goes.
    """

    seconds: float
    warm: float
    patients: tuple[int, int]
    serial: int = 0
    rate: float = 0.0


def load(target: Target, calls: Calls, callers: int, window: Window) -> Measured:
    """Return what one window of load measured.

    RuntimeError if the client gave up, or more than a few calls ended neither well nor
    pushed back.
    """
    client = [str(compiled.load_client()), *_arguments(target, calls, callers, window)]
    run = subprocess.run(  # noqa: S603 - our own client
        client,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=window.seconds + window.warm + 60,
    )
    if run.returncode:
        raise RuntimeError(f"压测客户端中止：{run.stderr.strip()[-500:]}")
    measured = msgspec.json.decode(run.stdout, type=Measured)
    tolerated = TOLERATED * measured.good
    if not measured.good or measured.failed + measured.unanswered > tolerated:
        raise RuntimeError(measured.flaw or f"{callers} 个调用方：没有一次成功")
    return measured


def _arguments(
    target: Target, calls: Calls, callers: int, window: Window
) -> Iterator[str]:
    """Yield the load client's options and their values (load.c)."""
    first, count = window.patients
    options: dict[str, object] = {
        "-p": target.port,
        "-P": calls.method,
        "-b": calls.body,
        "-n": callers,
        "-c": min(callers, CONNECTIONS),
        "-d": window.seconds,
        "-w": window.warm,
        "-t": DEADLINE_S,
        "-u": calls.id_at,
        "-m": calls.msgid_at,
        "-s": window.serial,
        "-r": f"{calls.patient_at}:{calls.digits}:{first}:{count}",
        "-q": window.rate,
        "-k": _comma_separated(target.server),
        "-K": _comma_separated(target.database),
    }
    for option, value in (options | _shown(target.shown)).items():
        yield from (option, str(value))


def _shown(credentials: Credentials) -> dict[str, object]:
    """Return the options that have the client show credentials."""
    options: dict[str, object] = {
        "-A": credentials.ca,
        "-C": credentials.cert,
        "-Y": credentials.key,
    }
    if token := credentials.token():
        options["-a"] = f"Bearer {token.text()}"
    return {option: value for option, value in options.items() if value}


def _comma_separated(pids: Sequence[int]) -> str:
    return ",".join(map(str, pids))
