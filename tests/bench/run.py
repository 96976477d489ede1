"""Measure everything side by side in one run: `make bench`.

.venv/bin/python -m tests.bench.run [--quick] [--only NAME,…] [--callers N,…] [--rounds
N] [--seconds S] [--write]
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import click
from gongji.serve.clock import system_clock
from rich.console import Console

from tests.bench import compiled, machine
from tests.bench.extras import EXTRAS
from tests.bench.report import Report
from tests.bench.rounds import Plan, Rounds
from tests.bench.serving import Ground
from tests.bench.subjects import CALLERS, SUBJECTS
from tests.postgres import own

DISK: Final = "/var/tmp"  # noqa: S108 - where temporary files survive a restart, so on a disk
NAMES: Final = tuple(item.name for item in (*SUBJECTS, *EXTRAS))


def _numbers(_context: object, _option: object, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part)
    except ValueError:
        raise click.BadParameter(f"须为以逗号分隔的数目, 得到 {text!r}") from None


def _names(_context: object, _option: object, text: str) -> tuple[str, ...]:
    names = tuple(part for part in text.split(",") if part) or NAMES
    if unknown := [name for name in names if name not in NAMES]:
        raise click.BadParameter(f"没有 {'、'.join(unknown)}; 有 {'、'.join(NAMES)}")
    return names


@click.command(
    help="并排测量各个对象; 结果是同一次运行中的比值, 见 tests/bench/README.md."
)
@click.option(
    "--only", default="", metavar="NAME,…", callback=_names, help="只测这些对象."
)
@click.option(
    "--callers",
    default=",".join(map(str, CALLERS)),
    show_default=True,
    callback=_numbers,
    help="调用方数目.",
)
@click.option(
    "--rounds",
    default=3,
    show_default=True,
    type=click.IntRange(1),
    help="轮数, 各轮交错.",
)
@click.option("--seconds", default=3.0, show_default=True, help="每次计时的秒数.")
@click.option("--quick", is_flag=True, help="一轮, 每次计时 1 秒: 只为看看跑不跑得通.")
@click.option(
    "--write",
    is_flag=True,
    help="把结果写入 tests/bench 的 README.md、results.json 与 results.svg.",
)
def main(
    *,
    only: tuple[str, ...],
    callers: tuple[int, ...],
    rounds: int,
    seconds: float,
    quick: bool,
    write: bool,
) -> None:
    console = Console(width=None if sys.stdout.isatty() else 140)
    plan = Plan(
        subjects=[subject for subject in SUBJECTS if subject.name in only],
        extras=[extra for extra in EXTRAS if extra.name in only],
        callers=callers,
        rounds=rounds,
        seconds=seconds,
    )
    if quick:
        plan = replace(plan, rounds=1, seconds=1.0, warm=0.5)
    try:
        compiled.load_client()
    except RuntimeError as missing_tool:
        raise click.ClickException(str(missing_tool)) from missing_tool
    report = measured(plan, console)
    report.show(console)
    if write:
        report.write()
    sys.exit(0 if report.whole else 1)


def measured(plan: Plan, console: Console) -> Report:
    """Return the report of what a plan measures, telling the console as it goes."""

    def say(line: str) -> None:
        console.print(line, highlight=False, markup=False)

    with on_disk() as ground:
        results = Rounds(ground, plan, say).results()
        today = f"{system_clock():%Y-%m-%d}"
        return Report(plan, results, machine.described(ground), today)


@contextmanager
def on_disk() -> Iterator[Ground]:
    """Give a ground in a temporary folder on a disk; all temporary files lie there."""
    tempfile.tempdir = DISK
    with ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="gongji-bench-")
        folder = Path(stack.enter_context(temporary))
        yield Ground(folder, lambda: stack.enter_context(own()))


if __name__ == "__main__":
    main()
