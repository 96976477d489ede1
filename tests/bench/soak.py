"""Report a server's memory over a million settlements, every hundred thousand.

The most any of its processes holds.

.venv/bin/python -m tests.bench.soak [SETTLEMENTS] [--server sqlite|postgres|workers]
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import click

from tests.bench import ground
from tests.bench.load import Calls, Measured, Window, load
from tests.bench.processes import largest_mib
from tests.bench.run import on_disk
from tests.bench.serving import Serving
from tests.bench.subjects import SERVERS, USUAL

STEP: Final = 100_000
WINDOW: Final = Window(seconds=5.0, warm=0.0, patients=ground.SPREAD)


@click.command(help="在 64 个调用方之下结算这么多笔, 每十万笔报告服务进程的内存.")
@click.argument("settlements", type=click.IntRange(1), default=1_000_000)
@click.option(
    "--server",
    type=click.Choice(["sqlite", "postgres", "workers"]),
    default="sqlite",
    show_default=True,
)
def main(*, settlements: int, server: str) -> None:
    """Run one server until it has settled so many bills; count them in its database."""
    with on_disk() as on, SERVERS[server](on, server) as serving:
        acknowledged = _soak(serving, ground.settle_calls(on.folder), settlements)
        stored = serving.settled() if serving.settled else 0
    click.echo(f"答复成功 {acknowledged:,} 笔, 库中 {stored:,} 笔")
    raise SystemExit(0 if stored >= acknowledged else 1)


def _soak(serving: Serving, calls: Calls, settlements: int) -> int:
    """Settle at least so many bills. Return how many were acknowledged."""
    (pid,) = serving.target.server
    acknowledged = serial = 0
    click.echo(f"起始: 每进程至多 {largest_mib(pid):.0f} MiB")
    while acknowledged < settlements:
        window = replace(WINDOW, serial=serial)
        measured = load(serving.target, calls, USUAL, window)
        serial = measured.next
        before = acknowledged
        acknowledged += measured.acknowledged
        if acknowledged // STEP > before // STEP or acknowledged >= settlements:
            _tell(acknowledged, pid, measured)
    return acknowledged


def _tell(acknowledged: int, pid: int, window: Measured) -> None:
    click.echo(
        f"{acknowledged:>9,} 笔: 每进程至多 {largest_mib(pid):.0f} MiB, "
        f"{window.calls_per_s:,.0f} 次/秒, p99 {window.p99_ms:.1f} ms, "
        f"服务 CPU {window.server_us:.0f} µs/次"
    )


if __name__ == "__main__":
    main()
