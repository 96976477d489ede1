"""Runs the compiled load client against one server and reads its report."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tests.bench import compiled

CONNECTIONS = 16
"""Most connections the callers share."""

DEADLINE_S = 30
"""Deadline each call states, as callers are asked to; no answer takes that long."""


TOLERATED = 0.02
"""Share of calls that may go wrong in a window that counts all the same; they are told."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where calls go and whose processor time is theirs; `database` are processes of a
    database of its own."""

    port: int
    server: tuple[int, ...]
    database: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Calls:
    """What is sent: a method, its message in a file, and where in it the id (-1: none)
    and the patient stand."""

    method: str
    body: Path
    id_at: int
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
        """What went wrong besides the good calls; empty where nothing did."""
        if not self.failed and not self.unanswered:
            return ""
        failed = f"{self.failed:,} 次失败(各状态 {dict(self.statuses)})"
        return (
            f"{self.callers} 个调用方: {self.good:,} 次成功, {failed}, "
            f"{self.unanswered:,} 次没有答复"
        )

    @property
    def others_cores(self) -> float:
        """What the machine did beside: other people's work, and the kernel's that it
        charged to nobody."""
        return max(
            0.0,
            self.machine_cores
            - self.server_cores
            - self.database_cores
            - self.client_cores,
        )


def load(
    target: Target,
    calls: Calls,
    callers: int,
    *,
    seconds: float,
    warm: float,
    patients: tuple[int, int],
    serial: int = 0,
    rate: float = 0.0,
) -> Measured:
    """One window of load; patients are drawn from (first, count), ids follow from `serial`.

    RuntimeError where the client gave up, or more than a few calls ended neither well
    nor pushed back.
    """
    first, count = patients
    command: list[object] = [
        compiled.load_client(),
        "-p",
        target.port,
        "-P",
        calls.method,
        "-b",
        calls.body,
    ]
    command += [
        "-n",
        callers,
        "-c",
        min(callers, CONNECTIONS),
        "-d",
        seconds,
        "-w",
        warm,
        "-t",
        DEADLINE_S,
    ]
    command += [
        "-u",
        calls.id_at,
        "-s",
        serial,
        "-r",
        f"{calls.patient_at}:{calls.digits}:{first}:{count}",
    ]
    command += [
        "-q",
        rate,
        "-k",
        _listed(target.server),
        "-K",
        _listed(target.database),
    ]
    done = subprocess.run(  # noqa: S603 - our own client
        [str(part) for part in command],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=seconds + warm + 60,
    )
    if done.returncode:
        raise RuntimeError(f"压测客户端中止: {done.stderr.strip()[-500:]}")
    measured = msgspec.json.decode(done.stdout, type=Measured)
    if (
        not measured.good
        or measured.failed + measured.unanswered > TOLERATED * measured.good
    ):
        raise RuntimeError(measured.flaw or f"{callers} 个调用方: 没有一次成功")
    return measured


def _listed(pids: Sequence[int]) -> str:
    return ",".join(map(str, pids))
