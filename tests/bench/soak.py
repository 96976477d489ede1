"""Memory of a server over a million settlements: the most any of its processes holds,
every hundred thousand.

.venv/bin/python -m tests.bench.soak [SETTLEMENTS] [--server sqlite|postgres|workers]
"""

from __future__ import annotations

import re
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import click

from tests.bench import ground
from tests.bench.load import Measured, load
from tests.bench.run import DISK
from tests.bench.serving import Ground
from tests.bench.subjects import SERVERS, USUAL
from tests.postgres import own

STEP: Final = 100_000
WINDOW_S: Final = 5.0


@click.command(help="在 64 个调用方之下结算这么多笔, 每十万笔报告服务进程的内存.")
@click.argument("settlements", type=click.IntRange(1), default=1_000_000)
@click.option(
    "--server",
    type=click.Choice(["sqlite", "postgres", "workers"]),
    default="sqlite",
    show_default=True,
)
def main(*, settlements: int, server: str) -> None:
    """Runs one server until it has settled so many bills, then counts them in its database."""
    tempfile.tempdir = DISK
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="gongji-bench-"))
        )
        on = Ground(folder, lambda: stack.enter_context(own()))
        serving = stack.enter_context(SERVERS[server](on, server))
        (pid,) = serving.target.server
        calls, done, serial = ground.settle_calls(folder), 0, 0
        click.echo(f"起始: 每进程至多 {_largest_mib(pid):.0f} MiB")
        while done < settlements:
            window = load(
                serving.target,
                calls,
                USUAL,
                seconds=WINDOW_S,
                warm=0.0,
                patients=ground.SPREAD,
                serial=serial,
            )
            serial = window.next
            before, done = done, done + window.acknowledged
            if done // STEP > before // STEP or done >= settlements:
                _tell(done, pid, window)
        found = serving.settled() if serving.settled else 0
    click.echo(f"答复成功 {done:,} 笔, 库中 {found:,} 笔")
    raise SystemExit(0 if found >= done else 1)


def _tell(done: int, pid: int, window: Measured) -> None:
    click.echo(
        f"{done:>9,} 笔: 每进程至多 {_largest_mib(pid):.0f} MiB, "
        f"{window.calls_per_s:,.0f} 次/秒, p99 {window.p99_ms:.1f} ms, "
        f"服务 CPU {window.server_us:.0f} µs/次"
    )


def _largest_mib(pid: int) -> float:
    """Resident memory of the largest among a process and its children, in MiB."""
    return max(map(_resident_mib, _family(pid)))


def _resident_mib(pid: int) -> float:
    (kib,) = re.findall(
        r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    )
    return int(kib) / 1024


def _family(pid: int) -> list[int]:
    family = [pid]
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            children = (thread / "children").read_text(encoding="ascii").split()
            family += [one for child in children for one in _family(int(child))]
    return family


if __name__ == "__main__":
    main()
