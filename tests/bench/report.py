"""The results in words: tables for the terminal and for README.md, the picture, and the
raw figures."""

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
_FIGURES: Final[tuple[tuple[str, Callable[[Measured], float]], ...]] = (
    (",.0f", lambda w: w.calls_per_s),
    (".1f", lambda w: w.p50_ms),
    (".1f", lambda w: w.p99_ms),
    (",.0f", lambda w: w.server_us),
    (",.0f", lambda w: w.database_us),
)


class Report:
    """One run's results, told in several ways."""

    def __init__(
        self, plan: Plan, results: Results, machine: Mapping[str, str], day: str
    ) -> None:
        self._plan, self._results, self._machine, self._day = (
            plan,
            results,
            machine,
            day,
        )

    @property
    def bars(self) -> list[tuple[Bar, float | None]]:
        """The figures to reach among what was asked for, None where one could not be measured."""
        asked = {s.name for s in self._plan.subjects} | {
            e.name for e in self._plan.extras
        }
        wanted = [
            bar
            for bar in BARS
            if asked.issuperset(bar.needs) and bar.callers in {0, *self._plan.callers}
        ]
        return [(bar, bar.measured(self._results)) for bar in wanted]

    @property
    def whole(self) -> bool:
        """Whether everything asked for was measured, no call went wrong, and what was
        acknowledged was found."""
        troubled = self._results.failed or self._results.flawed
        return not troubled and all(figure is not None for _, figure in self.bars)

    def show(self, console: Console) -> None:
        """Prints the tables."""
        _shown(console, COLUMNS, list(self._rows()))
        if bars := list(self._bar_rows()):
            _shown(console, ("要达到的", "界限", "测得", ""), bars)
        for line in (*self._further(), *self._troubles()):
            console.print(line, highlight=False, markup=False)

    def write(self) -> None:
        """Renews the section of README.md, the picture and the raw figures."""
        (HERE / "results.svg").write_text(
            drawn(self._results, self._plan.subjects, self._plan.callers, DRESSED),
            encoding="utf-8",
        )
        raw = {
            "machine": self._machine,
            "day": self._day,
            "seconds": self._plan.seconds,
            "windows": self._raw(),
        }
        raw |= {"extras": self._results.extras, "kept": self._results.kept}
        raw |= {"failed": self._results.failed, "flawed": self._results.flawed}
        (HERE / "results.json").write_bytes(
            msgspec.json.format(msgspec.json.encode(raw), indent=1) + b"\n"
        )
        page = HERE / "README.md"
        text = page.read_text(encoding="utf-8")
        section = f"{BEGIN}\n\n{self._section()}\n\n{END}"
        page.write_text(
            re.sub(f"{BEGIN}.*{END}", lambda _: section, text, flags=re.DOTALL),
            encoding="utf-8",
        )

    def _section(self) -> str:
        plan = self._plan
        machine = "; ".join(f"{name} {value}" for name, value in self._machine.items())
        how = (
            f"{self._day}; {plan.rounds} 轮的中位数, 每次计时 {plan.seconds:g} 秒, "
            f"预热 {plan.warm:g} 秒。"
        )
        others = f"测量时机器上别的工作至多占 {self._results.others_cores:.2f} 核。"
        parts = [
            f"{machine}。{how}{others}",
            "![每秒调用数与空应答之比](results.svg)",
            _markdown(COLUMNS, list(self._rows())),
            _markdown(("要达到的", "界限", "测得", ""), list(self._bar_rows())),
            "\n".join(f"- {line}" for line in (*self._further(), *self._troubles())),
        ]
        return "\n\n".join(part for part in parts if part)

    def _rows(self) -> Iterator[Sequence[str]]:
        for subject in self._plan.subjects:
            for count in sorted(
                {n for name, n in self._results.windows if name == subject.name}
            ):
                figures = [
                    _told(self._results.typical(subject.name, count, of), how)
                    for how, of in _FIGURES
                ]
                ratios = [
                    _told(self._results.ratio((subject.name, count), (e, count)), ".2f")
                    for e in (DRESSED, BARE)
                ]
                yield subject.title, str(count), *figures, *ratios

    def _bar_rows(self) -> Iterator[Sequence[str]]:
        for bar, figure in self.bars:
            verdict = (
                "未测得"
                if figure is None
                else "达到"
                if bar.reached(figure)
                else "未达到"
            )
            yield (
                bar.title,
                f"{'≤' if bar.at_most else '≥'} {bar.bound:g}",
                _told(figure, ".2f"),
                verdict,
            )

    def _further(self) -> Iterator[str]:
        for extra in self._plan.extras:
            found = self._results.extras.get(extra.name, [])
            names = found[0] if found else {}
            if names:
                yield f"{extra.title}: " + "; ".join(
                    f"{name} {_of(self._results, extra.name, name)}" for name in names
                )
        if self._results.kept:
            told = (
                f"{name} {acked:,} → {found:,}"
                for name, (acked, found) in self._results.kept.items()
            )
            yield "答复成功的结算 → 事后库中的结算: " + "; ".join(told)

    def _troubles(self) -> Iterator[str]:
        yield from (f"未测得: {why}" for why in self._results.failed.values())
        yield from (f"有调用不成功: {why}" for why in self._results.flawed.values())

    def _raw(self) -> Sequence[Mapping[str, object]]:
        return [
            {"subject": name, "callers": count, "rounds": windows}
            for (name, count), windows in self._results.windows.items()
        ]


def _of(results: Results, extra: str, name: str) -> str:
    return _told(results.further(extra, lambda by: by[name]), ",.1f")


def _told(figure: float | None, how: str) -> str:
    return "—" if figure is None else format(figure, how)


def _shown(console: Console, columns: Sequence[str], rows: Rows) -> None:
    table = Table(*columns)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _markdown(columns: Sequence[str], rows: Rows) -> str:
    if not rows:
        return ""
    lines = [columns, ["---", *["--:" for _ in columns[1:]]], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
