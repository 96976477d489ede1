"""An earlier release and today's code under the same load, in turn, in one run.

Today's server stands as it is meant to be run: mutual TLS, a policy, accesses recorded,
every decision a leaf of the log. The earlier release, 0.1.0, knew none of that.

Between two runs a machine differs by more than what is to be seen. So both servers stand
side by side, each round gives both the same windows one after the other, first the one
and in the next round first the other; ratios are of windows of one round.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Final

import grpc
from gongji.client.credentials import NO_CREDENTIALS
from rich.console import Console
from rich.table import Table

from tests.bench import ground, wired
from tests.bench.doors import Guarded
from tests.bench.load import Calls, Window, load
from tests.bench.processes import await_rest, cpu_s
from tests.bench.release import Release
from tests.bench.serving import Ground, Serving, bare

EARLIER, TODAY = "earlier", "today"

ROUNDS: Final = 9
"""Enough for quartiles to say something."""

IMPORTED: Final = 5_000
"""Persons imported in one window."""

SLOWEST: Final = 0.75
"""Settle a second, today's by the earlier release's, below which it is too slow."""

_FIRST_IMPORTED: Final = 100_000
"""The place of the first person that is imported while it is measured."""

_SERIALS: Final = 10_000_000
"""Ids set aside for one window."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often, how hard, how long: rounds, callers, seconds of a window."""

    rounds: int = ROUNDS
    callers: Sequence[int] = (64,)
    seconds: float = 3.0
    warm: float = 1.0
    imported: int = IMPORTED


@dataclass(frozen=True, slots=True)
class Figure:
    """What one window measured: calls, or rows, a second, and CPU µs of the server each."""

    per_s: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class WindowPair:
    """Both windows of one round, of the earlier release and of today's code."""

    earlier: Figure
    today: Figure

    @property
    def rate(self) -> float:
        """Return today's calls a second by the earlier release's."""
        return self.today.per_s / self.earlier.per_s

    @property
    def cpu(self) -> float:
        """Return today's CPU a call by the earlier release's."""
        return self.today.cpu_us / self.earlier.cpu_us


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the rounds: median, quartiles, least and most."""

    median: float
    quartiles: tuple[float, float]
    ends: tuple[float, float]

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Return the spread of one or more values."""
        # One value is its own spread; quartiles want two.
        several = [*values, *values] if len(values) == 1 else values
        low, middle, high = quantiles(several, n=4, method="inclusive")
        return cls(middle, (low, high), (min(values), max(values)))

    def __str__(self) -> str:
        low, high = self.quartiles
        least, most = self.ends
        return f"{self.median:.2f}  [{low:.2f}–{high:.2f}]  {least:.2f}–{most:.2f}"


@dataclass
class StandingServer:
    """One of the two servers, and where its next window's ids and persons begin."""

    serving: Serving
    channel: grpc.Channel
    serial: int = 0
    place: int = _FIRST_IMPORTED

    @property
    def pid(self) -> int:
        (pid,) = self.serving.target.server
        return pid


Measure = Callable[[StandingServer], Figure]


