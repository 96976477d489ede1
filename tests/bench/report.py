"""Show the results: tables for the terminal and README.md, the picture, the raw figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from tests.bench.bars import BARS, Bar
from tests.bench.load import Measured
from tests.bench.picture import drawn
from tests.bench.rounds import Plan, Results

HERE: Final = Path(__file__).parent
BEGIN, END = "<!-- 结果自此 -->", "<!-- 结果至此 -->"
BARE, DRESSED = "echo", "dressed"

Rows = Sequence[Sequence[str]]
COLUMNS: Final = (
    "对象",
    "调用方",
    "次/秒",
    "p50 ms",
    "p99 ms",
    "服务 CPU µs/次",
    "数据库 CPU µs/次",
    "/ 同样装束的空应答",
    "/ 空应答",
)
BAR_COLUMNS: Final = ("要达到的", "界限", "测得", "")
_FIGURES: Final[tuple[tuple[str, Callable[[Measured], float]], ...]] = (
    (",.0f", lambda w: w.calls_per_s),
    (".1f", lambda w: w.p50_ms),
    (".1f", lambda w: w.p99_ms),
    (",.0f", lambda w: w.server_us),
    (",.0f", lambda w: w.database_us),
)


class Report:
    """One run's results, in several forms."""

    def __init__(
        self, plan: Plan, results: Results, machine: Mapping[str, str], day: str
    ) -> None:
        self._plan = plan
        self._results = results
        self._machine = machine
        self._day = day

    @property
    def bars(self) -> list[tuple[Bar, float | None]]:
        """Return the figures to reach that the plan covers; None if one was not measured."""
        names = {subject.name for subject in self._plan.subjects}
        names |= {extra.name for extra in self._plan.extras}
        numbers = {0, *self._plan.callers}
        return [
            (bar, bar.measured(self._results))
            for bar in BARS
            if names.issuperset(bar.needs) and bar.callers in numbers
        ]

    @property
    def whole(self) -> bool:
        """Return whether everything was measured and nothing went wrong."""
        troubled = self._results.failed or self._results.flawed
        return not troubled and all(figure is not None for _, figure in self.bars)

    def show(self, console: Console) -> None:
        """Print the tables."""
        _print_table(console, COLUMNS, list(self._rows()))
        if bars := list(self._bar_rows()):
            _print_table(console, BAR_COLUMNS, bars)
        for line in (*self._further(), *self._troubles()):
            console.print(line, highlight=False, markup=False)

    def write(self) -> None:
        """Renew the section of README.md, the picture and the raw figures."""
        plan = self._plan
        picture = drawn(self._results, plan.subjects, plan.callers, DRESSED)
        (HERE / "results.svg").write_text(picture, encoding="utf-8")
        raw = msgspec.json.format(msgspec.json.encode(self._raw()), indent=1)
        (HERE / "results.json").write_bytes(raw + b"\n")
        page = HERE / "README.md"
        text = page.read_text(encoding="utf-8")
        section = f"{BEGIN}\n\n{self._section()}\n\n{END}"
        text = re.sub(f"{BEGIN}.*{END}", lambda _: section, text, flags=re.DOTALL)
        page.write_text(text, encoding="utf-8")

    def _section(self) -> str:
        plan = self._plan
        machine = "; ".join(f"{name} {value}" for name, value in self._machine.items())
        method = (
            f"{self._day}；{plan.rounds} 轮的中位数，每次计时 {plan.seconds:g} 秒，"
            f"预热 {plan.warm:g} 秒。"
        )
        others = f"测量时机器上别的工作至多占 {self._results.others_cores:.2f} 核。"
        parts = [
            f"{machine}。{method}{others}",
            "![每秒调用数与空应答之比](results.svg)",
            _markdown(COLUMNS, list(self._rows())),
            _markdown(BAR_COLUMNS, list(self._bar_rows())),
            "\n".join(f"- {line}" for line in (*self._further(), *self._troubles())),
        ]
        return "\n\n".join(part for part in parts if part)

    def _rows(self) -> Iterator[Sequence[str]]:
        results = self._results
        for subject in self._plan.subjects:
            counts = {n for name, n in results.windows if name == subject.name}
            for count in sorted(counts):
                yield subject.title, str(count), *self._figures(subject.name, count)

    def _figures(self, name: str, count: int) -> Iterator[str]:
        for form, of in _FIGURES:
            yield _formatted(self._results.typical(name, count, of), form)
        for base in (DRESSED, BARE):
            ratio = self._results.ratio((name, count), (base, count))
            yield _formatted(ratio, ".2f")

    def _bar_rows(self) -> Iterator[Sequence[str]]:
        for bar, figure in self.bars:
            sign = "≤" if bar.at_most else "≥"
            bound = f"{sign} {bar.bound:g}"
            yield bar.title, bound, _formatted(figure, ".2f"), _verdict(bar, figure)

    def _further(self) -> Iterator[str]:
        for extra in self._plan.extras:
            rounds = self._results.extras.get(extra.name)
            if rounds:
                medians = (f"{n} {self._median(extra.name, n)}" for n in rounds[0])
                yield f"{extra.title}: " + "; ".join(medians)
        if self._results.kept:
            counts = (
                f"{name} {acknowledged:,} → {stored:,}"
                for name, (acknowledged, stored) in self._results.kept.items()
            )
            yield "答复成功的结算 → 事后库中的结算：" + "; ".join(counts)

    def _median(self, extra: str, name: str) -> str:
        return _formatted(self._results.further(extra, lambda by: by[name]), ",.1f")

    def _troubles(self) -> Iterator[str]:
        for reason in self._results.failed.values():
            yield f"未测得：{reason}"
        for reason in self._results.flawed.values():
            yield f"有调用不成功：{reason}"

    def _raw(self) -> Mapping[str, object]:
        """Return what results.json holds."""
        results = self._results
        windows = [
            {"subject": name, "callers": count, "rounds": rounds}
            for (name, count), rounds in results.windows.items()
        ]
        return {
            "machine": self._machine,
            "day": self._day,
            "seconds": self._plan.seconds,
            "windows": windows,
            "extras": results.extras,
            "kept": results.kept,
            "failed": results.failed,
            "flawed": results.flawed,
        }


def _verdict(bar: Bar, figure: float | None) -> str:
    if figure is None:
        return "未测得"
    return "达到" if bar.reached(figure) else "未达到"


def _formatted(figure: float | None, form: str) -> str:
    return "—" if figure is None else format(figure, form)


def _print_table(console: Console, columns: Sequence[str], rows: Rows) -> None:
    table = Table(*columns)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _markdown(columns: Sequence[str], rows: Rows) -> str:
    if not rows:
        return ""
    alignment = ["---", *["--:" for _ in columns[1:]]]
    lines = [columns, alignment, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
