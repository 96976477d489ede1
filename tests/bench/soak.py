"""Have a server settle for minutes at a steady part of its best rate.

Its memory and its slowest answers are to stay as they are.

.venv/bin/python -m tests.bench.soak [--minutes N] [--share X]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final
from urllib.request import urlopen

import click

from tests.bench import doors, ground
from tests.bench.load import Calls, Measured, Window, load
from tests.bench.processes import held_mib
from tests.bench.run import on_disk
from tests.bench.serving import Serving, free_port
from tests.bench.subjects import USUAL

SHARE: Final = 0.7
MINUTES: Final = 10
WINDOW_S: Final = 30.0

WARM_SHARE: Final = 0.2
"""Of the minutes: until then the page caches of the database fill."""

_BEST: Final = Window(seconds=5.0, warm=2.0, patients=ground.SPREAD)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Half a minute: what was measured, and what its processes held afterwards."""

    measured: Measured
    mib: tuple[float, ...]

    @property
    def line(self) -> str:
        """Return it in words."""
        m = self.measured
        each = " + ".join(f"{mib:.0f}" for mib in self.mib)
        return (
            f"{m.calls_per_s:>6,.0f} 次/秒，p50 {m.p50_ms:.1f} ms, "
            f"p99 {m.p99_ms:.1f} ms，最慢 {m.max_ms:.0f} ms，内存 {each} MiB，"
            f"服务 CPU {m.server_us:.0f} µs/次，旁人 {m.others_cores:.2f} 核"
        )


FIGURES: Final[dict[str, tuple[float, Callable[[Stretch], float]]]] = {
    "内存（MiB）": (1.05, lambda stretch: sum(stretch.mib)),
    "p99 (ms)": (1.25, lambda stretch: stretch.measured.p99_ms),
}
"""Figures with the most that a median of the last third may be of that of the first."""


@click.command(
    help="以最高速率的一部分定时发出结算：双向 TLS、策略、访问记录、账本、指标全开；"
    "内存与 p99 须平。"
)
@click.option("--minutes", type=click.FloatRange(2), default=MINUTES, show_default=True)
@click.option(
    "--share", type=click.FloatRange(0.1, 1), default=SHARE, show_default=True
)
def main(*, minutes: float, share: float) -> None:
    """Run one server; exit with 1 if a figure is not flat or a settlement is missing."""
    metrics = f"127.0.0.1:{free_port()}"
    with on_disk() as on, doors.guarded(on, "soak", metrics=metrics) as serving:
        calls = ground.settle_calls(on.folder)
        best = load(serving.target, calls, USUAL, _BEST)
        rate = best.calls_per_s * share
        click.echo(f"最高 {best.calls_per_s:,.0f} 次/秒，定时发出 {rate:,.0f} 次/秒")
        window = replace(_BEST, seconds=WINDOW_S, warm=0.0, serial=best.next, rate=rate)
        times = round(minutes * 60 / WINDOW_S)
        stretches = list(_soak(serving, calls, [window] * times, metrics))
        kept = _all_kept(serving, [best, *(stretch.measured for stretch in stretches)])
    raise SystemExit(0 if all(_flat(stretches)) and kept else 1)


def _soak(
    serving: Serving, calls: Calls, windows: Sequence[Window], metrics: str
) -> Iterator[Stretch]:
    """Yield windows of load, one after the other; tell of each."""
    (pid,) = serving.target.server
    serial = windows[0].serial
    for number, window in enumerate(windows, start=1):
        measured = load(serving.target, calls, USUAL, replace(window, serial=serial))
        serial = measured.next
        _scrape(metrics)
        stretch = Stretch(measured, tuple(held_mib(pid)))
        click.echo(f"{number * WINDOW_S / 60:>4.1f} 分：{stretch.line}")
        yield stretch


def _all_kept(serving: Serving, windows: Sequence[Measured]) -> bool:
    """Tell how many settlements were acknowledged and are kept; return whether all are."""
    acknowledged = sum(window.acknowledged for window in windows)
    assert serving.settled is not None
    stored = serving.settled()
    click.echo(f"答复成功 {acknowledged:,} 笔，库中 {stored:,} 笔")
    return stored >= acknowledged


def _scrape(metrics: str) -> None:
    """Read the metrics as Prometheus does. URLError."""
    with urlopen(f"http://{metrics}/metrics", timeout=10) as reply:
        reply.read()


def _flat(stretches: Sequence[Stretch]) -> Iterator[bool]:
    """Tell of each figure whether it is flat; yield that."""
    warm = stretches[round(len(stretches) * WARM_SHARE) :]
    third = max(1, len(warm) // 3)
    for name, (most, figure) in FIGURES.items():
        first = median(map(figure, warm[:third]))
        last = median(map(figure, warm[-third:]))
        flat = last <= most * first
        word = "平" if flat else "不平"
        click.echo(f"{name}: {first:.1f} → {last:.1f} ({last / first:.2f}), {word}")
        yield flat


if __name__ == "__main__":
    main()
