"""What a good caller is answered beside each attack.

.venv/bin/python -m tests.hostile.beside [--seconds S] [ATTACK …]
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from tests.cli.started import Started, started
from tests.hostile.attacks import ATTACKS, CITIES, Victim
from tests.patience import PATIENCE_S

CHECK: Final = "/grpc.health.v1.Health/Check"

_SPAWN: Final = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Received:
    """What a caller was answered: how often, and after how many milliseconds."""

    count: int
    seconds: float
    failures: dict[str, int]
    median_ms: float
    p99_ms: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.count / self.seconds


@dataclass(frozen=True)
class Beside:
    """What a good caller and health were answered beside an attack, and the memory then."""

    good: Received
    health: Received
    after: Received
    memory_mb: tuple[int, int]
    """Of server and gateway together, before and after."""


def ask(address: str, path: str, name: str, seconds: float) -> Received:
    """Ask one call after the other for a time."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    times: list[float] = []
    failures: Counter[str] = Counter()
    # Any: its stubs know messages only.
    channel: Any
    with grpc.insecure_channel(address, options) as channel:
        call = channel.unary_unary(path)
        began = last = time.monotonic()
        while last - began < seconds:
            failures.update(_failure(call, name))
            now = time.monotonic()
            times.append((now - last) * 1000)
            last = now
    count = len(times) - failures.total()
    middle, late = statistics.median(times), sorted(times)[int(len(times) * 0.99)]
    return Received(count, last - began, dict(failures), middle, late)


def _failure(call: Any, name: str) -> list[str]:
    """Call once; return the code, if it fails."""
    try:
        call(b"", timeout=PATIENCE_S, metadata=[("x-gongji-caller", name)])
    except grpc.RpcError as error:
        return [error.code().name]
    return []


def beside(server: Started, name: str, seconds: float) -> Beside:
    """Return what comes of an attack of so many seconds."""
    before_mb = memory_mb(server.process.pid)
    target = Victim(server.address, [("x-gongji-caller", "bad")], seconds)
    with _SPAWN.Pool(3) as pool:
        attack = pool.apply_async(run, (name, target))
        # In the midst of it.
        time.sleep(seconds / 6)
        asked = [
            pool.apply_async(ask, (server.address, path, "good", seconds * 4 / 6))
            for path in (CITIES, CHECK)
        ]
        good, health = [one.get(PATIENCE_S) for one in asked]
        attack.get(PATIENCE_S)
        after = ask(server.address, CITIES, "good", 0.5)
    return Beside(good, health, after, (before_mb, memory_mb(server.process.pid)))


def run(name: str, target: Victim) -> None:
    """Attack."""
    ATTACKS[name](target)


def memory_mb(pid: int) -> int:
    """Return the resident memory of a process and all its children."""
    return sum(sizes_mb(pid))


def sizes_mb(pid: int) -> list[int]:
    """Return the resident memory of a process, then of all its children."""
    own = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(line for line in own.splitlines() if line.startswith("VmRSS"))
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    below = [size for child in children.split() for size in sizes_mb(int(child))]
    return [int(line.split()[1]) // 1024, *below]


@contextmanager
def sandbox(*options: str) -> Iterator[Started]:
    """Run a sandbox with its sample."""
    with (
        tempfile.TemporaryDirectory() as data,
        started("--data", data, "--sandbox", "--sample", *options) as server,
    ):
        yield server


def main(arguments: Sequence[str]) -> None:
    """Print a line an attack."""
    parser = argparse.ArgumentParser()
    parser.add_argument("attacks", nargs="*")
    parser.add_argument("--seconds", type=float, default=6)
    asked = parser.parse_args(arguments)
    for name in asked.attacks or ATTACKS:
        with sandbox() as server:
            came = beside(server, name, asked.seconds)
            lines = len(server.logged)
        sys.stdout.write(
            f"{name:14} {came.good.rate:7.1f}/s {came.good.failures or ''} "
            f"p50 {came.good.median_ms:.1f} p99 {came.good.p99_ms:.1f} ms; "
            f"health {came.health.rate:.1f}/s p99 {came.health.p99_ms:.1f} ms; "
            f"after p99 {came.after.p99_ms:.1f} ms; "
            f"MB {came.memory_mb}; {lines} log lines\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
