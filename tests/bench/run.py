"""Measures everything side by side in one run: `make bench`.

.venv/bin/python -m tests.bench.run [--quick] [--only NAME,…] [--callers N,…] [--rounds
N] [--seconds S] [--write]
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click
from gongji.serve.clock import system_clock
from rich.console import Console

from tests.bench import compiled, machine
from tests.bench.extras import EXTRAS
from tests.bench.report import Report
from tests.bench.rounds import Plan, Run
from tests.bench.serving import Ground
from tests.bench.subjects import CALLERS, SUBJECTS
from tests.postgres import own

DISK: Final = "/var/tmp"  # noqa: S108 - where temporary files survive a restart, so on a disk
NAMES: Final = tuple(one.name for one in (*SUBJECTS, *EXTRAS))


def _numbers(_context: object, _option: object, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",") if part)
    except ValueError:
        raise click.BadParameter(f"须为以逗号分隔的数目, 得到 {text!r}") from None


def _names(_context: object, _option: object, text: str) -> tuple[str, ...]:
    asked = tuple(part for part in text.split(",") if part) or NAMES
    if unknown := [name for name in asked if name not in NAMES]:
        raise click.BadParameter(f"没有 {'、'.join(unknown)}; 有 {'、'.join(NAMES)}")
    return asked


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
    subjects = [one for one in SUBJECTS if one.name in only]
    extras = [one for one in EXTRAS if one.name in only]
    how = (
        {"rounds": 1, "seconds": 1.0, "warm": 0.5}
        if quick
        else {"rounds": rounds, "seconds": seconds}
    )
    plan = Plan(subjects, extras, callers, **how)  # type: ignore[arg-type] # as named
    try:
        compiled.load_client()
    except RuntimeError as missing:
        raise click.ClickException(str(missing)) from missing
    tempfile.tempdir = DISK
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="gongji-bench-"))
        )
        ground = Ground(folder, lambda: stack.enter_context(own()))
        results = Run(
            ground,
            plan,
            lambda line: console.print(line, highlight=False, markup=False),
        ).results()
        report = Report(
            plan, results, machine.described(ground), f"{system_clock():%Y-%m-%d}"
        )
    report.show(console)
    if write:
        report.write()
    sys.exit(0 if report.whole else 1)


if __name__ == "__main__":
    main()