@dataclass
class Comparison:
    """What is measured of both, by name, a pair a round."""

    plan: Schedule
    calls: dict[str, Calls]
    pairs: dict[str, list[WindowPair]] = field(default_factory=dict)

    def measures(self) -> Iterator[tuple[str, Measure]]:
        """Yield each kind of window by name."""
        for method, calls in self.calls.items():
            for callers in self.plan.callers:
                yield f"{method}，{callers} 个调用方", self._loaded(calls, callers)
        yield "导入人员", self._import

    def _loaded(self, calls: Calls, callers: int) -> Measure:
        def measure(contender: StandingServer) -> Figure:
            contender.serial += _SERIALS
            window = Window(
                seconds=self.plan.seconds,
                warm=self.plan.warm,
                patients=(1, wired.PERSONS),
                serial=contender.serial,
            )
            measured = load(contender.serving.target, calls, callers, window)
            return Figure(measured.calls_per_s, measured.server_us)

        return measure

    def _import(self, contender: StandingServer) -> Figure:
        first, rows = contender.place, self.plan.imported
        contender.place += rows
        cpu, began = cpu_s(contender.pid), perf_counter()
        wired.import_persons(contender.channel, range(first, first + rows))
        seconds = perf_counter() - began
        # What an import leaves to be done after its answer is its own: it belongs to no
        # window that follows.
        await_rest(contender.pid)
        return Figure(rows / seconds, (cpu_s(contender.pid) - cpu) / rows * 1e6)

    def round(
        self, number: int, contenders: dict[str, StandingServer]
    ) -> Iterator[str]:
        """Measure everything once; yield a line for each pair."""
        # Who goes first changes: what the first leaves behind meets both alike.
        order = list(contenders)[:: 1 if number % 2 else -1]
        for name, measure in self.measures():
            figures = {who: measure(contenders[who]) for who in order}
            pair = WindowPair(figures[EARLIER], figures[TODAY])
            self.pairs.setdefault(name, []).append(pair)
            yield (
                f"第 {number} 轮 {name}：{pair.earlier.per_s:,.0f} → "
                f"{pair.today.per_s:,.0f} 次/秒（{pair.rate:.2f}），服务 CPU "
                f"{pair.earlier.cpu_us:,.0f} → {pair.today.cpu_us:,.0f} µs（{pair.cpu:.2f}）"
            )


def compare(
    on: Ground, release: Release, plan: Schedule, console: Console
) -> Comparison:
    """Return all rounds, telling the console as they go.

    RuntimeError or grpc.RpcError if a server does not do what it is told.
    """
    calls = {
        "Settle": ground.settle_calls(on.folder),
        "Quote": ground.quote_calls(on.folder),
    }
    comparison = Comparison(plan, calls)
    with ExitStack() as stack:
        earlier = stack.enter_context(bare(on, EARLIER, release.python))
        channel = stack.enter_context(earlier.target.connect())
        wired.tell(channel)
        contenders = {
            EARLIER: StandingServer(earlier, channel),
            TODAY: stack.enter_context(_guarded(on)),
        }
        for number in range(1, plan.rounds + 1):
            for line in comparison.round(number, contenders):
                console.print(line, highlight=False, markup=False)
    return comparison


@contextmanager
def _guarded(on: Ground) -> Iterator[StandingServer]:
    """Run today's server with all its doors, over what it was told without them."""
    python = Path(sys.executable)
    sandbox = bare(on, TODAY, python, ("--sandbox",), NO_CREDENTIALS)
    with sandbox as told, told.target.connect() as channel:
        wired.tell(channel)
    doors = Guarded.at(on.folder / f"{TODAY}-doors")
    with bare(on, TODAY, python, doors.options, doors.hospital) as serving:
        operator = replace(serving.target, shown=doors.operator)
        with operator.connect() as channel:
            yield StandingServer(serving, channel)


def show(comparison: Comparison, release: Release, console: Console) -> None:
    """Print both sides' medians, and the ratios with their spread."""
    table = Table(
        title=f"今日与 {release.version}：各轮之比，中位数 [四分位] 最小–最大"
    )
    table.add_column("")
    for head in (f"{release.version} 次/秒", "今日 次/秒", "速率之比", "CPU 之比"):
        table.add_column(head, justify="right")
    for name, pairs in comparison.pairs.items():
        table.add_row(name, *_cells(pairs))
    console.print(table)
    for name, pairs in comparison.pairs.items():
        if name.startswith("Settle"):
            rate = median(pair.rate for pair in pairs)
            verdict = "达到" if rate >= SLOWEST else "未达到"
            console.print(f"{name}：速率之比 ≥ {SLOWEST}，测得 {rate:.2f}，{verdict}")


def _cells(pairs: Sequence[WindowPair]) -> Iterator[str]:
    for side in (EARLIER, TODAY):
        yield f"{median(getattr(pair, side).per_s for pair in pairs):,.0f}"
    yield str(Spread.of([pair.rate for pair in pairs]))
    yield str(Spread.of([pair.cpu for pair in pairs]))
